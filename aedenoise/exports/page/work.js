// The work on one picture, in a web worker or, where there is none, in the page itself.
"use strict";

let loaded = [];

/** Answers a request of the page. */
function answer(request) {
  if (request.networks) {
    loaded = request.networks.map(loadNetwork);
    return {};
  }
  const { clean, noise } = request;
  const noisy = addNoise(clean, noise);
  const known = noise.kind !== "none";
  return {
    noisy: { image: noisy, ...(known && measure(noisy, clean)) },
    results: loaded.map((network) => denoiseWith(network, noisy, noise, known ? clean : null)),
  };
}

function denoiseWith(network, noisy, noise, clean) {
  const level = networkLevel(network, noise);
  const start = performance.now();
  const image = denoise(network, noisy, level);
  const milliseconds = performance.now() - start;
  return { image, milliseconds, ...(clean && measure(image, clean)), constant: respond(network, noisy, level) };
}

function measure(image, clean) {
  return { psnr: psnr(image, clean), ssim: ssim(image, clean) };
}

/** The noise level that a network is told: the true one where it is of the trained kind. */
function networkLevel({ levels, kind }, noise) {
  if (!levels) return 0;
  const [least, most] = levels;
  return noise.kind === kind ? Math.min(most, Math.max(least, noise.level)) : (least + most) / 2;
}

/** Decodes the mean of a picture's code, at the size of the untrained response. */
function respond(network, noisy, level) {
  if (!network.untrained) return null;
  const [height, width] = network.untrained.shape;
  const part = cropped(mirrored(noisy, Math.max(height, noisy.height), Math.max(width, noisy.width)), height, width);
  const image = decode(network, constantCode(encode(network, part, level)));
  return { image, grid: gridStrength(image, 4) };
}

// In a worker there is no window.
if (typeof window === "undefined" && typeof postMessage === "function") {
  addEventListener("message", ({ data }) => postMessage({ id: data.id, ...answer(data.request) }));
}
