// Backward: the gradients of a minimal filtering algorithm.
#include "minimal_backward.h"

namespace aedenoise {
namespace {

template <class Form>
ffi::Error Run(ffi::ThreadPool& pool, const Source& source, const Source& gradient,
               const Floats& w, const Target& target, Floats& dw, Floats& dbias) {
  const Shape in = source.shape, out = gradient.shape;
  const Tiling<Form> tiling(in, out);
  const Share share(tiling.tiles());
  const int64_t networks = w.dimensions()[0], batch = in.batch / networks;  // of each network
  const int64_t parts = PartsOfSum(batch);
  MinimalBackward<Form> backward(tiling, w, parts);
  Parallel(pool, networks * parts, [&](int64_t index) {
    const int64_t network = index / parts, part = index % parts;
    thread_local Buffer input_buffer, gradient_buffer, padded_buffer, full_buffer;
    float* input = Scratch(input_buffer, share.images * tiling.size);
    float* padded = Scratch(gradient_buffer, share.images * backward.image);
    float* full = target.AsIs() ? nullptr : Unset(full_buffer, in.image());
    const int64_t before = network * batch, end = before + batch * (part + 1) / parts;
    for (int64_t b = before + batch * part / parts; b < end; b += share.images) {
      const int64_t images = std::min(share.images, end - b);
      for (int64_t n = 0; n < images; ++n) {
        source.Copy(b + n, input + tiling.Origin(n), tiling.row);
        gradient.Copy(b + n, padded + n * backward.image, backward.row);
      }
      float* input_gradient = Scratch(padded_buffer, images * tiling.size);
      backward.Add(network, part, input, padded, images, input_gradient);
      for (int64_t n = 0; n < images; ++n) {
        float* y = full == nullptr ? target.Image(b + n) : full;
        for (int64_t i = 0; i < in.height; ++i)
          std::memcpy(y + i * in.row(), input_gradient + tiling.Origin(n) + i * tiling.row,
                      in.row() * sizeof(float));
        if (full != nullptr) target.Finish(b + n, full);
      }
    }
  });
  backward.Finish(pool, dw, dbias);
  return ffi::Error::Success();
}

ffi::Error Backward(ffi::ThreadPool pool, Floats x, Floats g, ffi::AnyBuffer gate, Floats w,
                    ffi::Result<Floats> dx, ffi::Result<Floats> dw, ffi::Result<Floats> dbias,
                    int64_t form, Integers row_first, Weights row_weights, Integers column_first,
                    Weights column_weights, int64_t window) {
  const Resampling resampling{{row_first, row_weights}, {column_first, column_weights}};
  const Source source(x, resampling), gradient(g, gate, window);
  const Target target(dx, resampling);
  switch (form) {
    case 0: return Run<Convolution3>(pool, source, gradient, w, target, *dw, *dbias);
    case 1: return Run<Upsampling3>(pool, source, gradient, w, target, *dw, *dbias);
    case 2: return Run<Transposed3>(pool, source, gradient, w, target, *dw, *dbias);
    default: return ffi::Error::InvalidArgument("unknown form of a minimal filtering algorithm");
  }
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(aedenoise_minimal_conv_backward, Backward,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Arg<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Floats>()
                                  .Attr<int64_t>("form")
                                  .Attr<Integers>("row_first")
                                  .Attr<Weights>("row_weights")
                                  .Attr<Integers>("column_first")
                                  .Attr<Weights>("column_weights")
                                  .Attr<int64_t>("window"));

}  // namespace aedenoise
