// Tiles that fill the registers of a core: P rows by V vectors of sums.
#pragma once

#include <type_traits>

#include "images.h"

namespace aedenoise {

// Calls body(size) with a constant of the value `size`, from 1 to kSize.
template <int kSize = kTile, class Body>
void CallSized(int64_t size, const Body& body) {
  if (size == kSize) {
    body(std::integral_constant<int, kSize>{});
  } else if constexpr (kSize > 1) {
    CallSized<kSize - 1>(size, body);
  }
}

// Calls body(size, first) for as few tiles as cover `count` rows, even in size, which is a constant
// of at most kTile.
template <class Body>
void EachTile(int64_t count, const Body& body) {
  const int64_t tiles = CeilDiv(count, kTile);
  for (int64_t tile = 0, first = 0; tile < tiles; ++tile) {
    const int64_t rows = count / tiles + (tile < count % tiles);
    CallSized(rows, [&](auto size) { body(size, first); });
    first += rows;
  }
}

// Calls visit(p, v, sum[p][v]) for the sums of a tile, all in registers: unrolled, and never by
// address, for which the compiler would keep them in memory.
template <int P, int V, class Visit>
__attribute__((always_inline)) inline void EachSum(Vector (&sum)[P][V], const Visit& visit) {
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) visit(p, v, sum[p][v]);
  }
}

// Adds x w to the sums: row p of x, `depth` values, lies at[p] from x; w has rows of kBlock.
template <int P, int V>
__attribute__((always_inline)) inline void AddProducts(const float* x, const int64_t (&at)[P],
                                                       int64_t depth, const float* w,
                                                       Vector (&sum)[P][V]) {
  for (int64_t d = 0; d < depth; ++d, w += kBlock) {
    Vector weight[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) weight[v] = Load(w + v * kLanes);
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[p][v] += x[at[p] + d] * weight[v];
    }
  }
}

}  // namespace aedenoise
