// Weight gradient: dw[u, v, c, o] and dbias[o] from x and the gradient of the output. `turned`
// tells that their roles are exchanged, so that an interpolation belongs to the gradient.
#include "parallel.h"
#include "phase_conv.h"
#include "tiles.h"

namespace aedenoise {
namespace {

// Some pixels of one phase: an image and the gradient of its output, laid over each other.
struct Overlay {
  const float* in;
  const float* gradient;
  const int64_t *in_at, *out_at;  // of each pixel
  int64_t pixels;
};

// Adds to K rows of weights, whose taps lie at `taps` and whose sums at `rows`.
template <int K, int V>
void Tile(const Overlay& over, const int64_t* taps, const int64_t* rows, float* sums,
          int64_t outputs) {
  Vector sum[K][V] = {};
  int64_t at[K];
  for (int k = 0; k < K; ++k) at[k] = taps[k];
  for (int64_t n = 0; n < over.pixels; ++n) {
    const float* x = over.in + over.in_at[n];
    const float* g = over.gradient + over.out_at[n];
    Vector value[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) value[v] = Load(g + v * kLanes);
#pragma GCC unroll 16
    for (int k = 0; k < K; ++k) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[k][v] += x[at[k]] * value[v];
    }
  }
  if (outputs >= V * kLanes) {
    for (int k = 0; k < K; ++k)
      for (int v = 0; v < V; ++v) {
        float* to = sums + rows[k] + v * kLanes;
        Store(to, Load(to) + sum[k][v]);
      }
  } else {
    for (int k = 0; k < K; ++k)
      for (int64_t o = 0; o < outputs; ++o) sums[rows[k] + o] += sum[k][o / kLanes][o % kLanes];
  }
}

// Adds all pixels to sums [outputs]. Vectors may be read past the last.
void SumPixels(const float* from, int64_t pixels, int64_t outputs, float* sums) {
  constexpr int kApart = 4;  // sums that do not wait for each other
  for (int64_t o = 0; o < outputs; o += kLanes) {
    Vector sum[kApart] = {};
    int64_t n = 0;
    for (; n + kApart <= pixels; n += kApart)
      for (int a = 0; a < kApart; ++a) sum[a] += Load(from + (n + a) * outputs + o);
    for (; n < pixels; ++n) sum[0] += Load(from + n * outputs + o);
    const Vector total = (sum[0] + sum[1]) + (sum[2] + sum[3]);
    for (int64_t lane = 0; lane < std::min<int64_t>(kLanes, outputs - o); ++lane)
      sums[o + lane] += total[lane];
  }
}

// Pixels that all tiles go over before the next: few enough to stay in the nearest cache.
constexpr int64_t kPixels = 100;

struct Phase {
  std::vector<int64_t> taps, rows;  // of every (tap, channel)
  std::vector<int64_t> in_at, out_at;  // of every pixel
};

ffi::Error WeightGradient(ffi::ThreadPool pool, Floats x, Floats g, ffi::AnyBuffer gate,
                          ffi::Result<Floats> dw, ffi::Result<Floats> dbias, int64_t row_si,
                          int64_t row_so, Integers row_start, Integers row_shift,
                          int64_t column_si, int64_t column_so, Integers column_start,
                          Integers column_shift, Integers row_first, Weights row_weights,
                          Integers column_first, Weights column_weights, bool turned,
                          int64_t window) {
  const Axis rows{row_si, row_so, row_start, row_shift};
  const Axis columns{column_si, column_so, column_start, column_shift};
  const Resampling resampling{{row_first, row_weights}, {column_first, column_weights}};
  const Source source(x, turned ? Resampling{} : resampling);
  const Source gradient = turned ? Source(g, resampling) : Source(g, gate, window);
  const Shape in = source.shape, out = gradient.shape;
  const int64_t channels = in.channels, outputs = out.channels;
  const Padded padded(rows, columns, in, out);
  // Whole vectors are read: the last may reach past the array unless it is copied.
  const bool copying = !gradient.AsIs() || outputs % kLanes != 0;

  std::vector<Phase> phases;
  for (int64_t p = 0; p < rows.so; ++p)
    for (int64_t q = 0; q < columns.so; ++q) {
      Phase phase;
      for (int64_t u = rows.start[p]; u < rows.start[p + 1]; ++u)
        for (int64_t v = columns.start[q]; v < columns.start[q + 1]; ++v)
          for (int64_t c = 0; c < channels; ++c) {
            phase.taps.push_back(rows.shift[u] * padded.row + columns.shift[v] * channels + c);
            phase.rows.push_back(((u * columns.taps() + v) * channels + c) * outputs);
          }
      for (int64_t i = 0; i < rows.Places(p, out.height); ++i)
        for (int64_t j = 0; j < columns.Places(q, out.width); ++j) {
          phase.in_at.push_back(i * rows.si * padded.row + j * columns.si * channels);
          phase.out_at.push_back((rows.so * i + p) * out.row() + (columns.so * j + q) * outputs);
        }
      phases.push_back(std::move(phase));
    }

  const int64_t networks = dw->dimensions()[0], batch = in.batch / networks;  // of each network
  const int64_t parts = PartsOfSum(batch);
  const int64_t size = dw->element_count() / networks;
  std::vector<float> sums(networks * parts * (size + outputs), 0.0f);
  Parallel(pool, networks * parts, [&](int64_t index) {
    const int64_t before = index / parts * batch, part = index % parts;
    thread_local std::vector<float> input_buffer, gradient_buffer;
    float* input = Scratch(input_buffer, padded.size) + padded.origin;
    float* copy = copying ? Scratch(gradient_buffer, out.image()) : nullptr;
    float* weights = sums.data() + index * (size + outputs);
    float* bias = weights + size;
    for (int64_t b = before + batch * part / parts; b < before + batch * (part + 1) / parts; ++b) {
      source.Copy(b, input, padded.row);
      if (copying) gradient.Copy(b, copy, out.row());
      const float* from = copying ? copy : g.typed_data() + b * out.image();
      if (!turned) SumPixels(from, out.height * out.width, outputs, bias);
      for (const Phase& phase : phases) {
        const int64_t pixels = phase.in_at.size();
        for (int64_t first = 0; first < pixels; first += kPixels)
          for (int64_t o = 0; o < outputs; o += kBlock) {
            const Overlay over{input, from + o, phase.in_at.data() + first,
                               phase.out_at.data() + first, std::min(kPixels, pixels - first)};
            EachTile(phase.taps.size(), [&](auto size, int64_t at) {
              constexpr int K = decltype(size)::value;
              const auto tile = outputs - o <= kLanes ? Tile<K, 1> : Tile<K, kVectors>;
              tile(over, phase.taps.data() + at, phase.rows.data() + at, weights + o, outputs - o);
            });
          }
      }
    }
  });
  AddParts(pool, sums.data(), networks, parts, size + outputs);
  for (int64_t network = 0; network < networks; ++network) {
    const float* from = sums.data() + network * parts * (size + outputs);
    std::copy_n(from, size, dw->typed_data() + network * size);
    std::copy_n(from + size, outputs, dbias->typed_data() + network * outputs);
  }
  return ffi::Error::Success();
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(aedenoise_phase_conv_weight_gradient, WeightGradient,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Ret<Floats>()
                                  .Ret<Floats>()
                                  .Attr<int64_t>("row_si")
                                  .Attr<int64_t>("row_so")
                                  .Attr<Integers>("row_start")
                                  .Attr<Integers>("row_shift")
                                  .Attr<int64_t>("column_si")
                                  .Attr<int64_t>("column_so")
                                  .Attr<Integers>("column_start")
                                  .Attr<Integers>("column_shift")
                                  .Attr<Integers>("row_first")
                                  .Attr<Weights>("row_weights")
                                  .Attr<Integers>("column_first")
                                  .Attr<Weights>("column_weights")
                                  .Attr<bool>("turned")
                                  .Attr<int64_t>("window"));

}  // namespace aedenoise
