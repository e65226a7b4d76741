/**
 * A translation of a reduced photo brought to the full photo's size, with the full photo's edges.
 *
 * The counterpart of export/photos/guided_upsampling.py, which says where the method is from; names
 * and constants are the same.
 */
import { centers, cubic, blur, filterRow } from "./resampling.js";
import { mirrored } from "./tiling.js";

const FLAT = 16;
const EDGE = 30;
const BRUSHWORK = 3;
const WINDOW = 1;
const BRUSH_WINDOW = 1.5;
const MARGIN = 12;
const BAND_PIXELS = 100_000;
/** Coefficients of a pixel: three factors and an offset for each of R, G and B. */
const COEFFICIENTS = 12;
const ROWS_AT_ONCE = 32;

/**
 * @param {import("./picture.js").Picture} photo at full size.
 * @param {Picture} reduced the photo as it was translated; `translated` of the same size.
 * @param {number} strength 1 is the translation, 0 the photo.
 * @param {(done: number, all: number) => Promise<void>} afterRows what it throws ends the work.
 * @returns {Promise<Picture>} of the photo's size.
 */
export async function upsample(photo, reduced, translated, strength, afterRows = async () => {}) {
  const scale = Math.max(photo.height / reduced.height, photo.width / reduced.width);
  const down = photo.height / reduced.height;
  const bandRows = Math.max(MARGIN, Math.floor(BAND_PIXELS / reduced.width));
  const widen = cubic(centers(reduced.width, photo.width), reduced.width);
  const result = { ...photo, data: new Uint8ClampedArray(photo.data.length) };
  const line = new Float32Array(COEFFICIENTS * reduced.width);
  for (let first = 0; first < reduced.height; first += bandRows) {
    const last = Math.min(first + bandRows, reduced.height);
    const rows = last - first + 2 * MARGIN;
    const band = (picture) => planesOf(picture, first - MARGIN, rows);
    const fitted = coefficients(band(reduced), band(translated), rows, reduced.width, 1 - 1 / scale);
    const start = Math.round(first * down);
    const stop = Math.round(last * down);
    const places = Float64Array.from({ length: stop - start }, (_, i) => (start + i + 0.5) / down - 0.5 - first + MARGIN);
    const between = cubic(places, rows);
    for (let y = start; y < stop; y++) {
      filterRow(fitted, line.length, between, y - start, line);
      applyRow(photo, result, y, line, widen, strength);
      if ((y + 1) % ROWS_AT_ONCE === 0 || y + 1 === photo.height) await afterRows(y + 1, photo.height);
    }
  }
  return result;
}

/** Three Float32Array[rows * width] of the mirrored picture's rows from `first` on. */
function planesOf({ width, height, data }, first, rows) {
  const planes = [0, 1, 2].map(() => new Float32Array(rows * width));
  for (let y = 0; y < rows; y++) {
    let from = 4 * mirrored(first + y, height) * width;
    for (let at = y * width; at < (y + 1) * width; at++, from += 4) {
      for (let channel = 0; channel < 3; channel++) planes[channel][at] = data[from + channel];
    }
  }
  return planes;
}

/**
 * Float32Array[height * width * COEFFICIENTS]: of each pixel the factors of the photo's R for the
 * three output channels, those of G, of B, and what is added.
 *
 * @param {number} enlarged 0 for a scale of 1, up to 1; what is not explained is blurred that much.
 */
