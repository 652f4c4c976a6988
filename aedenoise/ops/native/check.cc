// What all kernels use of XLA, in one small call: arrays, attributes and threads. A library that was
// compiled elsewhere is tried with it (packed.py). No kernel, so that kernels can change freely.
#include "parallel.h"

namespace aedenoise {
namespace {

namespace ffi = xla::ffi;
using Floats = ffi::Buffer<ffi::F32>;

// y[i] = x[i] weights[i] + added
ffi::Error Check(ffi::ThreadPool pool, Floats x, ffi::Result<Floats> y,
                 ffi::Span<const float> weights, int64_t added) {
  const float* from = x.typed_data();
  float* to = y->typed_data();
  Parallel(pool, x.dimensions()[0],
           [&](int64_t i) { to[i] = from[i] * weights[i] + static_cast<float>(added); });
  return ffi::Error::Success();
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(aedenoise_check, Check,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<Floats>()
                                  .Ret<Floats>()
                                  .Attr<ffi::Span<const float>>("weights")
                                  .Attr<int64_t>("added"));

}  // namespace aedenoise
