/** Pictures resized and blurred as export/photos/resampling.py does it. */
import { roundEven } from "./rounding.js";
import { mirrored } from "./tiling.js";

/**
 * A linear map along one axis: result i is the sum of `weights[taps * i + j]` times the value at
 * `places[taps * i + j]`.
 *
 * @typedef {{results: number, taps: number, places: Int32Array, weights: Float64Array}} Filter
 */

function filter(results, taps, fill) {
  const made = { results, taps, places: new Int32Array(results * taps), weights: new Float64Array(results * taps) };
  for (let i = 0; i < results; i++) {
    fill(i, (j, place, weight) => {
      made.places[taps * i + j] = place;
      made.weights[taps * i + j] = weight;
    });
  }
  return made;
}

/** As in the Python module: sums of these are exact in any order. */
const WEIGHT_STEPS = 2048;
const LEVEL_STEPS = 16;
/** Pairs of a blur's taps, left and right of its middle, that are summed up at once. */
const PAIRS = 4;

/** Weights of a blur from its middle outwards, cut off at 4 sigma; zeros make it groups of PAIRS beside the middle. */
function gaussian(sigma) {
  const radius = Math.round(4 * sigma);
  const length = 1 + PAIRS * Math.ceil(radius / PAIRS);
  const weights = Float64Array.from({ length }, (_, j) => (j <= radius ? Math.exp(-((j / sigma) ** 2) / 2) : 0));
  const sum = weights.reduce((a, b) => a + 2 * b, -weights[0]);
  return weights.map((weight) => weight / sum);
}

/** Values between those of `length` pixels, at `places` of their centers; borders repeated. */
export function cubic(places, length) {
  return filter(places.length, 4, (i, put) => {
    const near = Math.floor(places[i]);
    for (let j = 0; j < 4; j++) {
      const x = Math.abs(places[i] - (near + j - 1));
      const weight = x <= 1 ? (1.25 * x - 2.25) * x * x + 1 : -0.75 * (((x - 5) * x + 8) * x - 4);
      put(j, Math.min(Math.max(near + j - 1, 0), length - 1), weight);
    }
  });
}

/** Where the pixels of an axis of `results` pixels lie among those of one of `length`. */
export function centers(length, results) {
  return Float64Array.from({ length: results }, (_, i) => (i + 0.5) * (length / results) - 0.5);
}

/** Mean of the pixels, and parts of pixels, that a larger pixel covers. */
export function area(length, results) {
  const end = (i) => i * (length / results);
  const taps = Math.ceil(length / results) + 1;
  return filter(results, taps, (i, put) => {
    const first = Math.floor(end(i) + 1e-6);
    const inside = (j) => Math.max(0, Math.min(end(i + 1), first + j + 1) - Math.max(end(i), first + j));
    let sum = 0;
    for (let j = 0; j < taps; j++) sum += inside(j);
    for (let j = 0; j < taps; j++) put(j, Math.min(first + j, length - 1), inside(j) / sum);
  });
}

/** The same filter with weights of whole steps that add up to 1. */
function exact({ results, taps, places, weights }) {
  const whole = new Float64Array(weights.length);
  for (let i = 0; i < results; i++) {
    let sum = 0;
    for (let j = 0, before = 0; j < taps; j++) {
      sum += weights[taps * i + j];
      const steps = roundEven(sum * WEIGHT_STEPS);
      whole[taps * i + j] = (steps - before) / WEIGHT_STEPS;
      before = steps;
    }
  }
  return { results, taps, places, weights: whole };
}

/** Result `i` of a filter along the rows of values[height * width], into `target` [width]. */
export function filterRow(values, width, { taps, places, weights }, i, target) {
  target.fill(0);
  for (let j = taps * i; j < taps * (i + 1); j++) {
    const weight = weights[j];
    if (weight === 0) continue;
    const start = places[j] * width;
    for (let x = 0; x < width; x++) target[x] += weight * values[start + x];
  }
}

/** `gaussian` of Float32Array[height * width], both ways, borders mirrored. */
export function blur(values, height, width, sigma) {
  const weights = gaussian(sigma);
  const radius = weights.length - 1;
  const between = new Float32Array(height * width);
  const result = new Float32Array(height * width);
  const sums = new Float64Array(width);
  const places = Int32Array.from({ length: width + 2 * radius }, (_, i) => mirrored(i - radius, width));
  const line = new Float32Array(places.length);
  for (let y = 0; y < height; y++) {
    for (let i = 0; i < line.length; i++) line[i] = values[y * width + places[i]];
    sumPairs(line, (j) => radius + j, weights, sums);
    between.set(sums, y * width);
  }
  for (let y = 0; y < height; y++) {
    sumPairs(between, (j) => mirrored(y + j, height) * width, weights, sums);
    result.set(sums, y * width);
  }
  return result;
}

/** Sums of values that start at `start(j)`, j from -radius to radius; several j at a time, which is faster. */
function sumPairs(values, start, weights, sums) {
  const middle = start(0);
  for (let x = 0; x < sums.length; x++) sums[x] = weights[0] * values[middle + x];
  for (let j = 1; j < weights.length; j += PAIRS) {
    const [w0, w1, w2, w3] = weights.subarray(j, j + PAIRS);
    const [a0, a1, a2, a3] = [start(-j), start(-j - 1), start(-j - 2), start(-j - 3)];
    const [b0, b1, b2, b3] = [start(j), start(j + 1), start(j + 2), start(j + 3)];
    for (let x = 0; x < sums.length; x++) {
      const near = w0 * (values[a0 + x] + values[b0 + x]) + w1 * (values[a1 + x] + values[b1 + x]);
      sums[x] += near + w2 * (values[a2 + x] + values[b2 + x]) + w3 * (values[a3 + x] + values[b3 + x]);
    }
  }
}

/** @returns {import("./picture.js").Picture} `area` to reduce it, `cubic` to enlarge it. */
export function resized(picture, height, width) {
  const isSmaller = height * width < picture.height * picture.width;
  const of = (length, results) => exact(isSmaller ? area(length, results) : cubic(centers(length, results), length));
  const down = of(picture.height, height);
  const across = of(picture.width, width);
  const data = new Uint8ClampedArray(4 * height * width);
  const row = new Float32Array(4 * picture.width);
  for (let y = 0; y < height; y++) {
    filterRow(picture.data, row.length, down, y, row);
    for (let x = 0; x < row.length; x++) row[x] = roundEven(row[x] * LEVEL_STEPS) / LEVEL_STEPS;
    for (let x = 0, at = 0, to = 4 * y * width; x < width; x++, to += 4) {
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let j = 0; j < across.taps; j++, at++) {
        const weight = across.weights[at];
        const from = 4 * across.places[at];
        red += weight * row[from];
        green += weight * row[from + 1];
        blue += weight * row[from + 2];
      }
      data[to] = red;
      data[to + 1] = green;
      data[to + 2] = blue;
      data[to + 3] = 255;
    }
  }
  return { width, height, data };
}
