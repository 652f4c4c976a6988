// Backward: the gradients of a minimal filtering algorithm with respect to its input, its
// kernel and its bias. All are transposes of the forward pass, and share the
// transformed gradient of the output.
#include "minimal_conv.h"
#include "parallel.h"

namespace aedenoise {
namespace {

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
  for (int k = 0; k < K; ++k)
    for (int v = 0; v < V; ++v) sum[k][v] = Load(sums + k * g_stride + v * kLanes);
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
  for (int k = 0; k < K; ++k)
    for (int v = 0; v < V; ++v) Store(sums + k * g_stride + v * kLanes, sum[k][v]);
}

// sums [channels, outputs] += x^T g, rows of sums and of g being g_stride apart.
void AddOuterProducts(const float* x, int64_t x_stride, int64_t channels, const float* g,
                      int64_t g_stride, int64_t outputs, int64_t tiles, float* sums) {
  for (int64_t o = 0; o < outputs; o += kBlock)
    EachTile(channels, [&](auto size, int64_t first) {
      constexpr int K = decltype(size)::value;
      const auto tile = outputs - o <= kLanes ? SumTile<K, 1> : SumTile<K, kVectors>;
      tile(x + first, x_stride, g + o, g_stride, tiles, sums + first * g_stride + o);
    });
}

template <class Form>
ffi::Error Run(ffi::ThreadPool& pool, const Source& source, const Source& gradient,
               const Floats& w, const Target& target, Floats& dw, Floats& dbias) {
  constexpr int kProducts = Form::kProducts * Form::kProducts;
  const Shape in = source.shape, out = gradient.shape;
  const Tiling<Form> tiling(in, out);
  const int64_t channels = in.channels, outputs = out.channels;
  const int64_t networks = w.dimensions()[0], network_size = w.element_count() / networks;
  const int64_t sums_row = Values::Row(outputs), blocks = CeilDiv(channels, kBlock);
  std::vector<std::vector<float>> weights(networks);
  for (int64_t n = 0; n < networks; ++n)
    weights[n] = PackWeights<Form>(w.typed_data() + n * network_size, channels, outputs, true);

  const int64_t batch = in.batch / networks, parts = PartsOfSum(batch);  // of each network
  const int64_t sums_size = kProducts * channels * sums_row, part_size = sums_size + sums_row;
  std::vector<float> sums(networks * parts * part_size, 0.0f);
  const int64_t row = tiling.columns * Form::kOut * outputs;  // of the padded gradient
  const int64_t image = tiling.rows * Form::kOut * row;
  const Share share(tiling.tiles());
  Parallel(pool, networks * parts, [&](int64_t index) {
    const int64_t network = index / parts, part = index % parts;
    thread_local std::vector<float> input_buffer, gradient_buffer, values_buffer, products_buffer,
        padded_buffer, full_buffer;
    float* input = Scratch(input_buffer, share.images * tiling.size);
    float* padded = Scratch(gradient_buffer, share.images * image);
    const Values values(values_buffer, kProducts, share.tiles, channels);
    const Values products(products_buffer, kProducts, share.tiles, outputs);
    float* full = target.AsIs() ? nullptr : Unset(full_buffer, in.image());
    float* dw_sums = sums.data() + index * part_size;
    float* dbias_sums = dw_sums + sums_size;
    const int64_t before = network * batch, end = before + batch * (part + 1) / parts;
    for (int64_t b = before + batch * part / parts; b < end; b += share.images) {
      const int64_t images = std::min(share.images, end - b);
      for (int64_t n = 0; n < images; ++n) {
        source.Copy(b + n, input + tiling.Origin(n), tiling.row);
        gradient.Copy(b + n, padded + n * image, row);
      }
      float* input_gradient = Scratch(padded_buffer, images * tiling.size);
      const int64_t tiles = images * tiling.tiles();
      for (int64_t first = 0; first < tiles; first += share.tiles) {
        const int64_t count = std::min(share.tiles, tiles - first);
        TransformInput(tiling, input, first, count, values);
        TransformGradient(tiling, padded, outputs, first, count, products, dbias_sums);
        for (int64_t k = 0; k < kProducts; ++k) {
          float* x = values.data + k * values.matrix;
          const float* g = products.data + k * products.matrix;
          AddOuterProducts(x, values.row, channels, g, products.row, outputs, count,
                           dw_sums + k * channels * sums_row);
          Product(g, products.row, count, outputs,
                  weights[network].data() + k * blocks * outputs * kBlock, channels, x,
                  values.row);
        }
        AddInputGradient(values, tiling, first, count, input_gradient);
      }
      for (int64_t n = 0; n < images; ++n) {
        float* y = full == nullptr ? target.Image(b + n) : full;
        for (int64_t i = 0; i < in.height; ++i)
          std::memcpy(y + i * in.row(), input_gradient + tiling.Origin(n) + i * tiling.row,
                      in.row() * sizeof(float));
        if (full != nullptr) target.Finish(b + n, full);
      }
    }
  });

  // The sums of the products go back to the taps.
  AddParts(pool, sums.data(), networks, parts, part_size);
  std::fill_n(dw.typed_data(), dw.element_count(), 0.0f);
  for (int64_t network = 0; network < networks; ++network) {
    const float* from = sums.data() + network * parts * part_size;
    EachWeight<Form>([&](int k, int t, float factor) {
      for (int64_t c = 0; c < channels; ++c) {
        const float* row = from + (k * channels + c) * sums_row;
        float* to = dw.typed_data() + network * network_size + (t * channels + c) * outputs;
        for (int64_t o = 0; o < outputs; ++o) to[o] += factor * row[o];
      }
    });
    std::copy_n(from + sums_size, outputs, dbias.typed_data() + network * outputs);
  }
  return ffi::Error::Success();
}

ffi::Error Backward(ffi::ThreadPool pool, Floats x, Floats g, ffi::AnyBuffer gate, Floats w,
                    ffi::Result<Floats> dx, ffi::Result<Floats> dw, ffi::Result<Floats> dbias,
                    int64_t form, Integers row_first, Weights row_weights, Integers column_first,
                    Weights column_weights, int64_t window) {
  const Resampling resampling{{row_first, row_weights}, {column_first, column_weights}};
  const Source source(x, resampling), gradient(g, gate, window);
  const Target target(dx, resampling);
  switch (form) {
    case 0: return Run<Convolution3>(pool, source, gradient, w, target, *dw, *dbias);
    case 1: return Run<Upsampling3>(pool, source, gradient, w, target, *dw, *dbias);
    case 2: return Run<Transposed3>(pool, source, gradient, w, target, *dw, *dbias);
    default: return ffi::Error::InvalidArgument("unknown form of a minimal filtering algorithm");
  }
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(aedenoise_minimal_conv_backward, Backward,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Arg<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Floats>()
                                  .Attr<int64_t>("form")
                                  .Attr<Integers>("row_first")
                                  .Attr<Weights>("row_weights")
                                  .Attr<Integers>("column_first")
                                  .Attr<Weights>("column_weights")
                                  .Attr<int64_t>("window"));

}  // namespace aedenoise
