// Pictures as images in [0, 1], and images on canvases.
"use strict";

const LONGEST = 512;
const LARGEST_FILE = 40e6;

/** Reads a picture file as an image of the networks' channels that fits them. */
async function readPicture(file, channels, size, least) {
  if (file.size > LARGEST_FILE) throw new Error("The file is larger than 40 MB; choose a smaller one.");
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error("This file is no picture that the browser can read.");
  }
  const longest = Math.max(bitmap.width, bitmap.height);
  const [boxHeight, boxWidth] = size ?? [LONGEST, LONGEST];
  const scale = Math.min(size ? Infinity : 1, boxWidth / bitmap.width, boxHeight / bitmap.height);
  const width = Math.max(size ? 1 : least, Math.round(bitmap.width * scale));
  const height = Math.max(size ? 1 : least, Math.round(bitmap.height * scale));
  const canvas = document.createElement("canvas");
  [canvas.height, canvas.width] = size ?? [height, width];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  // Transparent pixels become white, as in the Python package.
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, (canvas.width - width) >> 1, (canvas.height - height) >> 1, width, height);
  bitmap.close();
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const image = makeImage(canvas.height, canvas.width, channels);
  for (let i = 0; i < canvas.height * canvas.width; i++) {
    const [red, green, blue] = data.subarray(4 * i, 4 * i + 3);
    if (channels === 3) image.data.set([red / 255, green / 255, blue / 255], 3 * i);
    else image.data[i] = ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16) / 255;
  }
  return { image, reduced: scale < 1, longest };
}

/** Shows an image in [0, 1] on a canvas. */
function show(canvas, image, colour = greyOrColour) {
  canvas.width = image.width;
  canvas.height = image.height;
  const pixels = new ImageData(image.width, image.height);
  for (let i = 0; i < image.width * image.height; i++) pixels.data.set([...colour(image, i), 255], 4 * i);
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

function greyOrColour({ data, channels }, pixel) {
  const value = (c) => Math.round(255 * data[pixel * channels + c]);
  return channels === 3 ? [value(0), value(1), value(2)] : [value(0), value(0), value(0)];
}

/** A residual, from -0.5 (blue) over black to 0.5 (red). */
function signed({ data, channels }, pixel) {
  let sum = 0;
  for (let c = 0; c < channels; c++) sum += data[pixel * channels + c] / channels;
  const strength = Math.min(1, Math.abs(sum) * 2);
  return sum > 0
    ? [255 * strength, 90 * strength, 60 * strength]
    : [60 * strength, 130 * strength, 255 * strength];
}

function difference(image, other) {
  return { ...image, data: image.data.map((value, i) => value - other.data[i]) };
}
