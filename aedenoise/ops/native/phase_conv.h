// What the forward pass and the weight gradient of a phase convolution share.
//
// A phase convolution reads x [B, H, W, C] and writes y [B, Ho, Wo, O]:
//
//   y[b, so i + p, so j + q, o] = bias[o]
//       + sum over the taps u of row phase p, the taps v of column phase q, and channels c of
//         x[b, si i + shift[u], si j + shift[v], c] w[u, v, c, o]        (x is zero outside)
//
// ops/phases.py tells which operations are one. Weights (and their gradients) have an axis of
// networks in front; the batch has equal shares of each.
#pragma once

#include "images.h"

namespace aedenoise {

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

}  // namespace aedenoise
