// Forward: y = phase_conv(x, w) + bias, then ReLU, or ReLU and max pooling, if asked for.
#include <limits>

#include "parallel.h"
#include "phase_conv.h"
#include "tiles.h"

namespace aedenoise {
namespace {

// The pixels of one phase in one image, and the output channels of one block.
struct Work {
  const float* in;               // the padded image's first pixel
  float* out;                    // the output's
  const int64_t *in_at, *out_at;  // of each pixel
  int64_t pixels;
  const int64_t* taps;  // from a pixel's place in the padded image
  int64_t tap_count, channels;
  const float* weights;  // [tap][channel][kBlock]; RunNarrow: [output][tap][channel]
  const float* bias;
  float least;  // outputs below are raised to it; NaN stays NaN
  int64_t outputs;
};

template <int P, int V>
void Tile(const Work& work, int64_t first) {
  Vector sum[P][V];
  int64_t at[P];
  for (int p = 0; p < P; ++p) at[p] = work.in_at[first + p];
  for (int p = 0; p < P; ++p)
    for (int v = 0; v < V; ++v) sum[p][v] = Load(work.bias + v * kLanes);
  for (int64_t t = 0; t < work.tap_count; ++t)
    AddProducts(work.in + work.taps[t], at, work.channels,
                work.weights + t * work.channels * kBlock, sum);
  for (int p = 0; p < P; ++p)
    for (int v = 0; v < V; ++v) sum[p][v] = sum[p][v] < work.least ? work.least : sum[p][v];
  if (work.outputs == V * kLanes) {
    for (int p = 0; p < P; ++p)
      for (int v = 0; v < V; ++v)
        Store(work.out + work.out_at[first + p] + v * kLanes, sum[p][v]);
  } else {
    for (int p = 0; p < P; ++p)
      std::memcpy(work.out + work.out_at[first + p], sum[p], work.outputs * sizeof(float));
  }
}

void Run(const Work& work) {
  EachTile(work.pixels, [&](auto size, int64_t first) {
    constexpr int P = decltype(size)::value;
    work.outputs <= kLanes ? Tile<P, 1>(work, first) : Tile<P, kVectors>(work, first);
  });
}

// The sum of all lanes, by halves.
template <int kSize, class V>
inline float Sum(const V& lanes) {
  if constexpr (kSize <= 4) {
    return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
  } else {
    typedef float Half __attribute__((vector_size(kSize * 2)));
    Half low, high;
    std::memcpy(&low, &lanes, sizeof(Half));
    std::memcpy(&high, reinterpret_cast<const char*>(&lanes) + sizeof(Half), sizeof(Half));
    return Sum<kSize / 2>(Half(low + high));
  }
}

// With few outputs, vectors run over the input channels.
void RunNarrow(const Work& work) {
  constexpr int kPixels = 8;
  for (int64_t o = 0; o < work.outputs; ++o)
    for (int64_t first = 0; first < work.pixels; first += kPixels) {
      const int64_t count = std::min<int64_t>(kPixels, work.pixels - first);
      int64_t at[kPixels];  // past the end, the last pixel again
      for (int64_t p = 0; p < kPixels; ++p) at[p] = work.in_at[first + std::min(p, count - 1)];
      Vector sum[kPixels] = {};
      const float* w = work.weights + o * work.tap_count * work.channels;
      for (int64_t t = 0; t < work.tap_count; ++t) {
        const float* x = work.in + work.taps[t];
        for (int64_t c = 0; c < work.channels; c += kLanes, w += kLanes) {
          const Vector weight = Load(w);
          for (int p = 0; p < kPixels; ++p) sum[p] += Load(x + at[p] + c) * weight;
        }
      }
      for (int64_t p = 0; p < count; ++p) {
        const float total = work.bias[o] + Sum<kLanes>(sum[p]);
        work.out[work.out_at[first + p] + o] = total < work.least ? work.least : total;
      }
    }
}

// The weights of one network and phase (p, q) as Run (blocks of kBlock outputs) or RunNarrow reads them.
std::vector<float> Pack(const float* w, const Axis& rows, const Axis& columns, int64_t p,
                        int64_t q, int64_t channels, int64_t outputs, bool narrow) {
  const int64_t blocks = CeilDiv(outputs, kBlock);
  const int64_t per_row = columns.start[q + 1] - columns.start[q];
  const int64_t depth = (rows.start[p + 1] - rows.start[p]) * per_row * channels;
  std::vector<float> packed(narrow ? outputs * depth : blocks * depth * kBlock, 0.0f);
  for (int64_t at = 0; at < depth; ++at) {
    const int64_t u = rows.start[p] + at / (per_row * channels);
    const int64_t v = columns.start[q] + at / channels % per_row;
    const float* from = w + ((u * columns.taps() + v) * channels + at % channels) * outputs;
    if (narrow) {
      for (int64_t o = 0; o < outputs; ++o) packed[o * depth + at] = from[o];
    } else {
      for (int64_t block = 0; block < blocks; ++block)
        std::copy_n(from + block * kBlock, std::min<int64_t>(kBlock, outputs - block * kBlock),
                    packed.data() + (block * depth + at) * kBlock);
    }
  }
  return packed;
}

struct Phase {
  std::vector<int64_t> taps, in_at, out_at;
  std::vector<std::vector<float>> weights;  // of each network
};

ffi::Error Forward(ffi::ThreadPool pool, Floats x, ffi::AnyBuffer gate, Floats w, Floats bias,
                   ffi::Result<Floats> y, ffi::Result<Bytes> winner, int64_t row_si,
                   int64_t row_so, Integers row_start, Integers row_shift, int64_t column_si,
                   int64_t column_so, Integers column_start, Integers column_shift,
                   Integers row_first, Weights row_weights, Integers column_first,
                   Weights column_weights, bool shrink, bool relu, int64_t window) {
  const Axis rows{row_si, row_so, row_start, row_shift};
  const Axis columns{column_si, column_so, column_start, column_shift};
  const Resampling resampling{{row_first, row_weights}, {column_first, column_weights}};
  const bool enlarging = resampling.Any() && !shrink;
  const Source source = enlarging ? Source(x, resampling) : Source(x, gate, window);
  const Target target = shrink ? Target(y, resampling) : Target(y, winner, window);
  const Shape in = source.shape, out = target.shape;
  const int64_t channels = in.channels, outputs = out.channels;
  const int64_t networks = w.dimensions()[0], network_size = w.element_count() / networks;
  const Padded padded(rows, columns, in, out);
  const bool narrow = outputs * 2 <= kLanes && channels % kLanes == 0;
  const int64_t blocks = narrow ? 1 : CeilDiv(outputs, kBlock);

  std::vector<Phase> phases;
  for (int64_t p = 0; p < rows.so; ++p)
    for (int64_t q = 0; q < columns.so; ++q) {
      Phase phase;
      for (int64_t n = 0; n < networks; ++n)
        phase.weights.push_back(Pack(w.typed_data() + n * network_size, rows, columns, p, q,
                                     channels, outputs, narrow));
      for (int64_t u = rows.start[p]; u < rows.start[p + 1]; ++u)
        for (int64_t v = columns.start[q]; v < columns.start[q + 1]; ++v)
          phase.taps.push_back(rows.shift[u] * padded.row + columns.shift[v] * channels);
      for (int64_t i = 0; i < rows.Places(p, out.height); ++i)
        for (int64_t j = 0; j < columns.Places(q, out.width); ++j) {
          phase.in_at.push_back(i * rows.si * padded.row + j * columns.si * channels);
          phase.out_at.push_back((rows.so * i + p) * out.row() + (columns.so * j + q) * outputs);
        }
      phases.push_back(std::move(phase));
    }
  const int64_t bias_size = CeilDiv(outputs, kBlock) * kBlock;
  const int64_t bias_count = bias.element_count() / networks;  // 0 for none
  std::vector<float> biases(networks * bias_size, 0.0f);
  for (int64_t n = 0; n < networks; ++n)
    std::copy_n(bias.typed_data() + n * bias_count, bias_count, biases.data() + n * bias_size);

  const float least = relu && !target.Pooling() ? 0.0f : -std::numeric_limits<float>::infinity();
  const int64_t parts = PartsOfBatch(pool, in.batch);
  Parallel(pool, parts, [&](int64_t part) {
    thread_local std::vector<float> input_buffer, output_buffer;
    float* input = Scratch(input_buffer, padded.size) + padded.origin;
    float* full = target.AsIs() ? nullptr : Scratch(output_buffer, out.image());
    for (int64_t b = in.batch * part / parts; b < in.batch * (part + 1) / parts; ++b) {
      source.Copy(b, input, padded.row);
      const int64_t network = b * networks / in.batch;
      float* results = target.AsIs() ? target.Image(b) : full;
      for (const Phase& phase : phases)
        for (int64_t block = 0; block < blocks; ++block) {
          const int64_t count = phase.taps.size(), pixels = phase.in_at.size();
          const Work work{input,
                          results + block * kBlock,
                          phase.in_at.data(),
                          phase.out_at.data(),
                          pixels,
                          phase.taps.data(),
                          count,
                          channels,
                          phase.weights[network].data() + block * count * channels * kBlock,
                          biases.data() + network * bias_size + block * kBlock,
                          least,
                          narrow ? outputs : std::min<int64_t>(kBlock, outputs - block * kBlock)};
          narrow ? RunNarrow(work) : Run(work);
        }
      if (full != nullptr) target.Finish(b, full);
    }
  });
  return ffi::Error::Success();
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(aedenoise_phase_conv, Forward,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<Floats>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Bytes>()
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
                                  .Attr<bool>("shrink")
                                  .Attr<bool>("relu")
                                  .Attr<int64_t>("window"));

}  // namespace aedenoise
