// The drawing pad: a history of pictures and strokes. Strokes are computed, not drawn by the
// browser, so that every browser has the same pixels.
"use strict";

class Drawing {
  constructor(blank) {
    this.history = [blank];
  }

  get image() {
    return this.history[this.history.length - 1];
  }

  /** Replaces the picture. */
  put(image) {
    this.history.push(image);
    if (this.history.length > 100) this.history.splice(1, 1);
  }

  undo() {
    if (this.history.length > 1) this.history.pop();
  }

  /** Begins a stroke at a point [x, y] in pixels. */
  begin(point, erase) {
    this.put({ ...this.image, data: this.image.data.slice() });
    this.last = point;
    this.erase = erase;
    this.extend(point);
  }

  /** Extends the stroke to a point. */
  extend(point) {
    const { height, width, channels, data } = this.image;
    const radius = Math.max(0.8, Math.min(height, width) * 0.045) * (this.erase ? 1.8 : 1);
    const [[x0, y0], [x1, y1]] = [this.last, point];
    const clamp = (value, most) => Math.min(most, Math.max(0, value));
    const top = clamp(Math.floor(Math.min(y0, y1) - radius - 1), height);
    const bottom = clamp(Math.ceil(Math.max(y0, y1) + radius + 1), height);
    const left = clamp(Math.floor(Math.min(x0, x1) - radius - 1), width);
    const right = clamp(Math.ceil(Math.max(x0, x1) + radius + 1), width);
    const long = (x1 - x0) ** 2 + (y1 - y0) ** 2;
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        const [px, py] = [x + 0.5 - x0, y + 0.5 - y0];
        const t = long ? clamp((px * (x1 - x0) + py * (y1 - y0)) / long, 1) : 0;
        const distance = Math.hypot(px - t * (x1 - x0), py - t * (y1 - y0));
        const cover = clamp(radius + 0.5 - distance, 1);
        for (let c = 0; c < channels; c++) {
          const at = (y * width + x) * channels + c;
          data[at] = this.erase ? Math.min(data[at], 1 - cover) : Math.max(data[at], cover);
        }
      }
    }
    this.last = point;
  }
}
