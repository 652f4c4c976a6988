// What the forward and the backward pass of a minimal filtering algorithm share.
//
// Along one axis, a tile of kOut outputs is A^T((B^T x) * (G w)) of a tile of kIn inputs x, with as
// many products as G w has values (ops/minimal_conv.py names the sources); consecutive tiles read
// inputs kStep apart, from kBefore before the first. Both axes use the same algorithm,
// one inside the other, so a tile of an image takes kProducts^2 products for each pair of
// channels. For each of them, the values of all tiles form a matrix [tiles, channels], and the
// sum over channels is a product of matrices.
#pragma once

#include "images.h"
#include "tiles.h"

namespace aedenoise {

// Convolution with a kernel of 3: F(2, 3) of Winograd.
struct Convolution3 {
  static constexpr int kIn = 4, kProducts = 4, kOut = 2, kStep = 2, kBefore = 1;
  static constexpr int kBT[kProducts][kIn] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
  static constexpr int kAT[kOut][kProducts] = {{1, 1, 1, 0}, {0, 1, -1, -1}};
  static constexpr float kG[kProducts][3] = {
      {1, 0, 0}, {0.5f, 0.5f, 0.5f}, {0.5f, -0.5f, 0.5f}, {0, 0, 1}};
};

// Nearest upsampling by 2, then that convolution.
struct Upsampling3 {
  static constexpr int kIn = 3, kProducts = 3, kOut = 2, kStep = 1, kBefore = 1;
  static constexpr int kBT[kProducts][kIn] = {{1, -1, 0}, {0, 1, 0}, {0, -1, 1}};
  static constexpr int kAT[kOut][kProducts] = {{1, 1, 0}, {0, 1, 1}};
  static constexpr float kG[kProducts][3] = {{1, 0, 0}, {1, 1, 1}, {0, 0, 1}};
};

// Transposed convolution of stride 2 with a kernel of 3, padding SAME: F(2, 2) for the even
// outputs, and one product for each of the odd ones.
struct Transposed3 {
  static constexpr int kIn = 3, kProducts = 5, kOut = 4, kStep = 2, kBefore = 1;
  static constexpr int kBT[kProducts][kIn] = {{1, -1, 0}, {0, 1, 0}, {0, -1, 1}, {0, 1, 0}, {0, 0, 1}};
  static constexpr int kAT[kOut][kProducts] = {
      {1, 1, 0, 0, 0}, {0, 0, 0, 1, 0}, {0, 1, 1, 0, 0}, {0, 0, 0, 0, 1}};
  static constexpr float kG[kProducts][3] = {{1, 0, 0}, {1, 0, 1}, {0, 0, 1}, {0, 1, 0}, {0, 1, 0}};
};

// The matrices of an algorithm, and their transposes.
template <class Form>
struct InputMatrix {
  static constexpr int kRows = Form::kProducts, kColumns = Form::kIn;
  static constexpr int At(int row, int column) { return Form::kBT[row][column]; }
};
template <class Form>
struct OutputMatrix {
  static constexpr int kRows = Form::kOut, kColumns = Form::kProducts;
  static constexpr int At(int row, int column) { return Form::kAT[row][column]; }
};
template <class Matrix>
struct Transpose {
  static constexpr int kRows = Matrix::kColumns, kColumns = Matrix::kRows;
  static constexpr int At(int row, int column) { return Matrix::At(column, row); }
};

// A row of a matrix of ones and zeros times x, whose values lie kStride apart.
template <class Matrix, int kRow, int kStride>
__attribute__((always_inline)) inline Vector RowTimes(const Vector* x) {
  constexpr auto first = [] {  // a sum begins with a term that needs no change of sign, if any
    for (int n = 0; n < Matrix::kColumns; ++n)
      if (Matrix::At(kRow, n) > 0) return n;
    for (int n = 0; n < Matrix::kColumns; ++n)
      if (Matrix::At(kRow, n) != 0) return n;
    return 0;
  };
  constexpr int start = first();
  Vector sum = Matrix::At(kRow, start) < 0 ? -x[start * kStride] : x[start * kStride];
#pragma GCC unroll 8
  for (int n = 0; n < Matrix::kColumns; ++n) {
    if (n == start || Matrix::At(kRow, n) == 0) continue;
    sum = Matrix::At(kRow, n) > 0 ? sum + x[n * kStride] : sum - x[n * kStride];
  }
  return sum;
}

// y = M x, for values kStride apart.
template <class Matrix, int kStride, int kRow = 0>
__attribute__((always_inline)) inline void MatrixTimes(const Vector* x, Vector* y) {
  if constexpr (kRow < Matrix::kRows) {
    y[kRow] = RowTimes<Matrix, kRow, kStride>(x);
    MatrixTimes<Matrix, kStride, kRow + 1>(x, y);
  }
}

// Calls store(i, j, y) for the values of y = M x M^T, where load(i, j) are those of x.
template <class Matrix, class LoadOne, class StoreOne>
__attribute__((always_inline)) inline void Nested(const LoadOne& load, const StoreOne& store) {
  constexpr int kRows = Matrix::kRows, kColumns = Matrix::kColumns;
  Vector half[kColumns * kRows];
#pragma GCC unroll 8
  for (int i = 0; i < kColumns; ++i) {
    Vector x[kColumns];
#pragma GCC unroll 8
    for (int j = 0; j < kColumns; ++j) x[j] = load(i, j);
    MatrixTimes<Matrix, 1>(x, half + i * kRows);
  }
#pragma GCC unroll 8
  for (int j = 0; j < kRows; ++j) {
    Vector y[kRows];
    MatrixTimes<Matrix, kRows>(half + j, y);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) store(i, j, y[i]);
  }
}

