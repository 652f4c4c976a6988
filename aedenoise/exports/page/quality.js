// Measures as in the Python package: PSNR, SSIM, and the grid of a response to a constant code.
"use strict";

const LEAST_ERROR = 1e-10;
const SSIM_RADIUS = 5;
const SSIM_WINDOW = gaussianWindow(SSIM_RADIUS, 1.5);

/** Peak signal-to-noise ratio in dB, for a peak of 1; at most 100. */
function psnr(image, reference) {
  let sum = 0;
  for (let i = 0; i < image.data.length; i++) sum += (image.data[i] - reference.data[i]) ** 2;
  return -10 * Math.log10(Math.max(sum / image.data.length, LEAST_ERROR));
}

/** Structural similarity (Wang et al. 2004), or null for images smaller than its window. */
function ssim(image, reference) {
  const { height, width, channels } = image;
  if (Math.min(height, width) < 2 * SSIM_RADIUS + 1) return null;
  const product = (a, b) => a.map((value, i) => value * b[i]);
  const [x, y] = [image, reference].map((each) => Float64Array.from(each.data));
  const [meanX, meanY, xx, yy, xy] = [x, y, product(x, x), product(y, y), product(x, y)].map((each) =>
    blurred(each, height, width, channels),
  );
  let sum = 0;
  for (let i = 0; i < meanX.length; i++) {
    const cross = meanX[i] * meanY[i];
    const squares = meanX[i] ** 2 + meanY[i] ** 2;
    const structure = (2 * (xy[i] - cross) + 0.0009) / (xx[i] + yy[i] - squares + 0.0009);
    sum += ((2 * cross + 0.0001) / (squares + 0.0001)) * structure;
  }
  return sum / meanX.length;
}

/** Gaussian means where the whole window fits. */
function blurred(values, height, width, channels) {
  const reach = SSIM_WINDOW.length - 1;
  const line = width * channels;
  const short = (width - reach) * channels;
  const down = new Float64Array((height - reach) * line);
  const result = new Float64Array((height - reach) * short);
  for (let i = 0; i < down.length; i++) {
    for (let k = 0; k <= reach; k++) down[i] += SSIM_WINDOW[k] * values[i + k * line];
  }
  for (let y = 0; y < height - reach; y++) {
    for (let x = 0; x < short; x++) {
      let sum = 0;
      for (let k = 0; k <= reach; k++) sum += SSIM_WINDOW[k] * down[y * line + x + k * channels];
      result[y * short + x] = sum;
    }
  }
  return result;
}

function gaussianWindow(radius, sigma) {
  const weights = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-0.5 * ((i - radius) / sigma) ** 2));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/**
 * Strength of a grid: the standard deviation of the means of the period x period positions, without
 * a quarter of each side, where padding hides the grid.
 */
function gridStrength(image, period) {
  const { height, width, channels } = image;
  const [top, left] = [height, width].map((side) => Math.floor(Math.floor(side / 4) / 4) * 4);
  const rows = Math.floor((height - 2 * top) / period) * period;
  const columns = Math.floor((width - 2 * left) / period) * period;
  const sums = new Float64Array(period * period);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const from = ((top + y) * width + left + x) * channels;
      for (let c = 0; c < channels; c++) sums[(y % period) * period + (x % period)] += image.data[from + c];
    }
  }
  const means = sums.map((sum) => sum / ((rows * columns * channels) / sums.length));
  const mean = means.reduce((sum, value) => sum + value, 0) / means.length;
  return Math.sqrt(means.reduce((sum, value) => sum + (value - mean) ** 2, 0) / means.length);
}
