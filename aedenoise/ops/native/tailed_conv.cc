// A convolution by a minimal filtering algorithm and its ReLU, then a convolution to few channels,
// in one visit of each image. What lies between them stays in the cache; memory sees it once, when
// it is kept for the backward pass, and its gradient never.
#include <limits>

#include "minimal_backward.h"
#include "minimal_forward.h"
#include "phase_forward.h"
#include "phase_sums.h"

namespace aedenoise {
namespace {

constexpr float kAny = -std::numeric_limits<float>::infinity();

// The taps of a convolution of stride 1 that keeps the size of its input, or of its transpose.
class SameTaps {
 public:
  SameTaps(int64_t kernel, bool transposed) : start_{0, kernel} {
    const int64_t before = transposed ? kernel / 2 : (kernel - 1) / 2;
    for (int64_t tap = 0; tap < kernel; ++tap) shift_.push_back(tap - before);
  }
  Axis axis() const {
    return {1, 1, {start_.data(), start_.size()}, {shift_.data(), shift_.size()}};
  }

 private:
  std::vector<int64_t> start_, shift_;
};

// The first convolution writes its outputs as the second one reads them, with a border of zeros.
Layout Bordered(const Shape& shape, const Padded& padded) {
  Layout layout(shape);
  layout.row = padded.row, layout.image = padded.size;
  return layout;
}

Shape Between(const Shape& out, const Floats& w) {
  Shape shape = out;
  shape.channels = w.dimensions()[4];
  return shape;
}

// Copies an image, whose rows lie `row` floats apart, to an array.
void CopyRows(const Shape& shape, const float* from, int64_t row, float* to) {
  for (int64_t i = 0; i < shape.height; ++i)
    std::memcpy(to + i * shape.row(), from + i * row, shape.row() * sizeof(float));
}

// Fills `kept` with the values between both convolutions unless it is empty.
template <class Form>
ffi::Error Forward(ffi::ThreadPool& pool, const Floats& x, const Floats& w, const Floats& bias,
                   const Floats& tail, const Floats& tail_bias, Floats& y, Floats& kept) {
  const Shape in(x.dimensions()), out(y.dimensions()), between = Between(out, w);
  const Source source(x, Resampling{});
  const Tiling<Form> tiling(in, between);
  const MinimalForward<Form> first(tiling, w, bias);
  const SameTaps rows(tail.dimensions()[1], false), columns(tail.dimensions()[2], false);
  const PhaseForward second(rows.axis(), columns.axis(), between, out, out.row(), tail,
                            tail_bias.typed_data(), out.channels);
  const Layout layout = Bordered(between, second.padded);

  const Share share(tiling.tiles());
  const int64_t networks = w.dimensions()[0], batch = in.batch / networks;
  const int64_t parts = PartsOfBatch(pool, batch);
  Parallel(pool, networks * parts, [&](int64_t index) {
    const int64_t network = index / parts, part = index % parts;
    thread_local Buffer input_buffer, between_buffer;
    float* input = Scratch(input_buffer, share.images * tiling.size);
    float* hidden = Scratch(between_buffer, share.images * layout.image) + second.padded.origin;
    const int64_t before = network * batch, end = before + batch * (part + 1) / parts;
    for (int64_t b = before + batch * part / parts; b < end; b += share.images) {
      const int64_t images = std::min(share.images, end - b);
      for (int64_t n = 0; n < images; ++n)
        source.Copy(b + n, input + tiling.Origin(n), tiling.row);
      first.Run(network, input, images, 0.0f, layout, hidden);
      for (int64_t n = 0; n < images; ++n) {
        const float* values = hidden + n * layout.image;
        second.Run(network, values, kAny, y.typed_data() + (b + n) * out.image());
        if (kept.element_count() > 0)
          CopyRows(between, values, layout.row, kept.typed_data() + (b + n) * between.image());
      }
    }
  });
  return ffi::Error::Success();
}

// Sets `gradient`, whose rows lie `row` floats apart, to zero where the ReLU gave zero.
void Mask(const Shape& shape, const float* relu, int64_t row, float* gradient) {
  for (int64_t i = 0; i < shape.height; ++i, relu += shape.row(), gradient += row)
    for (int64_t n = 0; n < shape.row(); ++n)
      gradient[n] = relu[n] > 0.0f ? gradient[n] : 0.0f;
}

// `tail` is the kernel of the second convolution's transpose, and `dtail` its gradient.
template <class Form>
ffi::Error Backward(ffi::ThreadPool& pool, const Floats& x, const Floats& kept, const Floats& g,
                    const Floats& w, const Floats& tail, Floats& dx, Floats& dw, Floats& dbias,
                    Floats& dtail) {
  const Shape in(x.dimensions()), between(kept.dimensions()), out(g.dimensions());
  const Source source(x, Resampling{}), gradient(g, Resampling{});
  const Tiling<Form> tiling(in, between);
  const int64_t networks = w.dimensions()[0], batch = in.batch / networks;  // of each network
  const int64_t parts = PartsOfSum(batch);
  MinimalBackward<Form> first(tiling, w, parts);
  const SameTaps rows(tail.dimensions()[1], true), columns(tail.dimensions()[2], true);
  const PhaseForward second(rows.axis(), columns.axis(), out, between, first.row, tail, nullptr, 0);
  const PhaseSums sums(rows.axis(), columns.axis(), out, between, between.row());
  // Whole vectors are read: the last may reach past the array unless it is copied.
  const bool copying = between.channels % kLanes != 0;

  const Share share(tiling.tiles());
  const int64_t tail_size = tail.element_count() / networks;
  Buffer tail_sums(networks * parts * tail_size, 0.0f);
  Parallel(pool, networks * parts, [&](int64_t index) {
    const int64_t network = index / parts, part = index % parts;
    thread_local Buffer input_buffer, copy_buffer, out_buffer, gradient_buffer, padded_buffer;
    float* input = Scratch(input_buffer, share.images * tiling.size);
    float* copy = copying ? Scratch(copy_buffer, between.image()) : nullptr;
    float* outer = Scratch(out_buffer, second.padded.size) + second.padded.origin;
    float* inner = Scratch(gradient_buffer, share.images * first.image);
    const int64_t before = network * batch, end = before + batch * (part + 1) / parts;
    for (int64_t b = before + batch * part / parts; b < end; b += share.images) {
      const int64_t images = std::min(share.images, end - b);
      for (int64_t n = 0; n < images; ++n) {
        source.Copy(b + n, input + tiling.Origin(n), tiling.row);
        const float* relu = kept.typed_data() + (b + n) * between.image();
        if (copying) relu = std::copy_n(relu, between.image(), copy) - between.image();
        gradient.Copy(b + n, outer, second.padded.row);
        second.Run(network, outer, kAny, inner + n * first.image);
        Mask(between, relu, first.row, inner + n * first.image);
        sums.Add(outer, relu, tail_sums.data() + index * tail_size);
      }
      float* input_gradient = Scratch(padded_buffer, images * tiling.size);
      first.Add(network, part, input, inner, images, input_gradient);
      for (int64_t n = 0; n < images; ++n)
        CopyRows(in, input_gradient + tiling.Origin(n), tiling.row,
                 dx.typed_data() + (b + n) * in.image());
    }
  });
  first.Finish(pool, dw, dbias);
  AddParts(pool, tail_sums.data(), networks, parts, tail_size);
  for (int64_t n = 0; n < networks; ++n)
    std::copy_n(tail_sums.data() + n * parts * tail_size, tail_size,
                dtail.typed_data() + n * tail_size);
  return ffi::Error::Success();
}

ffi::Error TransposedForward(ffi::ThreadPool pool, Floats x, Floats w, Floats bias, Floats tail,
                             Floats tail_bias, ffi::Result<Floats> y,
                             ffi::Result<Floats> kept) {
  return Forward<Transposed3>(pool, x, w, bias, tail, tail_bias, *y, *kept);
}

ffi::Error TransposedBackward(ffi::ThreadPool pool, Floats x, Floats kept, Floats g, Floats w,
                              Floats tail, ffi::Result<Floats> dx, ffi::Result<Floats> dw,
                              ffi::Result<Floats> dbias, ffi::Result<Floats> dtail) {
  return Backward<Transposed3>(pool, x, kept, g, w, tail, *dx, *dw, *dbias, *dtail);
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(aedenoise_tailed_conv, TransposedForward,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Floats>());

XLA_FFI_DEFINE_HANDLER_SYMBOL(aedenoise_tailed_conv_backward, TransposedBackward,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Floats>());

}  // namespace aedenoise
