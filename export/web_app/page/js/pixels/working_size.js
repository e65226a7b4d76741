/** At which size a photo is translated: as export/photos/translator.py has it. */
import { roundEven } from "./rounding.js";

const MAX_ENLARGEMENT = 1.5;
const MAX_ELONGATION = 4;

/**
 * @param {number | null} recorded the model's working size; null where none is on record.
 * @param {number | null} brush factor on the size of strokes; null for the finest, at the photo's size.
 * @returns {number | null} long side in pixels; null: each photo's own.
 */
export function workingSize(recorded, brush) {
  return recorded === null || brush === null ? null : Math.max(1, roundEven(recorded / brush));
}

/** @returns {[number, number]} height and width at which a photo of these is translated. */
export function translatedSize(height, width, size) {
  const longest = Math.max(height, width);
  if (size === null) return [height, width];
  if (longest < size && size <= MAX_ENLARGEMENT * longest) {
    return [height, width].map((side) => roundEven((side * size) / longest));
  }
  const limited = Math.min(longest, MAX_ELONGATION * Math.min(height, width));
  if (limited <= size) return [height, width];
  return [height, width].map((side) => Math.max(1, roundEven((side * size) / limited)));
}