function coefficients(photo, target, height, width, enlarged) {
  const count = height * width;
  const smooth = (values, sigma = WINDOW) => blur(values, height, width, sigma);
  const map = (compute) => {
    const values = new Float32Array(count);
    for (let i = 0; i < count; i++) values[i] = compute(i);
    return values;
  };
  const keeps = textureKept(photo, target, map, smooth);
  const photoMean = photo.map((plane) => smooth(plane));
  const targetMean = target.map((plane) => smooth(plane));
  const covariance = (x, y, xMean, yMean) => {
    const mean = smooth(map((i) => x[i] * y[i]));
    for (let i = 0; i < count; i++) mean[i] -= xMean[i] * yMean[i];
    return mean;
  };
  // Of a symmetric matrix: rr, rg, rb, gg, gb, bb.
  const pairs = [[0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [2, 2]];
  const own = pairs.map(([a, b]) => covariance(photo[a], photo[b], photoMean[a], photoMean[b]));
  const cross = [0, 1, 2].map((a) => [0, 1, 2].map((b) => covariance(photo[a], target[b], photoMean[a], targetMean[b])));
  const contrast = map((i) => (enlarged ** 2 * (own[0][i] + own[3][i] + own[5][i])) / 3);
  const factors = [0, 1, 2].map(() => [0, 1, 2].map(() => new Float32Array(count)));
  for (let i = 0; i < count; i++) {
    const rr = own[0][i] + FLAT ** 2;
    const gg = own[3][i] + FLAT ** 2;
    const bb = own[5][i] + FLAT ** 2;
    const [rg, rb, gb] = [own[1][i], own[2][i], own[4][i]];
    const [irr, irg, irb] = [gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb];
    const [igg, igb, ibb] = [rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg];
    const determinant = rr * irr + rg * irg + rb * irb;
    for (let channel = 0; channel < 3; channel++) {
      const [r, g, b] = [0, 1, 2].map((c) => cross[c][channel][i] + (c === channel ? keeps[i] * FLAT ** 2 : 0));
      factors[0][channel][i] = (irr * r + irg * g + irb * b) / determinant;
      factors[1][channel][i] = (irg * r + igg * g + igb * b) / determinant;
      factors[2][channel][i] = (irb * r + igb * g + ibb * b) / determinant;
    }
  }
  const fitted = new Float32Array(count * COEFFICIENTS);
  for (let channel = 0; channel < 3; channel++) {
    const predicted = (planes, of) => (i) => planes[0][i] * of[0][i] + planes[1][i] * of[1][i] + planes[2][i] * of[2][i];
    const raw = factors.map((row) => row[channel]);
    const mean = predicted(photoMean, raw);
    const offset = smooth(map((i) => targetMean[channel][i] - mean(i)));
    const wide = raw.map((plane) => smooth(plane));
    const explained = predicted(photo, wide);
    for (let i = 0; i < count; i++) {
      const unexplained = target[channel][i] - explained(i) - offset[i];
      for (let from = 0; from < 3; from++) fitted[COEFFICIENTS * i + 3 * from + channel] = wide[from][i];
      fitted[COEFFICIENTS * i + 9 + channel] = offset[i] + unexplained * (EDGE ** 2 / (EDGE ** 2 + contrast[i]));
    }
  }
  return fitted;
}

/** Near 0 under brushwork, 1 where the photo is only shifted. */
function textureKept(photo, target, map, smooth) {
  const brushwork = map(() => 0);
  for (let channel = 0; channel < 3; channel++) {
    const change = map((i) => target[channel][i] - photo[channel][i]);
    const square = smooth(map((i) => change[i] * change[i]), BRUSH_WINDOW);
    const mean = smooth(change, BRUSH_WINDOW);
    for (let i = 0; i < brushwork.length; i++) brushwork[i] += Math.max(0, square[i] - mean[i] * mean[i]) / 3;
  }
  return map((i) => BRUSHWORK ** 2 / (BRUSHWORK ** 2 + brushwork[i]));
}

/** Row `y` of the result, from the row's coefficients at the reduced width. */
function applyRow(photo, result, y, line, { places, weights }, strength) {
  const from = photo.data;
  const to = result.data;
  for (let x = 0, at = 4 * y * photo.width; x < photo.width; x++, at += 4) {
    const tap = 4 * x;
    const place0 = COEFFICIENTS * places[tap];
    const place1 = COEFFICIENTS * places[tap + 1];
    const place2 = COEFFICIENTS * places[tap + 2];
    const place3 = COEFFICIENTS * places[tap + 3];
    const weight0 = weights[tap];
    const weight1 = weights[tap + 1];
    const weight2 = weights[tap + 2];
    const weight3 = weights[tap + 3];
    const red = from[at];
    const green = from[at + 1];
    const blue = from[at + 2];
    for (let channel = 0; channel < 3; channel++) {
      let sum = 0;
      const at0 = place0 + channel;
      const at1 = place1 + channel;
      const at2 = place2 + channel;
      const at3 = place3 + channel;
      sum += weight0 * (red * line[at0] + green * line[at0 + 3] + blue * line[at0 + 6] + line[at0 + 9]);
      sum += weight1 * (red * line[at1] + green * line[at1 + 3] + blue * line[at1 + 6] + line[at1 + 9]);
      sum += weight2 * (red * line[at2] + green * line[at2 + 3] + blue * line[at2 + 6] + line[at2 + 9]);
      sum += weight3 * (red * line[at3] + green * line[at3 + 3] + blue * line[at3 + 6] + line[at3 + 9]);
      const own = from[at + channel];
      to[at + channel] = own + strength * (sum - own);
    }
    to[at + 3] = 255;
  }
}
