// Forward: a convolution by a minimal filtering algorithm, plus bias, then ReLU, or ReLU and max
// pooling, if asked for.
#include <limits>

#include "minimal_forward.h"
#include "parallel.h"

namespace aedenoise {
namespace {

template <class Form>
ffi::Error Run(ffi::ThreadPool& pool, const Source& source, const Floats& w, const Floats& bias,
               const Target& target, bool relu) {
  const Shape in = source.shape, out = target.shape;
  const Tiling<Form> tiling(in, out);
  const MinimalForward<Form> forward(tiling, w, bias);

  const float least = relu && !target.Pooling() ? 0.0f : -std::numeric_limits<float>::infinity();
  const Share share(tiling.tiles());
  const int64_t networks = w.dimensions()[0], batch = in.batch / networks;
  const int64_t parts = PartsOfBatch(pool, batch);
  Parallel(pool, networks * parts, [&](int64_t index) {
    const int64_t network = index / parts, part = index % parts;
    thread_local Buffer input_buffer, output_buffer;
    float* input = Scratch(input_buffer, share.images * tiling.size);
    float* full = target.AsIs() ? nullptr : Unset(output_buffer, share.images * out.image());
    const int64_t before = network * batch, end = before + batch * (part + 1) / parts;
    for (int64_t b = before + batch * part / parts; b < end; b += share.images) {
      const int64_t images = std::min(share.images, end - b);
      for (int64_t n = 0; n < images; ++n)
        source.Copy(b + n, input + tiling.Origin(n), tiling.row);
      forward.Run(network, input, images, least, Layout(out),
                  full == nullptr ? target.Image(b) : full);
      for (int64_t n = 0; n < images && full != nullptr; ++n)
        target.Finish(b + n, full + n * out.image());
    }
  });
  return ffi::Error::Success();
}

ffi::Error Forward(ffi::ThreadPool pool, Floats x, Floats w, Floats bias, ffi::Result<Floats> y,
                   ffi::Result<Bytes> winner, int64_t form, Integers row_first, Weights row_weights,
                   Integers column_first, Weights column_weights, bool relu, int64_t window) {
  const Source source(x, {{row_first, row_weights}, {column_first, column_weights}});
  const Target target(y, winner, window);
  switch (form) {
    case 0: return Run<Convolution3>(pool, source, w, bias, target, relu);
    case 1: return Run<Upsampling3>(pool, source, w, bias, target, relu);
    case 2: return Run<Transposed3>(pool, source, w, bias, target, relu);
    default: return ffi::Error::InvalidArgument("unknown form of a minimal filtering algorithm");
  }
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(aedenoise_minimal_conv, Forward,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Bytes>()
                                  .Attr<int64_t>("form")
                                  .Attr<Integers>("row_first")
                                  .Attr<Weights>("row_weights")
                                  .Attr<Integers>("column_first")
                                  .Attr<Weights>("column_weights")
                                  .Attr<bool>("relu")
                                  .Attr<int64_t>("window"));

}  // namespace aedenoise
