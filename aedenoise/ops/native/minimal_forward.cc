// Forward: a convolution by a minimal filtering algorithm, plus bias, then ReLU, or ReLU and max
// pooling, if asked for.
#include <limits>

#include "minimal_conv.h"
#include "parallel.h"

namespace aedenoise {
namespace {

// Transforms the products of some tiles back, adds the bias and stores the outputs; values below
// `least` are raised to it, NaN stays NaN.
template <class Form>
void TransformOutput(const Values& products, const Tiling<Form>& tiling, int64_t first,
                     int64_t count, const float* bias, float least, const Shape& out, float* y) {
  constexpr int kOut = Form::kOut, kProducts = Form::kProducts;
  const int64_t outputs = out.channels;
  tiling.Each(first, count, [&](int64_t n, int64_t image, int64_t i, int64_t j) {
    const int64_t rows = std::min<int64_t>(kOut, out.height - i * kOut);
    const int64_t columns = std::min<int64_t>(kOut, out.width - j * kOut);
    float* corner = y + image * out.image() + (i * out.row() + j * outputs) * kOut;
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
          Store(corner + k / kOut * out.row() + k % kOut * outputs + o, sums[k]);
      } else {
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t c = 0; c < columns; ++c)
            StorePart(corner + r * out.row() + c * outputs + o, sums[r * kOut + c], outputs - o);
      }
    }
  });
}

template <class Form>
ffi::Error Run(ffi::ThreadPool& pool, const Source& source, const Floats& w, const Floats& bias,
               const Target& target, bool relu) {
  constexpr int kProducts = Form::kProducts * Form::kProducts;
  const Shape in = source.shape, out = target.shape;
  const Tiling<Form> tiling(in, out);
  const int64_t channels = in.channels, outputs = out.channels;
  const int64_t networks = w.dimensions()[0], network_size = w.element_count() / networks;
  const int64_t blocks = CeilDiv(outputs, kBlock), bias_size = blocks * kBlock;
  std::vector<std::vector<float>> weights(networks);
  std::vector<float> biases(networks * bias_size, 0.0f);
  for (int64_t n = 0; n < networks; ++n) {
    PackWeights(w.typed_data() + n * network_size, kProducts, channels, outputs, false,
                weights[n]);
    std::copy_n(bias.typed_data() + n * outputs, outputs, biases.data() + n * bias_size);
  }

  const float least = relu && !target.Pooling() ? 0.0f : -std::numeric_limits<float>::infinity();
  const Share share(tiling.tiles());
  const int64_t batch = in.batch / networks, parts = PartsOfBatch(pool, batch);
  Parallel(pool, networks * parts, [&](int64_t index) {
    const int64_t network = index / parts, part = index % parts;
    thread_local std::vector<float> input_buffer, values_buffer, products_buffer, output_buffer;
    float* input = Scratch(input_buffer, share.images * tiling.size);
    const Values values(values_buffer, kProducts, share.tiles, channels);
    const Values products(products_buffer, kProducts, share.tiles, outputs);
    float* full = target.AsIs() ? nullptr : Scratch(output_buffer, share.images * out.image());
    const int64_t before = network * batch, end = before + batch * (part + 1) / parts;
    for (int64_t b = before + batch * part / parts; b < end; b += share.images) {
      const int64_t images = std::min(share.images, end - b);
      for (int64_t n = 0; n < images; ++n)
        source.Copy(b + n, input + tiling.Origin(n), tiling.row);
      const int64_t tiles = images * tiling.tiles();
      for (int64_t first = 0; first < tiles; first += share.tiles) {
        const int64_t count = std::min(share.tiles, tiles - first);
        TransformInput(tiling, input, first, count, values);
        for (int64_t k = 0; k < kProducts; ++k)
          Product(values.data + k * values.matrix, values.row, count, channels,
                  weights[network].data() + k * blocks * channels * kBlock, outputs,
                  products.data + k * products.matrix, products.row);
        TransformOutput(products, tiling, first, count, biases.data() + network * bias_size, least,
                        out, full == nullptr ? target.Image(b) : full);
      }
      for (int64_t n = 0; n < images && full != nullptr; ++n)
        target.Finish(b + n, full + n * out.image());
    }
  });
  return ffi::Error::Success();
}

ffi::Error Forward(ffi::ThreadPool pool, Floats x, Floats w, Floats bias, ffi::Result<Floats> y,
                   ffi::Result<Bytes> winner, int64_t form, Integers row_first, Weights row_weights,
                   Integers column_first, Weights column_weights, bool relu, int64_t window) {
  const Source source(x, {{row_first, row_weights}, {column_first, column_weights}});
  const Target target(y, winner, window);
  switch (form) {
    case 0: return Run<Convolution3>(pool, source, w, bias, target, relu);
    case 1: return Run<Upsampling3>(pool, source, w, bias, target, relu);
    case 2: return Run<Transposed3>(pool, source, w, bias, target, relu);
    default: return ffi::Error::InvalidArgument("unknown form of a minimal filtering algorithm");
  }
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(aedenoise_minimal_conv, Forward,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Bytes>()
                                  .Attr<int64_t>("form")
                                  .Attr<Integers>("row_first")
                                  .Attr<Weights>("row_weights")
                                  .Attr<Integers>("column_first")
                                  .Attr<Weights>("column_weights")
                                  .Attr<bool>("relu")
                                  .Attr<int64_t>("window"));

}  // namespace aedenoise
