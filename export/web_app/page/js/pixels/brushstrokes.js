/**
 * Brushstrokes of a translation that is enlarged: smooth along their way, with edges across it.
 *
 * The counterpart of export/photos/brushstrokes.py, which says where the method is from; names and
 * constants are the same.
 */
import { samePicture } from "./picture.js";
import { blur } from "./resampling.js";
import { roundEven } from "./rounding.js";

/** Long side of a canvas in pixels: there the strokes get their edges. */
export const CANVAS = 1024;
const ITERATIONS = 4;
const SMOOTHING = 0.35;
const SPREADING = 0.3;
const SHARPENING = 0.3;
const CURVATURE = 1.5;
const FINE = 1;
const AROUND = 4;
const ACROSS = 1.4;
const FLAT = 0.25;
const DETAIL = 20;
const DETAIL_FINE = 0.7;
const DETAIL_WINDOW = 2;
const BROADER = [3, 1.73];
const LEAST_SIDE = 32;
const REFINED = [
  [10, 2, 1.5],
  [25, 4, 3],
];
const LUMINANCE = [0.299, 0.587, 0.114];

/** @returns {[number, number][]} heights and widths, from just above a picture's to `enlargement` times it. */
export function canvasSizes(height, width, enlargement) {
  const steps = Math.max(0, Math.ceil(Math.log2(enlargement) - 0.1));
  return Array.from({ length: steps }, (_, i) => {
    const factor = enlargement ** ((i + 1) / steps);
    return [roundEven(height * factor), roundEven(width * factor)];
  });
}

/** @returns {[number, number][]} heights and widths below a picture's, where the same strokes are broader; smallest first. */
export function broadSizes(height, width) {
  const sizes = BROADER.map((factor) => [roundEven(height / factor), roundEven(width / factor)]);
  return sizes.filter((size) => Math.min(...size) >= LEAST_SIDE);
}

/**
 * @param {import("./picture.js").Picture} broad
 * @param {Picture} fine of the same size, and so is `photo`, what both translate.
 * @returns {Picture} broad strokes with fine ones where the photo has detail.
 */
export function refined(broad, fine, photo) {
  const { height, width } = photo;
  const squares = variance(planesOf(photo.data), height, width);
  const [near, further] = REFINED.map(([contrast, around, rate]) =>
    blur(detail(squares, contrast), height, width, around).map((share) => rate * share),
  );
  const result = samePicture(broad);
  for (let i = 0, at = 0; i < squares.length; i++, at += 4) {
    const share = Math.min(1, Math.max(near[i], further[i]));
    for (let channel = at; channel < at + 3; channel++) {
      result.data[channel] = broad.data[channel] + share * (fine.data[channel] - broad.data[channel]);
    }
  }
  return result;
}

/**
 * Changes a picture in place, at the end.
 *
 * @param {import("./picture.js").Picture} picture
 * @param {Picture} photo of the same size, what `picture` translates: its details stay as they are.
 * @param {(done: number, all: number) => Promise<void>} afterRows what it throws ends the work. All
 *   rows are worked on at once; `done` is as many as the share of the work.
 */
export async function sharpenStrokes({ width, height, data }, photo, afterRows = async () => {}) {
  const count = width * height;
  const planes = planesOf(data);
  let spare = new Float32Array(count);
  const strokes = across(planes, height, width);
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    for (let channel = 0; channel < 3; channel++) {
      addCurvature(planes[channel], 1, SMOOTHING, height, width, strokes.along, spare);
      [planes[channel], spare] = [spare, planes[channel]];
    }
    await afterRows(Math.round((height * (iteration + 0.5)) / ITERATIONS), height);
    const edges = new Float32Array(count);
    const luminance = blur(luminanceOf(planes), height, width, ACROSS);
    addCurvature(luminance, 0, 1 / CURVATURE, height, width, strokes.across, edges);
    for (let i = 0; i < count; i++) edges[i] = Math.max(-1, Math.min(1, edges[i])) * SHARPENING * strokes.coherence[i];
    for (let channel = 0; channel < 3; channel++) {
      shock(planes[channel], height, width, edges, spare);
      [planes[channel], spare] = [spare, planes[channel]];
    }
    await afterRows(Math.round((height * (iteration + 1)) / ITERATIONS), height);
  }
  const kept = detail(variance(planesOf(photo.data), height, width));
  for (let channel = 0; channel < 3; channel++) {
    const plane = planes[channel];
    for (let i = 0, at = channel; i < count; i++, at += 4) {
      data[at] = plane[i] + kept[i] * (data[at] - plane[i]); // which rounds halves to even
    }
  }
}

/** R, G and B, Float32Array each. */
function planesOf(data) {
  const planes = [0, 1, 2].map(() => new Float32Array(data.length / 4));
  for (let i = 0, at = 0; at < data.length; i++, at += 4) {
    for (let channel = 0; channel < 3; channel++) planes[channel][i] = data[at + channel];
  }
  return planes;
}