// Tiles of images, counted on from image to image.
template <class Form>
struct Tiling {
  int64_t rows, columns;  // of tiles in an image
  int64_t row, size;      // floats of a row and of an image, padded
  int64_t channels;       // of the input

  explicit Tiling(const Shape& in, const Shape& out)
      : rows(CeilDiv(out.height, Form::kOut)), columns(CeilDiv(out.width, Form::kOut)),
        row(((columns - 1) * Form::kStep + Form::kIn) * in.channels),
        size(((rows - 1) * Form::kStep + Form::kIn) * row), channels(in.channels) {}

  int64_t tiles() const { return rows * columns; }
  // Where the first pixel of an image lies.
  int64_t Origin(int64_t image) const { return image * size + Form::kBefore * (row + channels); }

  // Calls visit(n, image, i, j) for `count` tiles, n counted from 0; i and j count within an image.
  template <class Visit>
  __attribute__((always_inline)) void Each(int64_t first, int64_t count, const Visit& visit) const {
    int64_t image = first / tiles(), i = first % tiles() / columns, j = first % columns;
    for (int64_t n = 0; n < count; ++n) {
      visit(n, image, i, j);
      if (++j == columns) j = 0, ++i;
      if (i == rows) i = 0, ++image;
    }
  }
  // Where a tile of the padded input begins.
  int64_t At(int64_t image, int64_t i, int64_t j) const {
    return image * size + (i * row + j * channels) * Form::kStep;
  }
};

// How many images, or a part of how many tiles of one, are worked on at once. The values and
// products of about kTiles tiles stay in the second-level cache; with fewer, loading the weights
// would take longer than the products.
constexpr int64_t kTiles = 64;
struct Share {
  int64_t images, tiles;
  explicit Share(int64_t tiles_of_image)
      : images(std::max<int64_t>(1, kTiles / tiles_of_image)),
        tiles(CeilDiv(images * tiles_of_image, CeilDiv(images * tiles_of_image, kTiles))) {}
};

// The values or products of some tiles: [product][tile][channel], channels filling whole vectors.
struct Values {
  int64_t row, matrix;
  float* data;

  // Matrices lie a cache line further apart than they need: a distance of pages would put the
  // values of one tile in the same few places of the cache.
  static int64_t Row(int64_t channels) { return CeilDiv(channels, kLanes) * kLanes; }
  static int64_t Matrix(int64_t tiles, int64_t channels) { return tiles * Row(channels) + kLanes; }
  Values(Buffer& buffer, int64_t products, int64_t tiles, int64_t channels)
      : row(Row(channels)), matrix(Matrix(tiles, channels)),
        data(Unset(buffer, products * matrix)) {}
};

