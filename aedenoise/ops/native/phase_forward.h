// The forward pass of a phase convolution, one padded image at a time.
#pragma once

#include "phase_conv.h"
#include "tiles.h"

namespace aedenoise {

// The pixels of one phase in one image, and the output channels of one block.
struct PhaseWork {
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
void ForwardTile(const PhaseWork& work, int64_t first) {
  int64_t at[P];
  for (int p = 0; p < P; ++p) at[p] = work.in_at[first + p];
  Vector sum[P][V];
  EachSum(sum, [&](int, int v, Vector& one) { one = Load(work.bias + v * kLanes); });
  for (int64_t t = 0; t < work.tap_count; ++t)
    AddProducts(work.in + work.taps[t], at, work.channels,
                work.weights + t * work.channels * kBlock, sum);
  EachSum(sum, [&](int, int, Vector& one) { one = one < work.least ? work.least : one; });
  float* to[P];
  for (int p = 0; p < P; ++p) to[p] = work.out + work.out_at[first + p];
  if (work.outputs == V * kLanes) {
    EachSum(sum, [&](int p, int v, Vector& one) { Store(to[p] + v * kLanes, one); });
  } else {
    EachSum(sum, [&](int p, int v, Vector one) {
      StorePart(to[p] + v * kLanes, one, work.outputs - v * kLanes);
    });
  }
}

inline void RunWide(const PhaseWork& work) {
  EachTile(work.pixels, [&](auto size, int64_t first) {
    constexpr int P = decltype(size)::value;
    work.outputs <= kLanes ? ForwardTile<P, 1>(work, first) : ForwardTile<P, kVectors>(work, first);
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
inline void RunNarrow(const PhaseWork& work) {
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

// The weights of one network and phase (p, q) as RunWide (blocks of kBlock outputs) or RunNarrow
// reads them.
inline Buffer Pack(const float* w, const Axis& rows, const Axis& columns, int64_t p, int64_t q,
                   int64_t channels, int64_t outputs, bool narrow) {
  const int64_t blocks = CeilDiv(outputs, kBlock);
  const int64_t per_row = columns.start[q + 1] - columns.start[q];
  const int64_t depth = (rows.start[p + 1] - rows.start[p]) * per_row * channels;
  Buffer packed(narrow ? outputs * depth : blocks * depth * kBlock, 0.0f);
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

// A phase convolution with the weights and biases of some networks.
class PhaseForward {
 public:
  // Rows of outputs lie `out_row` floats apart. Without elements in `bias` nothing is added.
  PhaseForward(const Axis& rows, const Axis& columns, const Shape& in, const Shape& out,
               int64_t out_row, const Floats& w, const float* bias, int64_t bias_count)
      : padded(rows, columns, in, out), channels_(in.channels), outputs_(out.channels),
        narrow_(outputs_ * 2 <= kLanes && channels_ % kLanes == 0),
        blocks_(narrow_ ? 1 : CeilDiv(outputs_, kBlock)) {
    const int64_t networks = w.dimensions()[0], network_size = w.element_count() / networks;
    for (int64_t p = 0; p < rows.so; ++p)
      for (int64_t q = 0; q < columns.so; ++q) {
        Phase phase;
        for (int64_t n = 0; n < networks; ++n)
          phase.weights.push_back(Pack(w.typed_data() + n * network_size, rows, columns, p, q,
                                       channels_, outputs_, narrow_));
        for (int64_t u = rows.start[p]; u < rows.start[p + 1]; ++u)
          for (int64_t v = columns.start[q]; v < columns.start[q + 1]; ++v)
            phase.taps.push_back(rows.shift[u] * padded.row + columns.shift[v] * channels_);
        for (int64_t i = 0; i < rows.Places(p, out.height); ++i)
          for (int64_t j = 0; j < columns.Places(q, out.width); ++j) {
            phase.in_at.push_back(i * rows.si * padded.row + j * columns.si * channels_);
            phase.out_at.push_back((rows.so * i + p) * out_row + (columns.so * j + q) * outputs_);
          }
        phases_.push_back(std::move(phase));
      }
    for (int64_t n = 0; n < networks; ++n) {
      biases_.emplace_back(CeilDiv(outputs_, kBlock) * kBlock, 0.0f);
      std::copy_n(bias + n * bias_count, bias_count, biases_[n].data());
    }
  }

  // Computes the outputs of one image, raised to `least`.
  void Run(int64_t network, const float* in, float least, float* out) const {
    for (const Phase& phase : phases_)
      for (int64_t block = 0; block < blocks_; ++block) {
        const int64_t count = phase.taps.size(), pixels = phase.in_at.size();
        const int64_t outputs = outputs_ - block * kBlock;
        const PhaseWork work{in,
                             out + block * kBlock,
                             phase.in_at.data(),
                             phase.out_at.data(),
                             pixels,
                             phase.taps.data(),
                             count,
                             channels_,
                             phase.weights[network].data() + block * count * channels_ * kBlock,
                             biases_[network].data() + block * kBlock,
                             least,
                             narrow_ ? outputs_ : std::min<int64_t>(kBlock, outputs)};
        narrow_ ? RunNarrow(work) : RunWide(work);
      }
  }

  const Padded padded;

 private:
  struct Phase {
    std::vector<int64_t> taps, in_at, out_at;
    std::vector<Buffer> weights;  // of each network
  };
  int64_t channels_, outputs_;
  bool narrow_;
  int64_t blocks_;
  std::vector<Phase> phases_;
  std::vector<Buffer> biases_;  // of each network
};

}  // namespace aedenoise
