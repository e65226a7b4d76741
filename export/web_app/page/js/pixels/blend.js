/**
 * Mixes `photo` (strength 0) into `translation` (1). Rounds as export.photos.tiling.blend does: in
 * single precision, halves to even, which is how a clamped array rounds what is assigned to it.
 *
 * @returns {import("./picture.js").Picture} a new picture, or `translation` at strength 1.
 */
export function blend(photo, translation, strength) {
  if (strength === 1) return translation;
  const from = photo.data;
  const to = translation.data;
  const data = new Uint8ClampedArray(from.length);
  const share = Math.fround(strength);
  for (let i = 0; i < data.length; i++) data[i] = Math.fround(from[i] + Math.fround(share * (to[i] - from[i])));
  return { ...photo, data };
}