// Transforms the padded input of some tiles.
template <class Form>
void TransformInput(const Tiling<Form>& tiling, const float* input, int64_t first, int64_t count,
                    const Values& values) {
  constexpr int kProducts = Form::kProducts;
  const int64_t channels = tiling.channels;
  tiling.Each(first, count, [&](int64_t n, int64_t image, int64_t i, int64_t j) {
    const float* corner = input + tiling.At(image, i, j);
    for (int64_t c = 0; c < channels; c += kLanes) {
      float* to = values.data + n * values.row + c;
      Nested<InputMatrix<Form>>(
          [&](int i, int j) { return Load(corner + i * tiling.row + j * channels + c); },
          [&](int i, int j, Vector y) { Store(to + (i * kProducts + j) * values.matrix, y); });
    }
  });
}

// Calls add(product, tap, G G^T's value) for every pair whose value is not zero.
template <class Form, class Add>
void EachWeight(const Add& add) {
  for (int k = 0; k < Form::kProducts * Form::kProducts; ++k)
    for (int t = 0; t < 9; ++t) {
      const float factor =
          Form::kG[k / Form::kProducts][t / 3] * Form::kG[k % Form::kProducts][t % 3];
      if (factor != 0.0f) add(k, t, factor);
    }
}

// Transforms a kernel [3, 3, channels, outputs] to weights of every product, in blocks of kBlock
// outputs: [product][block][depth][kBlock]. `turned` exchanges channels and outputs.
template <class Form>
Buffer PackWeights(const float* kernel, int64_t channels, int64_t outputs,
                               bool turned) {
  const int64_t size = channels * outputs, products = Form::kProducts * Form::kProducts;
  Buffer transformed(products * size, 0.0f);
  EachWeight<Form>([&](int k, int t, float factor) {
    const float* from = kernel + t * size;
    float* to = transformed.data() + k * size;
    for (int64_t n = 0; n < size; ++n) to[n] += factor * from[n];
  });
  const int64_t depth = turned ? outputs : channels, width = turned ? channels : outputs;
  const int64_t depth_step = turned ? 1 : outputs, width_step = turned ? outputs : 1;
  Buffer packed(products * CeilDiv(width, kBlock) * depth * kBlock, 0.0f);
  float* to = packed.data();
  for (int64_t k = 0; k < products; ++k)
    for (int64_t o = 0; o < width; o += kBlock)
      for (int64_t d = 0; d < depth; ++d, to += kBlock)
        for (int64_t n = 0; n < std::min<int64_t>(kBlock, width - o); ++n)
          to[n] = transformed[k * size + d * depth_step + (o + n) * width_step];
  return packed;
}

// Rows of y = x w, for a block of outputs.
template <int P, int V>
inline void ProductTile(const float* x, int64_t x_stride, int64_t depth, const float* w, float* y,
                        int64_t y_stride) {
  int64_t at[P];
  for (int p = 0; p < P; ++p) at[p] = p * x_stride;
  Vector sum[P][V];
  EachSum(sum, [](int, int, Vector& one) { one = Vector{}; });
  AddProducts(x, at, depth, w, sum);
  EachSum(sum, [&](int p, int v, Vector& one) { Store(y + p * y_stride + v * kLanes, one); });
}

// y [rows, outputs] = x [rows, depth] w, packed.
inline void Product(const float* x, int64_t x_stride, int64_t rows, int64_t depth, const float* w,
                    int64_t outputs, float* y, int64_t y_stride) {
  for (int64_t o = 0; o < outputs; o += kBlock, w += depth * kBlock)
    EachTile(rows, [&](auto size, int64_t first) {
      constexpr int P = decltype(size)::value;
      const auto tile = outputs - o <= kLanes ? ProductTile<P, 1> : ProductTile<P, kVectors>;
      tile(x + first * x_stride, x_stride, depth, w, y + first * y_stride + o, y_stride);
    });
}

}  // namespace aedenoise
