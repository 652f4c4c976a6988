// Forward: y = phase_conv(x, w) + bias, then ReLU, or ReLU and max pooling, if asked for.
#include <limits>

#include "parallel.h"
#include "phase_forward.h"

namespace aedenoise {
namespace {

ffi::Error Forward(ffi::ThreadPool pool, Floats x, ffi::AnyBuffer gate, Floats w, Floats bias,
                   ffi::Result<Floats> y, ffi::Result<Bytes> winner, int64_t row_si,
                   int64_t row_so, Integers row_start, Integers row_shift, int64_t column_si,
                   int64_t column_so, Integers column_start, Integers column_shift,
                   Integers row_first, Weights row_weights, Integers column_first,
                   Weights column_weights, bool shrink, bool relu, int64_t window) {
  const Axis rows{row_si, row_so, row_start, row_shift};
  const Axis columns{column_si, column_so, column_start, column_shift};
  const Resampling resampling{{row_first, row_weights}, {column_first, column_weights}};
  const bool enlarging = resampling.Any() && !shrink;
  const Source source = enlarging ? Source(x, resampling) : Source(x, gate, window);
  const Target target = shrink ? Target(y, resampling) : Target(y, winner, window);
  const Shape in = source.shape, out = target.shape;
  const int64_t networks = w.dimensions()[0];
  const PhaseForward phases(rows, columns, in, out, out.row(), w, bias.typed_data(),
                            bias.element_count() / networks);

  const float least = relu && !target.Pooling() ? 0.0f : -std::numeric_limits<float>::infinity();
  const int64_t parts = PartsOfBatch(pool, in.batch);
  Parallel(pool, parts, [&](int64_t part) {
    thread_local Buffer input_buffer, output_buffer;
    float* input = Scratch(input_buffer, phases.padded.size) + phases.padded.origin;
    float* full = target.AsIs() ? nullptr : Scratch(output_buffer, out.image());
    for (int64_t b = in.batch * part / parts; b < in.batch * (part + 1) / parts; ++b) {
      source.Copy(b, input, phases.padded.row);
      phases.Run(b * networks / in.batch, input, least, full == nullptr ? target.Image(b) : full);
      if (full != nullptr) target.Finish(b, full);
    }
  });
  return ffi::Error::Success();
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(aedenoise_phase_conv, Forward,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<Floats>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Ret<Floats>()
                                  .Ret<Bytes>()
                                  .Attr<int64_t>("row_si")
                                  .Attr<int64_t>("row_so")
                                  .Attr<Integers>("row_start")
                                  .Attr<Integers>("row_shift")
                                  .Attr<int64_t>("column_si")
                                  .Attr<int64_t>("column_so")
                                  .Attr<Integers>("column_start")
                                  .Attr<Integers>("column_shift")
                                  .Attr<Integers>("row_first")
                                  .Attr<Weights>("row_weights")
                                  .Attr<Integers>("column_first")
                                  .Attr<Weights>("column_weights")
                                  .Attr<bool>("shrink")
                                  .Attr<bool>("relu")
                                  .Attr<int64_t>("window"));

}  // namespace aedenoise
