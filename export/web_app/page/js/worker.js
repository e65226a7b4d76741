/**
 * The worker: messages to calls of Stylizer, and back. Its name is that of the accelerator. A classic one, as LiteRT's loader needs
 * importScripts.
 *
 * In: {id, method, values}, or {cancel: id}. Out: {id, result}, {id, refusal}, {id, error} or {id,
 * progress}.
 */
const PREVIEW_PIXELS = 1_500_000;
const THUMBNAIL = 160;

/** Files by photo; of one photo, the last that was asked for, also the pixels. */
const files = new Map();
let current = null;
const cancelled = new Set();
let parts = null;

class Cancelled extends Error {}

function load() {
  parts ??= Promise.all([
    import("./engine/network.js"),
    import("./engine/stylizer.js"),
    import("./engine/photo_decoder.js"),
    import("./pixels/resampling.js"),
  ]).then(async ([network, { Stylizer }, decoder, { resized }]) => {
    const runtime = await network.loadRuntime(self.name);
    return { runtime, stylizer: new Stylizer(runtime), ...decoder, resized };
  });
  return parts;
}

async function opened(photo) {
  if (current?.id === photo) return current;
  const { decode, resized } = await load();
  current = null; // its memory, before the next one takes more
  const { picture, original } = await decode(files.get(photo));
  const scale = Math.min(1, Math.sqrt(PREVIEW_PIXELS / (picture.width * picture.height)));
  const [height, width] = [picture.height, picture.width].map((side) => Math.max(1, Math.round(side * scale)));
  const preview = scale < 1 ? resized(picture, height, width) : picture;
  current = { id: photo, picture, original, preview, small: resized(picture, ...within(THUMBNAIL, picture)) };
  return current;
}

const within = (side, picture) => {
  const scale = Math.min(1, side / Math.max(picture.height, picture.width));
  return [picture.height, picture.width].map((length) => Math.max(1, Math.round(length * scale)));
};

const methods = {
  async start() {
    const { runtime } = await load();
    return { threads: runtime.threads };
  },

  async addModel({ model, bytes, isOwn }) {
    return (await load()).stylizer.addModel(model, bytes, isOwn);
  },

  async openPhoto({ photo, file }) {
    files.set(photo, file);
    try {
      const { bitmapOf } = await load();
      const { picture, original, preview, small } = await opened(photo);
      const { width, height } = picture;
      return { width, height, original, before: bitmapOf(preview), thumbnail: bitmapOf(small) };
    } catch (error) {
      files.delete(photo);
      throw error;
    }
  },

  async closePhoto({ photo }) {
    files.delete(photo);
    if (current?.id === photo) current = null;
  },

  async preview({ photo, how }, progress) {
    const { stylizer, bitmapOf } = await load();
    const shown = await opened(photo);
    return bitmapOf(await stylizer.stylize(shown, shown.preview, how, progress));
  },

  async thumbnail({ photo, model }) {
    const { stylizer, bitmapOf } = await load();
    return bitmapOf(await stylizer.frame((await opened(photo)).small, model));
  },

  async save({ photo, how, type }, progress) {
    const { stylizer, encode } = await load();
    const shown = await opened(photo);
    return encode(await stylizer.stylize(shown, shown.picture, how, progress), type);
  },

  async frame({ bitmap, model }) {
    const { stylizer, pixelsOf, bitmapOf } = await load();
    const picture = pixelsOf(bitmap);
    bitmap.close();
    return bitmapOf(await stylizer.frame(picture, model));
  },

  /** Files that this worker has loaded, to be kept. */
  async loaded() {
    const names = performance.getEntriesByType("resource").map(({ name }) => name);
    return { runtime: [self.location.href, ...names] };
  },

  async known({ model }) {
    return (await load()).stylizer.known(model);
  },
};

/** Lets messages in, among them a cancellation. */
const turn = () =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });

async function run({ id, method, values }) {
  const progress = async (share) => {
    self.postMessage({ id, progress: share });
    await turn();
    if (cancelled.has(id)) throw new Cancelled();
  };
  try {
    await turn();
    if (cancelled.has(id)) throw new Cancelled();
    const result = await methods[method](values, progress);
    self.postMessage({ id, result }, transferable(result));
  } catch (error) {
    if (error instanceof Cancelled) self.postMessage({ id, refusal: { code: "cancelled", values: {} } });
    else if (error.code && error.values) self.postMessage({ id, refusal: { code: error.code, values: error.values } });
    else {
      console.error(error);
      self.postMessage({ id, error: String(error?.message ?? error) });
    }
  } finally {
    cancelled.delete(id);
  }
}

function transferable(result) {
  return [result, ...Object.values(result ?? {})].filter((value) => value instanceof ImageBitmap);
}

/** One job at a time: networks and memory are shared. */
let queue = Promise.resolve();
self.onmessage = ({ data }) => {
  if (data.cancel !== undefined) cancelled.add(data.cancel);
  else queue = queue.then(() => run(data));
};
