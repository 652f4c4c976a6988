// Images on their way into a kernel and out of it. float32, NHWC, all arrays contiguous.
//
// Every image is copied, zero-padded, into a small buffer of its thread, and stays in the cache
// from there on. What would otherwise be a pass over memory of its own happens on the way: the
// mask of a ReLU, the placing of a pooled gradient and interpolation while copying in; max pooling
// and the gradient of the interpolation while writing out.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

#include "xla/ffi/api/ffi.h"

namespace aedenoise {

namespace ffi = xla::ffi;
using Floats = ffi::Buffer<ffi::F32>;
using Bytes = ffi::Buffer<ffi::U8>;
using Integers = ffi::Span<const int64_t>;
using Weights = ffi::Span<const float>;

// A tile of kTile pixels (or weights) by kVectors vectors fills the registers of a core.
#if defined(__AVX512F__)
constexpr int kLanes = 16, kTile = 14;
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
typedef int32_t Lanes __attribute__((vector_size(kLanes * 4)));  // masks and small numbers
typedef uint8_t ByteVector __attribute__((vector_size(kLanes), aligned(1), may_alias));

inline Vector Load(const float* from) { return *reinterpret_cast<const Vector*>(from); }
inline void Store(float* to, Vector v) { *reinterpret_cast<Vector*>(to) = v; }
inline int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Stores the first `count` lanes, at most all of them.
template <class T, class V>
inline void StorePart(T* to, const V& v, int64_t count) {
  std::memcpy(to, &v, std::min<int64_t>(count, kLanes) * sizeof(T));
}
// Loads `count` bytes, at most one for each lane.
inline Lanes LoadBytes(const uint8_t* from, int64_t count) {
  ByteVector bytes{};
  if (count >= kLanes) {
    bytes = *reinterpret_cast<const ByteVector*>(from);
  } else {
    std::memcpy(&bytes, from, count);
  }
  return __builtin_convertvector(bytes, Lanes);
}

// Allocates on cache lines: a vector that spans two takes twice as long to load or store.
template <class T>
struct OnCacheLines {
  using value_type = T;
  static constexpr std::align_val_t kLine{64};
  OnCacheLines() = default;
  template <class U>
  OnCacheLines(const OnCacheLines<U>&) {}
  T* allocate(size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), kLine)); }
  void deallocate(T* at, size_t) { ::operator delete(at, kLine); }
  template <class U>
  bool operator==(const OnCacheLines<U>&) const { return true; }
  template <class U>
  bool operator!=(const OnCacheLines<U>&) const { return false; }
};
using Buffer = std::vector<float, OnCacheLines<float>>;

// A buffer of this thread, zeroed. Vectors may be read a block past its end.
inline float* Scratch(Buffer& buffer, int64_t size) {
  buffer.assign(size + kBlock, 0.0f);
  return buffer.data();
}

// The same, holding anything, for what is written before it is read.
inline float* Unset(Buffer& buffer, int64_t size) {
  if (static_cast<int64_t>(buffer.size()) < size + kBlock) buffer.resize(size + kBlock);
  return buffer.data();
}

struct Shape {
  int64_t batch, height, width, channels;
  explicit Shape(ffi::AnyBuffer::Dimensions d)
      : batch(d[0]), height(d[1]), width(d[2]), channels(d[3]) {}
  int64_t row() const { return width * channels; }
  int64_t image() const { return height * row(); }
  void Enlarge(int64_t factor) { height *= factor, width *= factor; }
};

// Interpolation along one axis: place n is the sum over t of weights[n, t] x[first[n] + t].
struct Interpolation {
  Integers first;
  Weights weights;

  int64_t places() const { return first.size(); }
  int64_t taps() const { return weights.size() / first.size(); }
  const float* Taps(int64_t n) const { return weights.begin() + n * taps(); }
};

// Interpolation along both axes, or none if there are no places.
struct Resampling {
  Interpolation rows, columns;

  bool Any() const { return rows.places() > 0; }

