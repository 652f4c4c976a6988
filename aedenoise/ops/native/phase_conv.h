// What the forward pass and the weight gradient of a phase convolution share.
//
// A phase convolution reads x [B, H, W, C] and writes y [B, Ho, Wo, O]:
//
//   y[b, so i + p, so j + q, o] = bias[o]
//       + sum over the taps u of row phase p, the taps v of column phase q, and channels c of
//         x[b, si i + shift[u], si j + shift[v], c] w[u, v, c, o]        (x is zero outside)
//
// ops/phases.py tells which operations are one. float32, NHWC, all arrays contiguous. Weights
// (and their gradients) have an axis of networks in front; the batch has equal shares of each.
//
// Every image is copied, zero-padded, into a small buffer of its thread, and stays in the
// cache from there on. What would otherwise be a pass over memory of its own happens on the
// way: the mask of a ReLU and the placing of a pooled gradient while copying in; bias, ReLU
// and max pooling while writing out.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "xla/ffi/api/ffi.h"

namespace aedenoise {

namespace ffi = xla::ffi;
using Floats = ffi::Buffer<ffi::F32>;
using Bytes = ffi::Buffer<ffi::U8>;
using Integers = ffi::Span<const int64_t>;

// A tile of kTile pixels (or weights) by kVectors vectors fills the registers of a core.
#if defined(__AVX512F__)
constexpr int kLanes = 16, kTile = 12;
#elif defined(__AVX__)
constexpr int kLanes = 8, kTile = 6;
#elif defined(__aarch64__)
constexpr int kLanes = 4, kTile = 12;
#else
constexpr int kLanes = 4, kTile = 6;
#endif
constexpr int kVectors = 2;
constexpr int kBlock = kLanes * kVectors;
typedef float Vector __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));

inline Vector Load(const float* from) { return *reinterpret_cast<const Vector*>(from); }
inline void Store(float* to, Vector v) { *reinterpret_cast<Vector*>(to) = v; }
inline int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

struct Shape {
  int64_t batch, height, width, channels;
  explicit Shape(ffi::AnyBuffer::Dimensions d)
      : batch(d[0]), height(d[1]), width(d[2]), channels(d[3]) {}
  int64_t row() const { return width * channels; }
  int64_t image() const { return height * row(); }
  void Enlarge(int64_t factor) { height *= factor, width *= factor; }
};

// The taps of one axis; phase p has taps start[p] to start[p + 1].
struct Axis {
  int64_t si, so;
  Integers start, shift;

  int64_t taps() const { return start[so]; }
  // Output places of phase p, of `size` in all.
  int64_t Places(int64_t p, int64_t size) const { return CeilDiv(size - p, so); }
  // Zeros needed before and after `in` places so that no tap of `out` places falls outside.
  int64_t Before() const {
    int64_t before = 0;
    for (int64_t s : shift) before = std::max(before, -s);
    return before;
  }
  int64_t After(int64_t in, int64_t out) const {
    int64_t after = 0;
    for (int64_t s : shift) after = std::max(after, si * (CeilDiv(out, so) - 1) + s - in + 1);
    return after;
  }
};

// An image with its border of zeros: where its first pixel lies, and the length of a row.
struct Padded {
  int64_t row, origin, size;
  Padded(const Axis& rows, const Axis& columns, const Shape& in, const Shape& out) {
    row = (columns.Before() + in.width + columns.After(in.width, out.width)) * in.channels;
    origin = rows.Before() * row + columns.Before() * in.channels;
    size = (rows.Before() + in.height + rows.After(in.height, out.height)) * row;
  }
};

// Images as they come in: as they are, masked by what a ReLU gave, or, for the gradient of a
// max pooling, placed where `winner` tells within each window (255: nowhere).
struct Source {
  const float* values;
  const float* relu;
  const uint8_t* winner;
  int64_t window;
  Shape shape;  // after placing

  Source(const Floats& array, int64_t pooled)
      : values(array.typed_data()), relu(nullptr), winner(nullptr), window(pooled),
        shape(array.dimensions()) {}

  // An empty `gate` means neither.
  Source(const Floats& array, const ffi::AnyBuffer& gate, int64_t pooled) : Source(array, pooled) {
    if (gate.element_type() == ffi::U8) {
      winner = gate.typed_data<uint8_t>();
      shape.Enlarge(window);
    } else if (gate.element_count() > 0) {
      relu = gate.typed_data<float>();
    }
  }

  bool AsIs() const { return relu == nullptr && winner == nullptr; }

  // Copies image b to `to`, whose rows lie `stride` floats apart.
  void Copy(int64_t b, float* to, int64_t stride) const {
    if (winner != nullptr) return Place(b, to, stride);
    const int64_t row = shape.row();
    const float* from = values + b * shape.image();
    const float* gate = relu == nullptr ? nullptr : relu + b * shape.image();
    for (int64_t i = 0; i < shape.height; ++i, from += row, to += stride) {
      if (gate == nullptr) {
        std::memcpy(to, from, row * sizeof(float));
      } else {
        for (int64_t n = 0; n < row; ++n) to[n] = gate[n] > 0.0f ? from[n] : 0.0f;
        gate += row;
      }
    }
  }

 private:
  void Place(int64_t b, float* to, int64_t stride) const {
    const int64_t channels = shape.channels;
    const int64_t height = shape.height / window, width = shape.width / window;
    const float* from = values + b * height * width * channels;
    const uint8_t* won = winner + b * height * width * channels;
    for (int64_t i = 0; i < height; ++i)
      for (int64_t j = 0; j < width; ++j, from += channels, won += channels)
        for (int64_t place = 0; place < window * window; ++place) {
          float* cell = to + (i * window + place / window) * stride +
                        (j * window + place % window) * channels;
          for (int64_t c = 0; c < channels; ++c) cell[c] = won[c] == place ? from[c] : 0.0f;
        }
  }
};

// A buffer of this thread, zeroed. Vectors may be read a block past its end.
inline float* Scratch(std::vector<float>& buffer, int64_t size) {
  buffer.assign(size + kBlock, 0.0f);
  return buffer.data();
}

// Runs body(part) for every part on XLA's threads. The caller works too, so that this ends even
// where all others are busy. What a part computes must not depend on who runs it.
template <typename Body>
void Parallel(ffi::ThreadPool& pool, int64_t parts, const Body& body) {
  struct Shared {
    std::atomic<int64_t> next{0}, done{0};
    std::mutex mutex;
    std::condition_variable finished;
  };
  auto shared = std::make_shared<Shared>();
  const Body* work = &body;  // the caller waits for every part, so it outlives them
  std::function<void()> run = [shared, parts, work] {
    for (int64_t part; (part = shared->next++) < parts;) {
      (*work)(part);
      if (++shared->done == parts) {
        std::lock_guard<std::mutex> lock(shared->mutex);
        shared->finished.notify_all();
      }
    }
  };
  const int64_t helpers = std::min<int64_t>(pool.num_threads(), parts) - 1;
  for (int64_t n = 0; n < helpers; ++n) pool.Schedule(std::function<void()>(run));
  run();
  std::unique_lock<std::mutex> lock(shared->mutex);
  shared->finished.wait(lock, [&] { return shared->done == parts; });
}

}  // namespace aedenoise
