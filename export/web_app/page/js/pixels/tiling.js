/**
 * How a photo is cut for a network of fixed input size; the counterpart of export/photos/tiling.py.
 *
 * The photo is thought of as mirrored without end. Of each tile only what is at least `margin` pixels
 * from its border is kept, so each kept pixel sees what it would see if the network ran on the whole
 * mirrored photo: no seam shows.
 */
import { blankPicture } from "./picture.js";

/** No axis is cut into smaller pieces: there would be more overlap than photo. */
const MIN_STEP = 64;

export class Tiling {
  /**
   * @param {number} height of the network's input; `width` likewise.
   * @param {number} margin pixels around a kept middle that can change it, a multiple of the stride.
   * @throws {RangeError} what is kept is smaller than the margin.
   */
  constructor(height, width, margin) {
    Object.assign(this, { height, width, margin });
    this.stepDown = height - 2 * margin;
    this.stepAcross = width - 2 * margin;
    if (margin < 0 || Math.min(this.stepDown, this.stepAcross) < Math.max(1, margin)) {
      throw new RangeError(`a tile of ${width}x${height} keeps too little with a margin of ${margin}`);
    }
  }

  rows(height) {
    return Math.ceil(height / this.stepDown);
  }

  columns(width) {
    return Math.ceil(width / this.stepAcross);
  }

  /**
   * @param {import("./picture.js").Picture} photo
   * @param {(tile: Picture) => Promise<Picture>} network from a tile to a tile.
   * @param {(done: number, all: number) => Promise<void>} afterTile what it throws ends the work.
   * @returns {Promise<Picture>} the translation, of the photo's size.
   */
  async translate(photo, network, afterTile = async () => {}) {
    const result = blankPicture(photo.width, photo.height);
    const tile = blankPicture(this.width, this.height);
    const rows = this.rows(photo.height);
    const columns = this.columns(photo.width);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const top = row * this.stepDown;
        const left = column * this.stepAcross;
        this.#cut(photo, top, left, tile);
        this.#keep(result, await network(tile), top, left);
        await afterTile(row * columns + column + 1, rows * columns);
      }
    }
    return result;
  }

  #cut(photo, top, left, tile) {
    const from = new Uint32Array(photo.data.buffer, photo.data.byteOffset, photo.width * photo.height);
    const to = new Uint32Array(tile.data.buffer);
    const sources = Int32Array.from({ length: this.width }, (_, x) => mirrored(left - this.margin + x, photo.width));
    for (let y = 0; y < this.height; y++) {
      const start = mirrored(top - this.margin + y, photo.height) * photo.width;
      for (let x = 0, at = y * this.width; x < this.width; x++, at++) to[at] = from[start + sources[x]];
    }
  }

  #keep(result, translated, top, left) {
    const tall = Math.min(this.stepDown, result.height - top);
    const wide = Math.min(this.stepAcross, result.width - left);
    for (let y = 0; y < tall; y++) {
      const start = 4 * ((this.margin + y) * this.width + this.margin);
      const row = translated.data.subarray(start, start + 4 * wide);
      result.data.set(row, 4 * ((top + y) * result.width + left));
    }
  }
}

/** Where pixel `at` of an axis mirrored without end lies on it, border pixels not repeated. */
export function mirrored(at, length) {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const place = ((at % period) + period) % period;
  return place < length ? place : period - place;
}

/**
 * The tiling for a photo of this size that computes the fewest pixels: equal tiles, as a last one
 * that holds little of the photo would cost as much as a full one.
 *
 * @param {number} maxPixels of a tile, unless the smallest possible one is larger.
 */
export function plan(height, width, margin, stride, maxPixels) {
  const heights = sides(height, margin, stride);
  const widths = sides(width, margin, stride);
  const tilings = heights.flatMap((tall) => widths.map((wide) => new Tiling(tall, wide, margin)));
  const smallest = Math.min(...heights) * Math.min(...widths);
  const cost = (t) => t.rows(height) * t.columns(width) * t.height * t.width;
  return tilings
    .filter((t) => t.height * t.width <= Math.max(maxPixels, smallest))
    .reduce((best, t) => (cost(t) < cost(best) ? t : best));
}

function sides(length, margin, stride) {
  const minStep = Math.max(margin, stride);
  const most = Math.max(1, Math.floor(length / Math.max(MIN_STEP, minStep)));
  const found = new Set();
  for (let count = 1; count <= most; count++) {
    found.add(Math.max(minStep, Math.ceil(length / (count * stride)) * stride) + 2 * margin);
  }
  return [...found];
}
