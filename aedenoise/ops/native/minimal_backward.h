// The gradients of a minimal filtering algorithm with respect to its input, its kernel and its
// bias, some padded images at a time. All are transposes of the forward pass, and share the
// transformed gradient of the output.
#pragma once

#include "minimal_conv.h"
#include "parallel.h"

namespace aedenoise {

// Transforms the gradient of some tiles' outputs, and adds it to sums [outputs]. In `gradient` each
// image has whole tiles, zero outside of the image.
template <class Form>
void TransformGradient(const Tiling<Form>& tiling, const float* gradient, int64_t outputs,
                       int64_t first, int64_t count, const Values& values, float* sums) {
  constexpr int kOut = Form::kOut, kProducts = Form::kProducts;
  const int64_t row = tiling.columns * kOut * outputs;
  tiling.Each(first, count, [&](int64_t n, int64_t image, int64_t i, int64_t j) {
    const float* corner = gradient + ((image * tiling.rows + i) * row + j * outputs) * kOut;
    for (int64_t o = 0; o < outputs; o += kLanes) {
      float* to = values.data + n * values.row + o;
      Vector sum = Load(sums + o);
      Nested<Transpose<OutputMatrix<Form>>>(
          [&](int r, int c) {
            const Vector x = Load(corner + r * row + c * outputs + o);
            sum += x;
            return x;
          },
          [&](int r, int c, Vector y) { Store(to + (r * kProducts + c) * values.matrix, y); });
      Store(sums + o, sum);
    }
  });
}

// Transforms the products of some tiles back and adds them to the padded gradient of the input.
template <class Form>
void AddInputGradient(const Values& products, const Tiling<Form>& tiling, int64_t first,
                      int64_t count, float* input) {
  constexpr int kProducts = Form::kProducts;
  const int64_t channels = tiling.channels;
  tiling.Each(first, count, [&](int64_t n, int64_t image, int64_t i, int64_t j) {
    float* corner = input + tiling.At(image, i, j);
    for (int64_t c = 0; c < channels; c += kLanes) {
      const float* from = products.data + n * products.row + c;
      Nested<Transpose<InputMatrix<Form>>>(
          [&](int r, int q) { return Load(from + (r * kProducts + q) * products.matrix); },
          [&](int r, int q, Vector y) {
            // Lanes past the channels are zero, so that the next pixel keeps its value.
            float* to = corner + r * tiling.row + q * channels + c;
            Store(to, Load(to) + y);
          });
    }
  });
}

// Adds x^T g to K rows of sums, for x [tiles, channels] and g [tiles, outputs].
template <int K, int V>
void SumTile(const float* x, int64_t x_stride, const float* g, int64_t g_stride, int64_t tiles,
             float* sums) {
  Vector sum[K][V];
  EachSum(sum, [&](int k, int v, Vector& one) { one = Load(sums + k * g_stride + v * kLanes); });
  for (int64_t n = 0; n < tiles; ++n, x += x_stride, g += g_stride) {
    Vector value[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) value[v] = Load(g + v * kLanes);
#pragma GCC unroll 16
    for (int k = 0; k < K; ++k) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[k][v] += x[k] * value[v];
    }
  }
  EachSum(sum, [&](int k, int v, Vector& one) { Store(sums + k * g_stride + v * kLanes, one); });
}

// sums [channels, outputs] += x^T g, rows of sums and of g being g_stride apart.
inline void AddOuterProducts(const float* x, int64_t x_stride, int64_t channels, const float* g,
                      int64_t g_stride, int64_t outputs, int64_t tiles, float* sums) {
  for (int64_t o = 0; o < outputs; o += kBlock)
    EachTile(channels, [&](auto size, int64_t first) {
      constexpr int K = decltype(size)::value;
      const auto tile = outputs - o <= kLanes ? SumTile<K, 1> : SumTile<K, kVectors>;
      tile(x + first, x_stride, g + o, g_stride, tiles, sums + first * g_stride + o);
    });
}

