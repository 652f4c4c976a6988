// Convolutions of images {height, width, channels, data}; data: Float32Array, row by row, the
// channels of a pixel together. Kernels are [k, k, C, O], as in the Python package.
//
// Every convolution is a correlation at low resolution with one small kernel for each phase, the
// position of an output in its block of factor x factor outputs: an upsampled or transposed one
// needs no zeros and no copies then.
"use strict";

// Output channels that are computed together: their sums stay in registers.
const LANES = 4;

function makeImage(height, width, channels) {
  return { height, width, channels, data: new Float32Array(height * width * channels) };
}

/**
 * Plans a convolution along one axis.
 *
 * Returns the number of outputs, the step between inputs of successive blocks, and for each phase
 * its taps: pairs [row of the kernel, input relative to the block's].
 */
function planAxis(layer, size, length) {
  const { op, stride, padding } = layer;
  if (op === "conv") {
    const outputs = Math.ceil(length / stride);
    const before = Math.floor(Math.max((outputs - 1) * stride + size - length, 0) / 2);
    const taps = Array.from({ length: size }, (_, row) => [row, row - before]);
    return { outputs, step: stride, phases: [taps] };
  }
  const factor = op === "conv_transpose" ? stride : layer.factor;
  let before = Math.floor((size - 1) / 2);
  let outputs = length * factor;
  if (op === "conv_transpose") {
    const all = size + factor - 2;
    before = padding === "VALID" || factor > size - 1 ? size - 1 : Math.ceil(all / 2);
    if (padding === "VALID") outputs += Math.max(size - factor, 0);
  }
  const phases = [];
  for (let phase = 0; phase < factor; phase++) {
    const taps = [];
    for (let row = 0; row < size; row++) {
      const place = phase + row - before;
      // Nearest upsampling copies an input to its whole block; otherwise the rest is zero.
      if (op === "upsample_conv" || place % factor === 0) taps.push([row, Math.floor(place / factor)]);
    }
    phases.push(taps);
  }
  return { outputs, step: 1, phases };
}

/** First and last input that the taps of a phase read. */
function span(taps) {
  const shifts = taps.map(([, shift]) => shift);
  return taps.length ? [Math.min(...shifts), Math.max(...shifts)] : [0, -1];
}

/**
 * Packs the kernel of one phase for `correlate`: [blocks of LANES outputs][rows][columns x C][LANES].
 * Kernel rows that meet the same input are added up.
 */
function packPhase(layer, rowTaps, columnTaps) {
  const [k, , channels, outputs] = layer.kernel.shape;
  const [top, bottom] = span(rowTaps);
  const [left, right] = span(columnTaps);
  const rows = bottom - top + 1;
  const columns = right - left + 1;
  const blocks = Math.ceil(outputs / LANES);
  const reach = columns * channels;
  const packed = new Float64Array(blocks * rows * reach * LANES);
  for (const [kernelRow, rowShift] of rowTaps) {
    for (const [kernelColumn, columnShift] of columnTaps) {
      for (let c = 0; c < channels; c++) {
        const from = ((kernelRow * k + kernelColumn) * channels + c) * outputs;
        const place = (rowShift - top) * reach + (columnShift - left) * channels + c;
        for (let o = 0; o < outputs; o++) {
          const block = Math.floor(o / LANES);
          packed[(block * rows * reach + place) * LANES + (o % LANES)] += layer.kernel.data[from + o];
        }
      }
    }
  }
  return { rows, reach, packed };
}

/** Applies a layer conv, upsample_conv, unpool_conv or conv_transpose to an image. */
function convolve(layer, image) {
  const k = layer.kernel.shape[0];
  const rows = planAxis(layer, k, image.height);
  const columns = planAxis(layer, k, image.width);
  const { phases, outputs } = prepare(layer, rows, columns);
  const result = makeImage(rows.outputs, columns.outputs, outputs);
  const padded = pad(image, rows, columns);
  const factor = rows.phases.length;
  for (let row = 0; row < factor; row++) {
    for (let column = 0; column < factor; column++) {
      const place = { row, column, factor };
      place.top = padded.top + span(rows.phases[row])[0];
      place.left = padded.left + span(columns.phases[column])[0];
      place.step = rows.step;
      correlate(padded, phases[row * factor + column], place, layer.bias.data, result);
    }
  }
  return result;
}

/** Packs the kernels of a layer at its first use. */
function prepare(layer, rows, columns) {
  if (!layer.packed) {
    layer.packed = {
      outputs: layer.kernel.shape[3],
      phases: rows.phases.flatMap((row) => columns.phases.map((column) => packPhase(layer, row, column))),
    };
  }
  return layer.packed;
}

/** Adds the zeros that a plan reads beyond the image. */
function pad(image, rows, columns) {
  const [top, height] = extent(rows, image.height);
  // One more column: `correlate` computes pixels in pairs.
  const [left, width] = extent(columns, image.width, columns.step);
  const { channels } = image;
  const data = new Float64Array(height * width * channels);
  for (let y = 0; y < image.height; y++) {
    const row = image.data.subarray(y * image.width * channels, (y + 1) * image.width * channels);
    data.set(row, ((y + top) * width + left) * channels);
  }
  return { data, width, channels, top, left };
}

function extent(plan, length, more = 0) {
  const spans = plan.phases.map(span);
  const before = Math.max(0, ...spans.map(([first]) => -first));
  const last = (Math.ceil(plan.outputs / plan.phases.length) - 1) * plan.step;
  const end = Math.max(length - 1, last + Math.max(...spans.map(([, shift]) => shift)));
  return [before, before + end + 1 + more];
}

/** Computes the outputs of one phase. */
function correlate(source, kernel, place, bias, result) {
  const { data, width, channels } = source;
  const { rows, reach, packed } = kernel;
  const { factor, step, top, left } = place;
  const outputs = result.channels;
  const across = Math.ceil((result.width - place.column) / factor);
  const line = width * channels;
  for (let i = 0; i * factor + place.row < result.height; i++) {
    const y = (i * step + top) * line;
    const target = (i * factor + place.row) * result.width + place.column;
    for (let j = 0; j < across; j += 2) {
      const x = y + (j * step + left) * channels;
      const first = (target + j * factor) * outputs;
      const second = j + 1 < across ? first + factor * outputs : -1;
      let weight = 0;
      for (let o = 0; o < outputs; o += LANES) {
        let a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
        for (let row = 0; row < rows; row++) {
          const start = x + row * line;
          const end = start + reach;
          for (let at = start, next = start + step * channels; at < end; at++, next++) {
            const a = data[at];
            const b = data[next];
            const w0 = packed[weight], w1 = packed[weight + 1];
            const w2 = packed[weight + 2], w3 = packed[weight + 3];
            a0 += a * w0; a1 += a * w1; a2 += a * w2; a3 += a * w3;
            b0 += b * w0; b1 += b * w1; b2 += b * w2; b3 += b * w3;
            weight += LANES;
          }
        }
        store(result.data, first + o, bias, o, outputs, a0, a1, a2, a3);
        if (second >= 0) store(result.data, second + o, bias, o, outputs, b0, b1, b2, b3);
      }
    }
  }
}

function store(data, at, bias, o, outputs, s0, s1, s2, s3) {
  data[at] = s0 + bias[o];
  if (o + 1 < outputs) data[at + 1] = s1 + bias[o + 1];
  if (o + 2 < outputs) data[at + 2] = s2 + bias[o + 2];
  if (o + 3 < outputs) data[at + 3] = s3 + bias[o + 3];
}
