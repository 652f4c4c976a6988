// The forward pass of a minimal filtering algorithm, some padded images at a time.
#pragma once

#include "minimal_conv.h"

namespace aedenoise {

// Images in memory, whose rows may lie further apart than they are long.
struct Layout {
  int64_t height, width, channels, row, image;
  explicit Layout(const Shape& shape)
      : height(shape.height), width(shape.width), channels(shape.channels), row(shape.row()),
        image(shape.image()) {}
};

// Transforms the products of some tiles back, adds the bias and stores the outputs; values below
// `least` are raised to it, NaN stays NaN.
template <class Form>
void TransformOutput(const Values& products, const Tiling<Form>& tiling, int64_t first,
                     int64_t count, const float* bias, float least, const Layout& out, float* y) {
  constexpr int kOut = Form::kOut, kProducts = Form::kProducts;
  const int64_t outputs = out.channels;
  tiling.Each(first, count, [&](int64_t n, int64_t image, int64_t i, int64_t j) {
    const int64_t rows = std::min<int64_t>(kOut, out.height - i * kOut);
    const int64_t columns = std::min<int64_t>(kOut, out.width - j * kOut);
    float* corner = y + image * out.image + (i * out.row + j * outputs) * kOut;
    for (int64_t o = 0; o < outputs; o += kLanes) {
      const float* from = products.data + n * products.row + o;
      const Vector added = Load(bias + o);
      Vector sums[kOut * kOut];
      Nested<OutputMatrix<Form>>(
          [&](int r, int c) { return Load(from + (r * kProducts + c) * products.matrix); },
          [&](int r, int c, Vector sum) {
            sum += added;
            sums[r * kOut + c] = sum < least ? least : sum;
          });
      if (rows == kOut && columns == kOut && outputs - o >= kLanes) {
#pragma GCC unroll 16
        for (int k = 0; k < kOut * kOut; ++k)
          Store(corner + k / kOut * out.row + k % kOut * outputs + o, sums[k]);
      } else {
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t c = 0; c < columns; ++c)
            StorePart(corner + r * out.row + c * outputs + o, sums[r * kOut + c], outputs - o);
      }
    }
  });
}

// A minimal filtering algorithm with the weights and biases of some networks.
template <class Form>
class MinimalForward {
 public:
  MinimalForward(const Tiling<Form>& tiling, const Floats& w, const Floats& bias)
      : tiling_(tiling), share_(tiling.tiles()), outputs_(w.dimensions()[4]) {
    const int64_t networks = w.dimensions()[0], size = w.element_count() / networks;
    for (int64_t n = 0; n < networks; ++n) {
      weights_.push_back(
          PackWeights<Form>(w.typed_data() + n * size, tiling.channels, outputs_, false));
      biases_.emplace_back(CeilDiv(outputs_, kBlock) * kBlock, 0.0f);
      std::copy_n(bias.typed_data() + n * outputs_, outputs_, biases_[n].data());
    }
  }

  // Computes the outputs of some padded images, raised to `least`.
  void Run(int64_t network, const float* input, int64_t images, float least, const Layout& out,
           float* y) const {
    constexpr int kProducts = Form::kProducts * Form::kProducts;
    thread_local Buffer values_buffer, products_buffer;
    const Values values(values_buffer, kProducts, share_.tiles, tiling_.channels);
    const Values products(products_buffer, kProducts, share_.tiles, outputs_);
    const int64_t size = CeilDiv(outputs_, kBlock) * tiling_.channels * kBlock;
    const int64_t tiles = images * tiling_.tiles();
    for (int64_t first = 0; first < tiles; first += share_.tiles) {
      const int64_t count = std::min(share_.tiles, tiles - first);
      TransformInput(tiling_, input, first, count, values);
      for (int64_t k = 0; k < kProducts; ++k)
        Product(values.data + k * values.matrix, values.row, count, tiling_.channels,
                weights_[network].data() + k * size, outputs_,
                products.data + k * products.matrix, products.row);
      TransformOutput(products, tiling_, first, count, biases_[network].data(), least, out, y);
    }
  }

 private:
  Tiling<Form> tiling_;
  Share share_;
  int64_t outputs_;
  std::vector<Buffer> weights_, biases_;  // of each network
};

}  // namespace aedenoise
