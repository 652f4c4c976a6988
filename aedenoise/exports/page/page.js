// The page: controls, and what they show.
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);
const find = (id) => document.getElementById(id);
const SHAPE = DATA.shape;
const SIZE = DATA.networks.map(({ size }) => size).find(Boolean) ?? null;
const LEAST_SIDE = Math.max(11, ...DATA.networks.map(({ first }) => first));
const drawing = new Drawing(makeImage(...SHAPE));
const views = DATA.networks.map(addViews);
let ask = startWork();
let waiting = false;
let outdated = false;

/** Makes an element of a parent. */
function add(parent, tag, attributes = {}, text = "") {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  parent.append(element);
  return element;
}

function addPicture(parent, caption, label) {
  const figure = add(parent, "figure");
  const frame = add(figure, "div", { class: "frame" });
  const canvas = add(frame, "canvas", { role: "img", "aria-label": label });
  return { canvas, caption: add(figure, "figcaption", {}, caption) };
}

function addViews(network) {
  const { name } = network;
  const card = add(find("results"), "article", { class: "card", "aria-label": name });
  add(card, "h2", {}, name);
  const pair = add(card, "div", { class: "pair" });
  const view = {
    denoised: addPicture(pair, "denoised", `denoised by ${name}`),
    residual: addPicture(pair, "residual", `residual of ${name}`),
    numbers: add(card, "p", { class: "numbers" }, "\u00a0"),
  };
  if (network.untrained) {
    const place = add(find("constants"), "article", { class: "card", "aria-label": `${name}, constant code` });
    add(place, "h2", {}, name);
    const both = add(place, "div", { class: "pair" });
    const image = toImage(decodeArray(network.untrained));
    const before = addPicture(both, "", `${name} untrained`);
    showConstant(before, "untrained", image, gridStrength(image, 4));
    view.constant = addPicture(both, "trained", `${name} trained`);
  }
  return view;
}

function toImage({ shape: [height, width, channels], data }) {
  return { height, width, channels, data };
}

function showConstant({ canvas, caption }, word, image, grid) {
  const mean = image.data.reduce((sum, value) => sum + value, 0) / image.data.length;
  show(canvas, { ...image, data: image.data.map((value) => Math.min(1, Math.max(0, 0.5 + (value - mean) * 5))) });
  caption.textContent = `${word}: grid ${grid.toFixed(4)}`;
}

/** Starts the worker; where the browser allows none, the page does its work. */
function startWork() {
  const here = (request) => Promise.resolve(answer(request));
  const records = { networks: DATA.networks };
  try {
    const code = new Blob([find("engine").textContent], { type: "text/javascript" });
    const worker = new Worker(URL.createObjectURL(code));
    const open = new Map();
    let count = 0;
    worker.onmessage = ({ data }) => {
      open.get(data.id)?.(data);
      open.delete(data.id);
    };
    worker.onerror = () => {
      answer(records);
      ask = here;
      waiting = false;
      update();
    };
    const there = (request) =>
      new Promise((resolve) => {
        open.set(++count, resolve);
        worker.postMessage({ id: count, request });
      });
    there(records);
    return there;
  } catch {
    answer(records);
    return here;
  }
}

function noise() {
  const seed = Math.max(0, Math.floor(Number(find("seed").value) || 0));
  return { kind: find("kind").value, level: Number(find("level").value), seed, clip: DATA.noise.clip };
}

/** Shows the present picture, and asks for its results; the newest request wins. */
async function update() {
  show(find("pad"), drawing.image);
  find("level-value").textContent = Number(find("level").value).toFixed(2);
  find("level").disabled = find("kind").value === "none";
  find("undo").disabled = drawing.history.length < 2;
  if (waiting) {
    outdated = true;
    return;
  }
  waiting = true;
  const clean = drawing.image;
  const done = await ask({ clean, noise: noise() });
  waiting = false;
  present(clean, done);
  if (outdated) {
    outdated = false;
    update();
  }
}

function present(clean, { noisy, results }) {
  show(find("noisy"), noisy.image);
  const known = noisy.psnr !== undefined;
  find("noisy-numbers").textContent = known ? words(noisy) : "the clean picture is not known";
  results.forEach((result, i) => {
    const { denoised, residual, numbers, constant } = views[i];
    show(denoised.canvas, result.image);
    show(residual.canvas, difference(result.image, known ? clean : noisy.image), signed);
    residual.caption.textContent = known ? "denoised minus clean" : "denoised minus noisy";
    const time = `${result.milliseconds.toFixed(result.milliseconds < 10 ? 1 : 0)} ms`;
    numbers.textContent = known ? `${words(result)} · ${time}` : time;
    if (constant) showConstant(constant, "trained", result.constant.image, result.constant.grid);
  });
  document.body.dataset.shown = String(Number(document.body.dataset.shown ?? 0) + 1);
}

function words(measured) {
  const similarity = measured.ssim === null ? "" : ` · SSIM ${measured.ssim.toFixed(3)}`;
  return `${measured.psnr.toFixed(2)} dB${similarity}`;
}

