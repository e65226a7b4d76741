/**
 * A picture: RGBA bytes, 0 to 255, row after row; alpha is 255 throughout.
 *
 * @typedef {{width: number, height: number, data: Uint8ClampedArray}} Picture
 */

/** @returns {Picture} */
export function blankPicture(width, height) {
  return { width, height, data: new Uint8ClampedArray(4 * width * height).fill(255) };
}

export function samePicture(picture) {
  return { ...picture, data: picture.data.slice() };
}