/** Of the luminance around each place, in squared levels: Float32Array[height * width]. */
function variance(planes, height, width) {
  const luminance = blur(luminanceOf(planes), height, width, DETAIL_FINE);
  const mean = blur(luminance, height, width, DETAIL_WINDOW);
  const square = blur(luminance.map((value) => value * value), height, width, DETAIL_WINDOW);
  return mean.map((value, i) => Math.max(0, square[i] - value * value));
}

/** How much of the photo's detail a place has, from 0 up to 1; 1/2: that much contrast. */
function detail(squares, contrast = DETAIL) {
  return squares.map((square) => square / (square + contrast * contrast));
}

function luminanceOf([red, green, blue]) {
  const luminance = new Float32Array(red.length);
  for (let i = 0; i < red.length; i++) luminance[i] = LUMINANCE[0] * red[i] + LUMINANCE[1] * green[i] + LUMINANCE[2] * blue[i];
  return luminance;
}

/**
 * Squares and product of the parts of the unit vector across the strokes, [xx, yy, xy]; what the
 * diffusion has in their place, along them; and the coherence. Float32Array[height * width] each.
 */
function across(planes, height, width) {
  const count = height * width;
  const luminance = blur(luminanceOf(planes), height, width, FINE);
  let [cosine, sine, energy] = [0, 1, 2].map(() => new Float32Array(count));
  for (let y = 0, i = 0; y < height; y++) {
    const up = y === 0 ? 0 : -width;
    const below = y === height - 1 ? 0 : width;
    for (let x = 0; x < width; x++, i++) {
      const right = (luminance[x === width - 1 ? i : i + 1] - luminance[x === 0 ? i : i - 1]) / 2;
      const down = (luminance[i + below] - luminance[i + up]) / 2;
      cosine[i] = right * right - down * down;
      sine[i] = 2 * right * down;
      energy[i] = right * right + down * down;
    }
  }
  [cosine, sine, energy] = [cosine, sine, energy].map((part) => blur(part, height, width, AROUND));
  const [xx, yy, xy, alongX, alongY, alongBoth, coherence] = Array.from({ length: 7 }, () => new Float32Array(count));
  for (let i = 0; i < count; i++) {
    const length = Math.sqrt(cosine[i] * cosine[i] + sine[i] * sine[i]) + 1e-6;
    xx[i] = (1 + cosine[i] / length) / 2;
    yy[i] = (1 - cosine[i] / length) / 2;
    xy[i] = sine[i] / length / 2;
    coherence[i] = length / (energy[i] + FLAT);
    const aside = SPREADING * (1 - coherence[i]);
    alongX[i] = yy[i] + aside * xx[i];
    alongY[i] = xx[i] + aside * yy[i];
    alongBoth[i] = (aside - 1) * xy[i];
  }
  return { across: [xx, yy, xy], along: [alongX, alongY, alongBoth], coherence };
}

/** `own` times values[height * width], plus `factor` times their second derivative in a direction; borders repeated. */
function addCurvature(values, own, factor, height, width, [xx, yy, xy], result) {
  for (let y = 0, i = 0; y < height; y++) {
    let top = y === 0 ? 0 : i - width;
    let bottom = y === height - 1 ? i : i + width;
    // Three columns, of which two are known from the pixel before.
    let [topLeft, left, bottomLeft] = [values[top], values[i], values[bottom]];
    let [above, middle, below] = [topLeft, left, bottomLeft];
    for (let x = 1; x <= width; x++, i++) {
      const step = x === width ? 0 : 1;
      top += step;
      bottom += step;
      const topRight = values[top];
      const right = values[i + step];
      const bottomRight = values[bottom];
      const diagonals = topLeft + bottomRight - topRight - bottomLeft;
      const curvature = xx[i] * (left + right - 2 * middle) + yy[i] * (above + below - 2 * middle) + (xy[i] / 2) * diagonals;
      result[i] = own * middle + factor * curvature;
      topLeft = above;
      left = middle;
      bottomLeft = below;
      above = topRight;
      middle = right;
      below = bottomRight;
    }
  }
}

/** Values, into `result`, on their way to the least of 3 x 3 where `edges` is above 0, else to the greatest. */
function shock(values, height, width, edges, result) {
  for (let y = 0, i = 0; y < height; y++) {
    const up = y === 0 ? 0 : -width;
    const down = y === height - 1 ? 0 : width;
    // Of three columns; of two they are known from the pixel before.
    let least = Math.min(values[i + up], values[i], values[i + down]);
    let greatest = Math.max(values[i + up], values[i], values[i + down]);
    let [leastLeft, greatestLeft] = [least, greatest];
    for (let x = 1; x <= width; x++, i++) {
      const right = x === width ? i : i + 1;
      const top = values[right + up];
      const middle = values[right];
      const bottom = values[right + down];
      const leastRight = Math.min(top, middle, bottom);
      const greatestRight = Math.max(top, middle, bottom);
      const edge = edges[i];
      const most = edge > 0 ? Math.min(leastLeft, least, leastRight) : Math.max(greatestLeft, greatest, greatestRight);
      result[i] = values[i] + Math.abs(edge) * (most - values[i]);
      leastLeft = least;
      least = leastRight;
      greatestLeft = greatest;
      greatest = greatestRight;
    }
  }
}