function put(image) {
  drawing.put(image);
  update();
}

function addSamples() {
  for (const { label, data } of DATA.images) {
    const image = makeImage(...SHAPE);
    const bytes = atob(data);
    image.data.forEach((_, i) => (image.data[i] = bytes.charCodeAt(i) / 255));
    const button = add(find("samples"), "button", { type: "button", "aria-label": `test image ${label}` });
    show(add(button, "canvas"), image);
    button.addEventListener("click", () => put(image));
    if (drawing.history.length === 1) drawing.put(image);
  }
}

async function choose(file) {
  if (!file) return;
  try {
    const { image, reduced } = await readPicture(file, SHAPE[2], SIZE, LEAST_SIDE);
    put(image);
    find("status").textContent = `${image.width} × ${image.height} pixels${reduced ? ", reduced" : ""}.`;
  } catch (error) {
    find("status").textContent = error.message;
  }
}

/** Position of a pointer on the pad, in pixels of the picture. */
function pointOf(event) {
  const { left, top, width, height } = find("pad").getBoundingClientRect();
  const { image } = drawing;
  // The picture is centred in a square frame.
  const scale = Math.min(width / image.width, height / image.height);
  return [
    (event.clientX - left - (width - image.width * scale) / 2) / scale,
    (event.clientY - top - (height - image.height * scale) / 2) / scale,
  ];
}

function listenToPad() {
  const pad = find("pad");
  const erasing = () => find("erase").getAttribute("aria-pressed") === "true";
  let drawn = false;
  pad.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    pad.setPointerCapture(event.pointerId);
    drawn = true;
    drawing.begin(pointOf(event), erasing());
    update();
  });
  pad.addEventListener("pointermove", (event) => {
    if (!drawn) return;
    drawing.extend(pointOf(event));
    update();
  });
  for (const name of ["pointerup", "pointercancel"]) pad.addEventListener(name, () => (drawn = false));
  listenToKeys(pad, erasing);
}

function listenToKeys(pad, erasing) {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const mark = find("cursor");
  let at = null;
  let down = false;
  const place = () => {
    const { width, height } = drawing.image;
    const side = Math.max(width, height);
    mark.style.left = `${(100 * ((side - width) / 2 + at[0])) / side}%`;
    mark.style.top = `${(100 * ((side - height) / 2 + at[1])) / side}%`;
    mark.hidden = false;
    mark.classList.toggle("down", down);
  };
  pad.addEventListener("keydown", (event) => {
    const { width, height } = drawing.image;
    at ??= [width / 2, height / 2];
    if (event.key in moves) {
      const far = Math.max(1, Math.round(Math.min(width, height) / 28));
      const limits = [width, height];
      at = at.map((value, i) => Math.min(limits[i], Math.max(0, value + far * moves[event.key][i])));
      if (down) drawing.extend(at);
    } else if (event.key === " ") {
      down = !down;
      if (down) drawing.begin(at, erasing());
    } else return;
    event.preventDefault();
    place();
    update();
  });
  pad.addEventListener("blur", () => {
    down = false;
    mark.hidden = true;
  });
}

function listen() {
  const { kind, level } = DATA.noise;
  if ([...find("kind").options].some(({ value }) => value === kind)) find("kind").value = kind;
  find("level").value = level;
  for (const name of ["kind", "level", "seed"]) find(name).addEventListener("input", update);
  const on = (name, act) => find(name).addEventListener("click", act);
  on("again", () => {
    find("seed").value = noise().seed + 1;
    update();
  });
  on("undo", () => {
    drawing.undo();
    update();
  });
  on("clear", () => put(makeImage(...SHAPE)));
  on("invert", () => put(mapped(drawing.image, (value) => 1 - value)));
  on("erase", ({ currentTarget }) => {
    currentTarget.setAttribute("aria-pressed", String(currentTarget.getAttribute("aria-pressed") !== "true"));
  });
  find("file").addEventListener("change", ({ target }) => choose(target.files[0]));
  const drop = find("drop");
  for (const name of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
      if (name === "drop") choose(event.dataTransfer.files[0]);
    });
  }
  listenToPad();
}

function describe() {
  const names = DATA.networks.map(({ name }) => name).join(", ");
  find("lead").textContent =
    `${DATA.networks.length > 1 ? "Denoising autoencoders run" : "A denoising autoencoder runs"} in this page: ${names}.`;
  const head = add(find("facts"), "tr");
  for (const text of ["", ...DATA.networks.map(({ name }) => name)]) add(head, "th", {}, text);
  for (const [row, [key]] of DATA.networks[0].facts.entries()) {
    const line = add(find("facts"), "tr");
    add(line, "th", {}, key);
    for (const { facts } of DATA.networks) add(line, "td", {}, facts[row][1]);
  }
  find("grids").hidden = !DATA.networks.some(({ untrained }) => untrained);
}

describe();
addSamples();
listen();
update();
