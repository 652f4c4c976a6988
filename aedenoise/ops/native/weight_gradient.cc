// Weight gradient: dw[u, v, c, o] and dbias[o] from x and the gradient of the output. `turned`
// tells that their roles are exchanged, so that an interpolation belongs to the gradient.
#include "parallel.h"
#include "phase_sums.h"

namespace aedenoise {
namespace {

ffi::Error WeightGradient(ffi::ThreadPool pool, Floats x, Floats g, ffi::AnyBuffer gate,
                          ffi::Result<Floats> dw, ffi::Result<Floats> dbias, int64_t row_si,
                          int64_t row_so, Integers row_start, Integers row_shift,
                          int64_t column_si, int64_t column_so, Integers column_start,
                          Integers column_shift, Integers row_first, Weights row_weights,
                          Integers column_first, Weights column_weights, bool turned,
                          int64_t window) {
  const Axis rows{row_si, row_so, row_start, row_shift};
  const Axis columns{column_si, column_so, column_start, column_shift};
  const Resampling resampling{{row_first, row_weights}, {column_first, column_weights}};
  const Source source(x, turned ? Resampling{} : resampling);
  const Source gradient = turned ? Source(g, resampling) : Source(g, gate, window);
  const Shape in = source.shape, out = gradient.shape;
  const int64_t outputs = out.channels;
  const PhaseSums phases(rows, columns, in, out, out.row());
  // Whole vectors are read: the last may reach past the array unless it is copied.
  const bool copying = !gradient.AsIs() || outputs % kLanes != 0;

  const int64_t networks = dw->dimensions()[0], batch = in.batch / networks;  // of each network
  const int64_t parts = PartsOfSum(batch);
  const int64_t size = dw->element_count() / networks;
  Buffer sums(networks * parts * (size + outputs), 0.0f);
  Parallel(pool, networks * parts, [&](int64_t index) {
    const int64_t before = index / parts * batch, part = index % parts;
    thread_local Buffer input_buffer, gradient_buffer;
    float* input = Scratch(input_buffer, phases.padded.size) + phases.padded.origin;
    float* copy = copying ? Scratch(gradient_buffer, out.image()) : nullptr;
    float* weights = sums.data() + index * (size + outputs);
    float* bias = weights + size;
    for (int64_t b = before + batch * part / parts; b < before + batch * (part + 1) / parts; ++b) {
      source.Copy(b, input, phases.padded.row);
      if (copying) gradient.Copy(b, copy, out.row());
      const float* from = copying ? copy : g.typed_data() + b * out.image();
      if (!turned) SumPixels(from, out.height * out.width, outputs, bias);
      phases.Add(input, from, weights);
    }
  });
  AddParts(pool, sums.data(), networks, parts, size + outputs);
  for (int64_t network = 0; network < networks; ++network) {
    const float* from = sums.data() + network * parts * (size + outputs);
    std::copy_n(from, size, dw->typed_data() + network * size);
    std::copy_n(from + size, outputs, dbias->typed_data() + network * outputs);
  }
  return ffi::Error::Success();
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(aedenoise_phase_conv_weight_gradient, WeightGradient,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<Floats>()
                                  .Arg<Floats>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Ret<Floats>()
                                  .Ret<Floats>()
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
                                  .Attr<bool>("turned")
                                  .Attr<int64_t>("window"));

}  // namespace aedenoise