  // Interpolates an image of rows of `width` pixels to `to`, whose rows lie `stride` floats apart.
  void Enlarge(const float* from, int64_t width, int64_t channels, float* to,
               int64_t stride) const {
    thread_local Buffer buffer;
    float* between = Unset(buffer, width * channels);
    for (int64_t n = 0; n < rows.places(); ++n, to += stride) {
      Combine(from + rows.first[n] * width * channels, width * channels, rows.Taps(n), rows.taps(),
              width * channels, between);
      for (int64_t m = 0; m < columns.places(); ++m)
        Combine(between + columns.first[m] * channels, channels, columns.Taps(m), columns.taps(),
                channels, to + m * channels);
    }
  }

  // The transpose of Enlarge; `to` has `height` rows.
  void Shrink(const float* from, int64_t stride, int64_t height, int64_t width, int64_t channels,
              float* to) const {
    thread_local Buffer buffer;
    std::fill_n(to, height * width * channels, 0.0f);
    for (int64_t n = 0; n < rows.places(); ++n, from += stride) {
      float* between = Scratch(buffer, width * channels);
      for (int64_t m = 0; m < columns.places(); ++m)
        Spread(from + m * channels, channels, columns.Taps(m), columns.taps(), channels,
               between + columns.first[m] * channels);
      Spread(between, width * channels, rows.Taps(n), rows.taps(), width * channels,
             to + rows.first[n] * width * channels);
    }
  }

 private:
  // to[i] = sum over t of weights[t] from[t step + i]
  static void Combine(const float* from, int64_t step, const float* weights, int64_t taps,
                      int64_t count, float* to) {
    if (taps == 2) {
      const float* next = from + step;
      const float a = weights[0], b = weights[1];
      for (int64_t i = 0; i < count; ++i) to[i] = a * from[i] + b * next[i];
    } else if (taps == 4) {
      const float a = weights[0], b = weights[1], c = weights[2], d = weights[3];
      const float *second = from + step, *third = second + step, *fourth = third + step;
      for (int64_t i = 0; i < count; ++i)
        to[i] = (a * from[i] + b * second[i]) + (c * third[i] + d * fourth[i]);
    } else {
      std::fill_n(to, count, 0.0f);
      for (int64_t t = 0; t < taps; ++t)
        for (int64_t i = 0; i < count; ++i) to[i] += weights[t] * from[t * step + i];
    }
  }

  // to[t step + i] += weights[t] from[i]
  static void Spread(const float* from, int64_t step, const float* weights, int64_t taps,
                     int64_t count, float* to) {
    for (int64_t t = 0; t < taps; ++t, to += step)
      for (int64_t i = 0; i < count; ++i) to[i] += weights[t] * from[i];
  }
};

// Images as they come in: as they are, masked by what a ReLU gave, interpolated, or, for the
// gradient of a max pooling, placed where `winner` tells within each window (255: nowhere).
struct Source {
  const float* values;
  const float* relu = nullptr;
  const uint8_t* winner = nullptr;
  int64_t window = 1;
  Resampling resampling{};
  Shape given;
  Shape shape;  // as a kernel reads it

  Source(const Floats& array, const Resampling& resampling)
      : values(array.typed_data()), resampling(resampling), given(array.dimensions()),
        shape(given) {
    if (resampling.Any()) {
      shape.height = resampling.rows.places();
      shape.width = resampling.columns.places();
    }
  }

  // An empty `gate` means neither.
  Source(const Floats& array, const ffi::AnyBuffer& gate, int64_t window)
      : values(array.typed_data()), window(window), given(array.dimensions()), shape(given) {
    if (gate.element_type() == ffi::U8) {
      winner = gate.typed_data<uint8_t>();
      shape.Enlarge(window);
    } else if (gate.element_count() > 0) {
      relu = gate.typed_data<float>();
    }
  }

  bool AsIs() const { return relu == nullptr && winner == nullptr && !resampling.Any(); }