// The gradients of a minimal filtering algorithm with the kernels of some networks. Sums for the
// kernel and the bias are taken over parts of each network's batch.
template <class Form>
class MinimalBackward {
 public:
  MinimalBackward(const Tiling<Form>& tiling, const Floats& w, int64_t parts)
      : row(tiling.columns * Form::kOut * w.dimensions()[4]), image(tiling.rows * Form::kOut * row),
        tiling_(tiling), share_(tiling.tiles()), outputs_(w.dimensions()[4]), parts_(parts),
        sums_row_(Values::Row(outputs_)),
        kernel_size_(kProducts * tiling.channels * sums_row_), size_(kernel_size_ + sums_row_),
        sums_(w.dimensions()[0] * parts * size_, 0.0f) {
    const int64_t networks = w.dimensions()[0], size = w.element_count() / networks;
    for (int64_t n = 0; n < networks; ++n)
      weights_.push_back(
          PackWeights<Form>(w.typed_data() + n * size, tiling.channels, outputs_, true));
  }

  // Length of a row and of an image of the output's gradient, zeros outside of the image.
  const int64_t row, image;

  // Adds the sums of some padded images to those of a part, and the gradients of the images to
  // `input_gradient`, padded as they are.
  void Add(int64_t network, int64_t part, const float* input, const float* gradient,
           int64_t images, float* input_gradient) {
    thread_local Buffer values_buffer, products_buffer;
    const int64_t channels = tiling_.channels;
    const Values values(values_buffer, kProducts, share_.tiles, channels);
    const Values products(products_buffer, kProducts, share_.tiles, outputs_);
    const int64_t size = CeilDiv(channels, kBlock) * outputs_ * kBlock;
    float* kernel_sums = sums_.data() + (network * parts_ + part) * size_;
    const int64_t tiles = images * tiling_.tiles();
    for (int64_t first = 0; first < tiles; first += share_.tiles) {
      const int64_t count = std::min(share_.tiles, tiles - first);
      TransformInput(tiling_, input, first, count, values);
      TransformGradient(tiling_, gradient, outputs_, first, count, products,
                        kernel_sums + kernel_size_);
      for (int64_t k = 0; k < kProducts; ++k) {
        float* x = values.data + k * values.matrix;
        const float* g = products.data + k * products.matrix;
        AddOuterProducts(x, values.row, channels, g, products.row, outputs_, count,
                         kernel_sums + k * channels * sums_row_);
        Product(g, products.row, count, outputs_, weights_[network].data() + k * size, channels, x,
                values.row);
      }
      AddInputGradient(values, tiling_, first, count, input_gradient);
    }
  }

  // Adds the parts, and returns the sums of the products to the taps.
  void Finish(ffi::ThreadPool& pool, Floats& dw, Floats& dbias) {
    const int64_t networks = weights_.size(), channels = tiling_.channels;
    AddParts(pool, sums_.data(), networks, parts_, size_);
    std::fill_n(dw.typed_data(), dw.element_count(), 0.0f);
    for (int64_t network = 0; network < networks; ++network) {
      const float* from = sums_.data() + network * parts_ * size_;
      float* kernel = dw.typed_data() + network * dw.element_count() / networks;
      EachWeight<Form>([&](int k, int t, float factor) {
        for (int64_t c = 0; c < channels; ++c) {
          const float* sums = from + (k * channels + c) * sums_row_;
          float* to = kernel + (t * channels + c) * outputs_;
          for (int64_t o = 0; o < outputs_; ++o) to[o] += factor * sums[o];
        }
      });
      std::copy_n(from + kernel_size_, outputs_, dbias.typed_data() + network * outputs_);
    }
  }

 private:
  static constexpr int kProducts = Form::kProducts * Form::kProducts;
  Tiling<Form> tiling_;
  Share share_;
  int64_t outputs_, parts_, sums_row_;
  int64_t kernel_size_, size_;  // of the sums for the kernel, and with those for the bias
  Buffer sums_;                 // [network][part]
  std::vector<Buffer> weights_;  // of each network
};

}  // namespace aedenoise
