/**
 * A table of a FlatBuffers file, read in place; fields are numbered in the order of their schema.
 *
 * Enough of the format for TensorFlow Lite's headers and metadata. Reading a damaged file ends in a
 * RangeError, never elsewhere.
 */
export class FlatTable {
  #view;
  #at;

  constructor(view, at) {
    this.#view = view;
    this.#at = at;
  }

  /** The root table of `bytes`; null where they don't begin as a file with this identifier. */
  static root(bytes, identifier) {
    const found = String.fromCharCode(...bytes.subarray(4, 8));
    if (found !== identifier) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new FlatTable(view, view.getUint32(0, true));
  }

  int(field, otherwise = 0) {
    const place = this.#place(field);
    return place === null ? otherwise : this.#view.getInt32(place, true);
  }

  byte(field, otherwise = 0) {
    const place = this.#place(field);
    return place === null ? otherwise : this.#view.getUint8(place);
  }

  table(field) {
    const place = this.#place(field);
    return place === null ? null : new FlatTable(this.#view, this.#follow(place));
  }

  tables(field) {
    return this.#elements(field, 4, (place) => new FlatTable(this.#view, this.#follow(place)));
  }

  ints(field) {
    return this.#elements(field, 4, (place) => this.#view.getInt32(place, true));
  }

  floats(field) {
    return this.#elements(field, 4, (place) => this.#view.getFloat32(place, true));
  }

  text(field) {
    const bytes = this.bytes(field);
    return bytes && new TextDecoder().decode(bytes);
  }

  /** A vector of bytes, as a view on the file; null where there is none. */
  bytes(field) {
    const [start, length] = this.#vector(field, 1) ?? [];
    if (start === undefined) return null;
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + start, length);
  }

  /** Where in the file a vector's first element stands, and how many there are; null without one. */
  #vector(field, size) {
    const place = this.#place(field);
    if (place === null) return null;
    const vector = this.#follow(place);
    const length = this.#view.getUint32(vector, true);
    if (vector + 4 + length * size > this.#view.byteLength) {
      throw new RangeError(`a vector of ${length} elements does not fit`);
    }
    return [vector + 4, length];
  }

  #elements(field, size, read) {
    const [start, length] = this.#vector(field, size) ?? [0, 0];
    return Array.from({ length }, (_, i) => read(start + i * size));
  }

  #place(field) {
    const fields = this.#at - this.#view.getInt32(this.#at, true);
    const entry = 4 + 2 * field;
    if (entry + 2 > this.#view.getUint16(fields, true)) return null;
    const offset = this.#view.getUint16(fields + entry, true);
    return offset === 0 ? null : this.#at + offset;
  }

  #follow(place) {
    return place + this.#view.getUint32(place, true);
  }

  /** A vector as Int32s that are written into the file; null without one. size: bytes of its elements. */
  writableInts(field, size = 4) {
    const [start, length] = this.#vector(field, size) ?? [];
    if (start === undefined) return null;
    const view = this.#view;
    return {
      start,
      length,
      get: (i) => view.getInt32(start + 4 * i, true),
      set: (i, value) => view.setInt32(start + 4 * i, value, true),
    };
  }
}
