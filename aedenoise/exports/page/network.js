// Networks as lists of layers; each layer is an operation on one image. See convolutions.js and
// resizing.js.
"use strict";

// Sides above this are padded to multiples of it, as the Python package does.
const COARSE = 64;
// Residual networks stay this far from black and white, as in the Python package.
const LEAST_LIGHT = 1e-4;

const OPERATIONS = {
  conv: convolve,
  upsample_conv: convolve,
  unpool_conv: convolve,
  conv_transpose: convolve,
  dense,
  reshape: (layer, image) => {
    const [height, width, channels] = layer.shape;
    return { height, width, channels, data: image.data };
  },
  relu: (layer, image) => mapped(image, (value) => (value > 0 ? value : 0)),
  sigmoid: (layer, image) => mapped(image, (value) => 1 / (1 + Math.exp(-value))),
  level: (layer, image, state) => appendLevel(image, state.level),
  max_pool: maxPool,
  max_unpool: maxUnpool,
  resize,
  sum_channels: sumChannels,
  depth_to_space: depthToSpace,
  smooth,
  reassemble,
  keep: (layer, image, state) => {
    state.skips.push(image);
    return image;
  },
  join,
  subtract,
};

/** Decodes the parameters of a network that came as JSON. */
function loadNetwork(record) {
  const layers = record.layers.map((layer) => ({
    ...layer,
    kernel: layer.kernel && decodeArray(layer.kernel),
    bias: layer.bias && decodeArray(layer.bias),
  }));
  return { ...record, layers };
}

/** Decodes {shape, data}, base64 of little-endian float32. */
function decodeArray({ shape, data }) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const values = Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
  return { shape, data: values };
}

/** Computes the code of an image whose sides fit the network. */
function encode(network, image, level) {
  const { kept, skips } = { kept: [], skips: [] };
  const code = run(network.layers.slice(0, network.encoder), image, { level, kept, skips });
  return { code, kept, skips, noisy: image };
}

/** Computes the image of a code. */
function decode(network, { code, kept, skips, noisy }) {
  return run(network.layers.slice(network.encoder), code, { kept: [...kept], skips: [...skips], noisy });
}

function run(layers, image, state) {
  return layers.reduce((x, layer) => OPERATIONS[layer.op](layer, x, state), image);
}

/** Denoises an image of any size; `level` is the noise level, for networks that take it. */
function denoise(network, image, level) {
  const [height, width] = fittingSize(network, image);
  const whole = mirrored(image, height, width);
  return cropped(decode(network, encode(network, whole, level)), image.height, image.width);
}

/** Height and width to which an image is padded for a network. */
function fittingSize(network, image) {
  if (network.size) return network.size;
  const { first, step } = network;
  return [image.height, image.width].map((side) => {
    const coarse = side <= COARSE ? side : Math.ceil(side / COARSE) * COARSE;
    return first + Math.ceil(Math.max(0, coarse - first) / step) * step;
  });
}

/** A constant code, the mean over the places of a code: a decoder without a grid makes one grey. */
function constantCode({ code, kept, skips }) {
  return {
    code: constant(code),
    // For a constant image the first pixel of each block is its maximum.
    kept: kept.map((each) => ({ ...each, indices: new Uint8Array(each.indices.length) })),
    skips: skips.map(constant),
  };
}

function constant(image) {
  const { height, width, channels } = image;
  const result = makeImage(height, width, channels);
  for (let c = 0; c < channels; c++) {
    let sum = 0;
    for (let i = c; i < image.data.length; i += channels) sum += image.data[i];
    for (let i = c; i < image.data.length; i += channels) result.data[i] = sum / (height * width);
  }
  return result;
}

/** The noisy image minus the estimated noise; that of a constant code belongs to a grey image. */
function subtract(layer, noise, { noisy }) {
  const clipped = (value) => Math.min(1 - LEAST_LIGHT, Math.max(LEAST_LIGHT, value));
  return { ...noise, data: noise.data.map((value, i) => clipped((noisy ? noisy.data[i] : 0.5) - value)) };
}

