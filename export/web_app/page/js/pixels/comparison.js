/** @returns {number} PSNR in dB of two pictures of the same size; Infinity where they are equal. */
export function psnr(one, other) {
  let sum = 0;
  for (let i = 0; i < one.data.length; i++) sum += (one.data[i] - other.data[i]) ** 2;
  // Alpha is equal in both and no part of the mean.
  return 10 * Math.log10((255 ** 2 * one.data.length * 0.75) / sum);
}

/** A picture that is the same everywhere: soft waves of colour, and edges. */
export function knownPicture(height, width) {
  const data = new Uint8ClampedArray(4 * height * width);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) {
      const edge = (x >> 5) % 2 === (y >> 5) % 2 ? 30 : 0;
      data[at] = 128 + 90 * Math.sin(x / 19) + edge;
      data[at + 1] = 128 + 90 * Math.sin(y / 13 + x / 41);
      data[at + 2] = 128 + 90 * Math.cos((x + y) / 23) - edge;
      data[at + 3] = 255;
    }
  }
  return { width, height, data };
}
