/**
 * What the page shows, as one immutable value, and how it changes: pure functions, tested with Node.
 *
 * @typedef {object} State
 * @property {{id: number, name: string, width: number, height: number}[]} photos opened ones.
 * @property {number | null} photo the shown one.
 * @property {{id: string, title: string, isReady: boolean, facts: object | null}[]} models
 * @property {string | null} model the chosen one.
 * @property {number | null} brush factor on the size of strokes; null is the finest.
 * @property {number} strength 1 is the translation, 0 the photo.
 * @property {{kind: "opening" | "preview" | "saving", share: number} | null} work
 * @property {{code: string, values: object, isError: boolean} | null} message
 * @property {{isFrozen: boolean, facing: string, rate: number, size: number[] | null} | null} camera
 * @property {{threads: number, gpu: object} | null} runtime
 */

export const BRUSHES = [null, 0.5, 0.7, 1, 1.4, 2, 4];

export const initial = Object.freeze({
  photos: [],
  photo: null,
  models: [],
  model: null,
  brush: 1,
  strength: 1,
  work: null,
  message: null,
  camera: null,
  runtime: null,
  isOfflineReady: false,
});

export function photoOpened(state, photo) {
  const { width, height, original } = photo;
  const isReduced = original[0] > width;
  const message = isReduced ? { code: "reduced", values: { from: megapixels(...original), to: megapixels(width, height) }, isError: false } : null;
  return { ...state, photos: [...state.photos, photo], photo: photo.id, work: null, message };
}

export function photoChosen(state, id) {
  return state.photos.some((photo) => photo.id === id) ? { ...state, photo: id, message: null } : state;
}

/** The next photo is shown, or the one before where it was the last. */
export function photoClosed(state, id) {
  const at = state.photos.findIndex((photo) => photo.id === id);
  const photos = state.photos.filter((photo) => photo.id !== id);
  const photo = state.photo === id ? (photos[Math.min(at, photos.length - 1)]?.id ?? null) : state.photo;
  return { ...state, photos, photo, message: null };
}

export function modelReady(state, id, facts) {
  const models = state.models.map((model) => (model.id === id ? { ...model, isReady: true, facts } : model));
  return { ...state, models };
}

/** A model of the user's own is added, ready and chosen; one of the same name is replaced. */
export function modelAdded(state, id, title, facts) {
  const others = state.models.filter((model) => model.id !== id);
  return { ...state, models: [...others, { id, title, isReady: true, facts }], model: id, message: null };
}

export function refused(state, { code, values }) {
  const message = code === "cancelled" ? null : { code, values, isError: true };
  return { ...state, work: null, message };
}

export function progressed(state, share) {
  return state.work ? { ...state, work: { ...state.work, share: Math.min(1, Math.max(0, share)) } } : state;
}

export function megapixels(width, height) {
  return Math.round((width * height) / 1e5) / 10;
}

export function chosenPhoto(state) {
  return state.photos.find((photo) => photo.id === state.photo) ?? null;
}

export function chosenModel(state) {
  return state.models.find((model) => model.id === state.model) ?? null;
}

/** What decides how the shown photo looks; the same key, the same picture. */
export function lookOf({ photo, model, brush, strength }) {
  return photo === null || model === null ? null : `${photo}|${model}|${brush}|${strength}`;
}

/** "holiday.jpg" with the style "Monet" is saved as "holiday-monet.png". */
export function savedName(photoName, modelTitle, extension) {
  const stem = photoName.replace(/\.[^.]*$/, "") || "photo";
  const style = modelTitle.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "");
  return `${stem}-${style || "style"}.${extension}`;
}

/**
 * The long side of the next camera frame: smaller where frames come slowly, larger where there is
 * time for it.
 */
export function nextFrameSide(side, rate, sides = [128, 160, 192, 256]) {
  const at = sides.indexOf(side);
  if (rate < 8 && at > 0) return sides[at - 1];
  if (rate > 20 && at < sides.length - 1) return sides[at + 1];
  return side;
}
