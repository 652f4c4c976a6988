// Noises as in the Python package: `level` is in units of the range [0, 1] or a share. The draws
// depend on the seed only, so that a slider of the level scales one and the same noise.
"use strict";

const NOISES = {
  gaussian: (image, level, random) => each(image, (value) => value + level * normal(random)),
  uniform: (image, level, random) => each(image, (value) => value + level * (2 * random() - 1)),
  speckle: (image, level, random) => each(image, (value) => value + value * level * normal(random)),
  salt_pepper: (image, level, random) => {
    const drawn = perPixel(image, random);
    return each(image, (value, i) => (drawn(i) < level ? Number(drawn(i) < 0.5 * level) : value));
  },
  masking: (image, level, random) => {
    const drawn = perPixel(image, random);
    return each(image, (value, i) => (drawn(i) < level ? 0 : value));
  },
  blocks: blockNoise,
  none: (image) => image,
};

/** Adds noise to an image; `clip` limits the result to [0, 1]. */
function addNoise(image, { kind, level, seed, clip }) {
  const noisy = NOISES[kind](image, level, generator(seed));
  return clip ? each(noisy, (value) => Math.min(1, Math.max(0, value))) : noisy;
}

/** Sets squares to 0, a seventh of the shorter side each, on a grid with a random origin. */
function blockNoise(image, level, random) {
  const { height, width, channels } = image;
  const side = Math.max(1, Math.floor(Math.min(height, width) / 7));
  const top = Math.floor(random() * side);
  const left = Math.floor(random() * side);
  const columns = Math.floor(width / side) + 2;
  const drawn = Array.from({ length: (Math.floor(height / side) + 2) * columns }, random);
  return each(image, (value, i) => {
    const pixel = Math.floor(i / channels);
    const row = Math.floor((Math.floor(pixel / width) + top) / side);
    const column = Math.floor(((pixel % width) + left) / side);
    return drawn[row * columns + column] < level ? 0 : value;
  });
}

function perPixel(image, random) {
  const drawn = Float32Array.from({ length: image.height * image.width }, random);
  return (i) => drawn[Math.floor(i / image.channels)];
}

function each(image, f) {
  return { ...image, data: image.data.map(f) };
}

/** Uniform numbers in [0, 1) (mulberry32). */
function generator(seed) {
  let state = (seed * 0x9e3779b9) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A normal number (Box and Muller 1958). */
function normal(random) {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
