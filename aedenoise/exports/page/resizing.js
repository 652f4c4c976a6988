// Operations that enlarge images, or smooth them, by fixed rules or by weights that sum to one.
"use strict";

/** Enlarges: blocks of equal pixels (nearest), values in corners of blocks of zeros (corner), or
 * interpolation by half-pixel centres; weights of pixels inside the image sum to one. */
function resize(layer, image) {
  return resample(image, resizeTaps(layer, image.height), resizeTaps(layer, image.width));
}

/** Weighted sums of rows and of columns: for each output, pairs of an input and its weight. */
function resample(image, rows, columns) {
  const { channels } = image;
  const wide = makeImage(image.height, columns.length, channels);
  const result = makeImage(rows.length, columns.length, channels);
  for (let y = 0; y < image.height; y++) {
    columns.forEach((taps, x) => {
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (const [from, weight] of taps) sum += weight * image.data[(y * image.width + from) * channels + c];
        wide.data[(y * wide.width + x) * channels + c] = sum;
      }
    });
  }
  const line = wide.width * channels;
  rows.forEach((taps, y) => {
    for (let i = 0; i < line; i++) {
      let sum = 0;
      for (const [from, weight] of taps) sum += weight * wide.data[from * line + i];
      result.data[y * line + i] = sum;
    }
  });
  return result;
}

function resizeTaps({ factor, method }, length) {
  const reach = method === "bicubic" ? 2 : 1;
  return Array.from({ length: length * factor }, (_, place) => {
    if (method === "nearest") return [[Math.floor(place / factor), 1]];
    if (method === "corner") return place % factor ? [] : [[place / factor, 1]];
    const centre = (place + 0.5) / factor - 0.5;
    const taps = [];
    for (let from = Math.ceil(centre - reach); from <= centre + reach; from++) {
      if (from < 0 || from >= length) continue;
      const distance = Math.abs(centre - from);
      taps.push([from, method === "bicubic" ? cubic(distance) : Math.max(0, 1 - distance)]);
    }
    const total = taps.reduce((sum, [, weight]) => sum + weight, 0);
    return taps.map(([from, weight]) => [from, weight / total]);
  });
}

/** Keys's kernel of 1981 with a = -1/2. */
function cubic(x) {
  if (x >= 2) return 0;
  return x >= 1 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : (1.5 * x - 2.5) * x * x + 1;
}

function sumChannels({ group }, image) {
  const result = makeImage(image.height, image.width, image.channels / group);
  result.data.forEach((_, i) => {
    let sum = 0;
    for (let j = 0; j < group; j++) sum += image.data[i * group + j];
    result.data[i] = sum;
  });
  return result;
}

/** Shuffles channels into pixels, in the order of tf.nn.depth_to_space. */
function depthToSpace({ factor }, image) {
  const channels = image.channels / factor ** 2;
  const result = makeImage(image.height * factor, image.width * factor, channels);
  for (let y = 0, at = 0; y < result.height; y++) {
    for (let x = 0; x < result.width; x++) {
      const pixel = Math.floor(y / factor) * image.width + Math.floor(x / factor);
      const from = pixel * image.channels + ((y % factor) * factor + (x % factor)) * channels;
      for (let c = 0; c < channels; c++, at++) result.data[at] = image.data[from + c];
    }
  }
  return result;
}

/** Means of side x side pixels; an even side has one more after the pixel than before it. */
function smooth({ side }, image) {
  const lead = Math.floor((side - 1) / 2);
  const taps = (length) =>
    Array.from({ length }, (_, place) =>
      Array.from({ length: side }, (_, i) => [inside(place - lead + i, length), 1 / side]),
    );
  return resample(image, taps(image.height), taps(image.width));
}

/** Means of the neighbours around the pixel that each output lies in; a 1x1 kernel predicts the
 * weights, as logits. */
function reassemble(layer, image) {
  const { factor } = layer;
  const { channels } = image;
  const logits = convolve({ ...layer, op: "conv", stride: 1 }, image);
  const count = logits.channels / factor ** 2;
  const side = Math.sqrt(count);
  const reach = Math.floor(side / 2);
  const result = makeImage(image.height * factor, image.width * factor, channels);
  for (let y = 0, at = 0; y < result.height; y++) {
    const row = Math.floor(y / factor);
    for (let x = 0; x < result.width; x++, at += channels) {
      const column = Math.floor(x / factor);
      const phase = (y % factor) * factor + (x % factor);
      const start = (row * image.width + column) * logits.channels + phase * count;
      softmax(logits.data.subarray(start, start + count)).forEach((weight, i) => {
        const fromRow = inside(row + Math.floor(i / side) - reach, image.height);
        const fromColumn = inside(column + (i % side) - reach, image.width);
        const from = (fromRow * image.width + fromColumn) * channels;
        for (let c = 0; c < channels; c++) result.data[at + c] += weight * image.data[from + c];
      });
    }
  }
  return result;
}

function softmax(logits) {
  const most = Math.max(...logits);
  const powers = Array.from(logits, (value) => Math.exp(value - most));
  const total = powers.reduce((sum, value) => sum + value, 0);
  return powers.map((value) => value / total);
}

/** The place in the image that is nearest to one around it: border pixels are repeated. */
function inside(place, length) {
  return Math.min(Math.max(place, 0), length - 1);
}
