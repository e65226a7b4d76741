/** From a file to pixels and back, in a worker. */
import { Refusal } from "./refusal.js";

/** Memory of a phone's browser tab holds this photo, its result, and a copy that is being saved. */
const MAX_PIXELS = 25_000_000;
const MIN_SIDE = 8;

/**
 * @param {Blob} file
 * @returns {Promise<{picture: Picture, original: [number, number]}>} upright, sRGB, on white where it
 *   is transparent, at most MAX_PIXELS; and the file's own width and height.
 * @throws {Refusal} it is no picture that the browser can decode, or of a few pixels.
 */
export async function decode(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new Refusal("notAPicture", { name: file.name ?? "" });
  }
  const original = [bitmap.width, bitmap.height];
  if (Math.min(...original) < MIN_SIDE) throw new Refusal("tooSmall", { width: original[0], height: original[1], least: MIN_SIDE });
  const scale = Math.min(1, Math.sqrt(MAX_PIXELS / (original[0] * original[1])));
  const [width, height] = original.map((side) => Math.max(1, Math.floor(side * scale)));
  try {
    return { picture: pixelsOf(bitmap, width, height), original };
  } catch {
    throw new Refusal("tooLarge", { width: original[0], height: original[1] });
  } finally {
    bitmap.close();
  }
}

/** @returns {Picture} of a bitmap, at this size. */
export function pixelsOf(bitmap, width = bitmap.width, height = bitmap.height) {
  const context = new OffscreenCanvas(width, height).getContext("2d", { alpha: false, willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  return { width, height, data: context.getImageData(0, 0, width, height).data };
}

function canvasOf({ width, height, data }) {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d", { alpha: false }).putImageData(new ImageData(data, width, height), 0, 0);
  return canvas;
}

/** @returns {ImageBitmap} for the page to show. */
export function bitmapOf(picture) {
  return canvasOf(picture).transferToImageBitmap();
}

/** @param {"image/png" | "image/jpeg"} type @returns {Promise<Blob>} a file, upright and in sRGB. */
export function encode(picture, type) {
  return canvasOf(picture).convertToBlob({ type, quality: 0.92 });
}
