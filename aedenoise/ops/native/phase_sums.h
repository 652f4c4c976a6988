// Sums for the weight gradient of a phase convolution, one padded image at a time.
#pragma once

#include "phase_conv.h"
#include "tiles.h"

namespace aedenoise {

// Some pixels of one phase: an image and the gradient of its output, laid over each other.
struct Overlay {
  const float* in;
  const float* gradient;
  const int64_t *in_at, *out_at;  // of each pixel
  int64_t pixels;
};

// Adds to K rows of weights, whose taps lie at `taps` and whose sums at `rows`.
template <int K, int V>
void WeightTile(const Overlay& over, const int64_t* taps, const int64_t* rows, float* sums,
                int64_t outputs) {
  int64_t at[K];
  for (int k = 0; k < K; ++k) at[k] = taps[k];
  Vector sum[K][V];
  EachSum(sum, [](int, int, Vector& one) { one = Vector{}; });
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
    EachSum(sum, [&](int k, int v, Vector& one) {
      float* to = sums + rows[k] + v * kLanes;
      Store(to, Load(to) + one);
    });
  } else {
    EachSum(sum, [&](int k, int v, Vector one) {
      const int64_t count = std::min<int64_t>(kLanes, outputs - v * kLanes);
      for (int64_t lane = 0; lane < count; ++lane) sums[rows[k] + v * kLanes + lane] += one[lane];
    });
  }
}

// Adds all pixels to sums [outputs]. Vectors may be read past the last.
inline void SumPixels(const float* from, int64_t pixels, int64_t outputs, float* sums) {
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
inline constexpr int64_t kPixels = 100;

// Sums for the weights [u, v, channel, output] of a phase convolution, one image at a time.
class PhaseSums {
 public:
  // Rows of the outputs' gradients lie `out_row` floats apart.
  PhaseSums(const Axis& rows, const Axis& columns, const Shape& in, const Shape& out,
            int64_t out_row)
      : padded(rows, columns, in, out), outputs_(out.channels) {
    const int64_t channels = in.channels;
    for (int64_t p = 0; p < rows.so; ++p)
      for (int64_t q = 0; q < columns.so; ++q) {
        Phase phase;
        for (int64_t u = rows.start[p]; u < rows.start[p + 1]; ++u)
          for (int64_t v = columns.start[q]; v < columns.start[q + 1]; ++v)
            for (int64_t c = 0; c < channels; ++c) {
              phase.taps.push_back(rows.shift[u] * padded.row + columns.shift[v] * channels + c);
              phase.rows.push_back(((u * columns.taps() + v) * channels + c) * outputs_);
            }
        for (int64_t i = 0; i < rows.Places(p, out.height); ++i)
          for (int64_t j = 0; j < columns.Places(q, out.width); ++j) {
            phase.in_at.push_back(i * rows.si * padded.row + j * columns.si * channels);
            phase.out_at.push_back((rows.so * i + p) * out_row + (columns.so * j + q) * outputs_);
          }
        phases_.push_back(std::move(phase));
      }
  }

  // Adds the products of a padded image and a gradient, of which whole vectors are read.
  void Add(const float* in, const float* gradient, float* sums) const {
    for (const Phase& phase : phases_) {
      const int64_t pixels = phase.in_at.size();
      for (int64_t first = 0; first < pixels; first += kPixels)
        for (int64_t o = 0; o < outputs_; o += kBlock) {
          const Overlay over{in, gradient + o, phase.in_at.data() + first,
                             phase.out_at.data() + first, std::min(kPixels, pixels - first)};
          EachTile(phase.taps.size(), [&](auto size, int64_t at) {
            constexpr int K = decltype(size)::value;
            const auto tile = outputs_ - o <= kLanes ? WeightTile<K, 1> : WeightTile<K, kVectors>;
            tile(over, phase.taps.data() + at, phase.rows.data() + at, sums + o, outputs_ - o);
          });
        }
    }
  }

  const Padded padded;

 private:
  struct Phase {
    std::vector<int64_t> taps, rows;     // of every (tap, channel)
    std::vector<int64_t> in_at, out_at;  // of every pixel
  };
  int64_t outputs_;
  std::vector<Phase> phases_;
};

}  // namespace aedenoise
