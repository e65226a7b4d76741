/** An attached file is a page of text; what claims to be more is damaged or hostile. */
const MAX_BYTES = 1 << 20;
const END = 0x06054b50;
const END_LENGTH = 22;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const MAX_COMMENT = 0xffff;
const DEFLATED = 8;

/**
 * A file out of the ZIP archive that TensorFlow Lite metadata appends to a model.
 *
 * @param {Uint8Array} model
 * @returns {Promise<string | null>} its text; null when there is none such.
 */
export async function readAttachedFile(model, name) {
  try {
    const view = new DataView(model.buffer, model.byteOffset, model.byteLength);
    const packed = findEntry(model, view, name);
    return packed && (await unpack(packed));
  } catch {
    return null;
  }
}

function findEntry(model, view, name) {
  const last = model.length - END_LENGTH;
  let end = last;
  while (end >= 0 && end >= last - MAX_COMMENT && view.getUint32(end, true) !== END) end--;
  const size = view.getUint32(end + 12, true);
  // Offsets count from where the archive begins, which some writers take for the file's beginning.
  const shift = end - size - view.getUint32(end + 16, true);
  let at = end - size;
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    if (view.getUint32(at, true) !== ENTRY) return null;
    const length = view.getUint16(at + 28, true);
    if (new TextDecoder().decode(model.subarray(at + 46, at + 46 + length)) === name) {
      const local = view.getUint32(at + 42, true) + shift;
      if (view.getUint32(local, true) !== LOCAL) return null;
      const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
      const bytes = model.subarray(start, start + Math.min(view.getUint32(at + 20, true), MAX_BYTES));
      return { isDeflated: view.getUint16(at + 10, true) === DEFLATED, bytes };
    }
    at += 46 + length + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return null;
}

async function unpack({ isDeflated, bytes }) {
  if (!isDeflated) return new TextDecoder().decode(bytes);
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const parts = [];
  for (let size = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return new Blob(parts).text();
    parts.push(value);
    size += value.length;
    if (size > MAX_BYTES) throw new RangeError("an attached file of more than a megabyte");
  }
}