/** Joins an image with the one that was kept last: their sum, or the channels of both. */
function join(layer, image, { skips }) {
  const kept = skips.pop();
  if (layer.method === "add") {
    const other = layer.kernel ? convolve({ ...layer, op: "conv", stride: 1 }, kept) : kept;
    return { ...image, data: image.data.map((value, i) => value + other.data[i]) };
  }
  const result = makeImage(image.height, image.width, image.channels + kept.channels);
  for (let i = 0; i < image.height * image.width; i++) {
    const own = image.data.subarray(i * image.channels, (i + 1) * image.channels);
    result.data.set(own, i * result.channels);
    const others = kept.data.subarray(i * kept.channels, (i + 1) * kept.channels);
    result.data.set(others, i * result.channels + image.channels);
  }
  return result;
}

function mapped(image, f) {
  return { ...image, data: image.data.map(f) };
}

function dense(layer, image) {
  const [inputs, outputs] = layer.kernel.shape;
  const sums = Float64Array.from(layer.bias.data);
  for (let i = 0; i < inputs; i++) {
    const value = image.data[i];
    if (value === 0) continue;
    for (let o = 0, at = i * outputs; o < outputs; o++, at++) sums[o] += value * layer.kernel.data[at];
  }
  return { height: 1, width: 1, channels: outputs, data: Float32Array.from(sums) };
}

function appendLevel(image, level) {
  const { channels } = image;
  const result = makeImage(image.height, image.width, channels + 1);
  for (let i = 0; i < image.height * image.width; i++) {
    for (let c = 0; c < channels; c++) result.data[i * (channels + 1) + c] = image.data[i * channels + c];
    result.data[i * (channels + 1) + channels] = level;
  }
  return result;
}

/** Maxima of whole blocks; with `keep`, positions of the first maxima go to state.kept. */
function maxPool(layer, image, state) {
  const { window } = layer;
  const { channels } = image;
  const result = makeImage(Math.floor(image.height / window), Math.floor(image.width / window), channels);
  const indices = new Uint8Array(result.data.length);
  for (let i = 0, at = 0; i < result.height; i++) {
    for (let j = 0; j < result.width; j++) {
      for (let c = 0; c < channels; c++, at++) {
        let most = -Infinity;
        for (let p = 0; p < window * window; p++) {
          const y = i * window + Math.floor(p / window);
          const value = image.data[(y * image.width + j * window + (p % window)) * channels + c];
          if (value > most) {
            most = value;
            indices[at] = p;
          }
        }
        result.data[at] = most;
      }
    }
  }
  if (layer.keep) state.kept.push({ indices, height: image.height, width: image.width });
  return result;
}

/** Puts each value at the position of its block's maximum, the last kept first. */
function maxUnpool(layer, image, state) {
  const { window } = layer;
  const { channels } = image;
  const { indices, height, width } = state.kept.pop();
  const result = makeImage(height, width, channels);
  for (let i = 0, at = 0; i < image.height; i++) {
    for (let j = 0; j < image.width; j++) {
      for (let c = 0; c < channels; c++, at++) {
        const p = indices[at];
        const y = i * window + Math.floor(p / window);
        result.data[(y * width + j * window + (p % window)) * channels + c] = image.data[at];
      }
    }
  }
  return result;
}

/** Extends an image to the bottom and right by reflection, as often as needed. */
function mirrored(image, height, width) {
  if (height === image.height && width === image.width) return image;
  const { channels } = image;
  const result = makeImage(height, width, channels);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = reflected(y, image.height) * image.width + reflected(x, image.width);
      for (let c = 0; c < channels; c++, at++) result.data[at] = image.data[from * channels + c];
    }
  }
  return result;
}

function reflected(place, length) {
  const inPeriod = place % (2 * length);
  return inPeriod < length ? inPeriod : 2 * length - 1 - inPeriod;
}

function cropped(image, height, width) {
  if (height === image.height && width === image.width) return image;
  const { channels } = image;
  const result = makeImage(height, width, channels);
  for (let y = 0; y < height; y++) {
    const start = y * image.width * channels;
    result.data.set(image.data.subarray(start, start + width * channels), y * width * channels);
  }
  return result;
}