  // Copies image b to `to`, whose rows lie `stride` floats apart.
  void Copy(int64_t b, float* to, int64_t stride) const {
    const float* from = values + b * given.image();
    if (winner != nullptr) return Place(from, winner + b * given.image(), to, stride);
    if (resampling.Any())
      return resampling.Enlarge(from, given.width, given.channels, to, stride);
    const int64_t row = shape.row();
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
  void Place(const float* from, const uint8_t* won, float* to, int64_t stride) const {
    const int64_t channels = given.channels;
    for (int64_t i = 0; i < given.height; ++i, to += window * stride)
      for (int64_t j = 0; j < given.width; ++j, from += channels, won += channels) {
        float* corner = to + j * window * channels;
        int64_t c = 0;
        for (; c + kLanes <= channels; c += kLanes) {
          const Vector value = Load(from + c);
          const Lanes winners = LoadBytes(won + c, kLanes);
          EachPlace([&](int32_t place, int64_t r, int64_t q) {
            Store(corner + r * stride + q * channels + c, winners == place ? value : Vector{});
          });
        }
        for (; c < channels; ++c)
          EachPlace([&](int32_t place, int64_t r, int64_t q) {
            corner[r * stride + q * channels + c] = won[c] == place ? from[c] : 0.0f;
          });
      }
  }

  // Calls visit(place, row, column) for the places of a window.
  template <class Visit>
  void EachPlace(const Visit& visit) const {
    for (int64_t r = 0; r < window; ++r)
      for (int64_t q = 0; q < window; ++q) visit(static_cast<int32_t>(r * window + q), r, q);
  }
};

// The ReLU of the largest of each window, and which it was: the first of equals, 255 where the
// ReLU holds it back. Vectors may be read past the end of `from`.
inline void Pool(const float* from, const Shape& full, int64_t window, float* to,
                 uint8_t* winner) {
  const int64_t channels = full.channels, row = full.row();
  for (int64_t i = 0; i < full.height / window; ++i, from += window * row)
    for (int64_t j = 0; j < full.width / window; ++j, to += channels, winner += channels)
      for (int64_t c = 0; c < channels; c += kLanes) {
        const float* corner = from + j * window * channels + c;
        Vector best = Load(corner);
        Lanes place{};
        for (int64_t r = 0; r < window; ++r)
          for (int64_t q = r == 0 ? 1 : 0; q < window; ++q) {
            const Vector cell = Load(corner + r * row + q * channels);
            const Lanes better = (cell > best) | (cell != cell);  // NaN wins
            best = better ? cell : best;
            place = better ? static_cast<int32_t>(r * window + q) - Lanes{} : place;
          }
        place = best > 0.0f ? place : 255 - Lanes{};
        best = best < 0.0f ? Vector{} : best;
        StorePart(to + c, best, channels - c);
        StorePart(winner + c, __builtin_convertvector(place, ByteVector), channels - c);
      }
}

// Where results go: an array as it is, or pooled, or shrunk by the transpose of an interpolation.
struct Target {
  float* values;
  uint8_t* winner = nullptr;
  int64_t window = 1;
  Resampling shrinking{};
  Shape written;
  Shape shape;  // as a kernel makes it

  // `winners` is empty without pooling.
  Target(ffi::Result<Floats>& array, ffi::Result<Bytes>& winners, int64_t window)
      : values(array->typed_data()),
        winner(winners->element_count() > 0 ? winners->typed_data() : nullptr),
        window(window), written(array->dimensions()), shape(written) {
    if (winner != nullptr) shape.Enlarge(window);
  }

  Target(ffi::Result<Floats>& array, const Resampling& shrinking)
      : values(array->typed_data()), shrinking(shrinking), written(array->dimensions()),
        shape(written) {
    if (shrinking.Any()) {
      shape.height = shrinking.rows.places();
      shape.width = shrinking.columns.places();
    }
  }

  bool Pooling() const { return winner != nullptr; }
  bool AsIs() const { return winner == nullptr && !shrinking.Any(); }
  float* Image(int64_t b) const { return values + b * written.image(); }

  // Writes image b from `full`, as a kernel made it; not where AsIs().
  void Finish(int64_t b, const float* full) const {
    if (Pooling()) return Pool(full, shape, window, Image(b), winner + b * written.image());
    shrinking.Shrink(full, shape.row(), written.height, written.width, written.channels, Image(b));
  }
};

}  // namespace aedenoise
