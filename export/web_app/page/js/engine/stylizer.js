/** Photos through networks: what the worker does, without its messages. */
import { describe, resizedModel, UnusableModel } from "../model/model_file.js";
import { blend } from "../pixels/blend.js";
import { broadSizes, CANVAS, canvasSizes, refined, sharpenStrokes } from "../pixels/brushstrokes.js";
import { knownPicture } from "../pixels/comparison.js";
import { upsample } from "../pixels/guided_upsampling.js";
import { resized } from "../pixels/resampling.js";
import { plan, Tiling } from "../pixels/tiling.js";
import { translatedSize, workingSize } from "../pixels/working_size.js";
import { Network } from "./network.js";
import { Refusal } from "./refusal.js";

/** Memory of a network grows with its tile: 400 bytes a pixel. */
const MAX_TILE_PIXELS = 400_000;
const MAX_NETWORKS = 3;
/** Pixels around a camera's frame; the whole margin would halve the frame rate. */
const LIVE_MARGIN = 8;

export class Stylizer {
  #models = new Map();
  /** By model and size; the one used last stands last. */
  #networks = new Map();
  #translation = null;

  /** @param {{litert: object, accelerator: "wasm" | "webgpu"}} runtime */
  constructor({ litert, accelerator }) {
    Object.assign(this, { litert, accelerator });
  }

  /**
   * @param {string} id @param {Uint8Array} bytes
   * @param {boolean} isOwn the user's: it runs once, as a damaged network should fail here, and not
   *   with a photo. Those of the site were run when they were exported.
   * @returns {Promise<object>} its facts for people.
   * @throws {Refusal} not a model of export.tflite, or one that does not run.
   */
  async addModel(id, bytes, isOwn) {
    try {
      const description = await describe(bytes);
      const { about, size } = description;
      this.#models.set(id, { bytes, description });
      if (isOwn) await (await this.#network(id, size, size)).run(knownPicture(size, size));
      return { ...about, hasBrush: description.workingSize !== null, isQuantized: description.input.type === "uint8" };
    } catch (error) {
      this.#models.delete(id);
      const reason = error instanceof UnusableModel ? error.message : "the network does not run";
      throw new Refusal("notAModel", { name: id, reason });
    }
  }

  /**
   * @param {{id: number, picture: Picture}} photo
   * @param {Picture} target the photo, or a smaller version of it to look at.
   * @param {{model: string, brush: number | null, strength: number}} how brush null is the finest.
   * @param {(share: number) => Promise<void>} progress what it throws ends the work.
   * @returns {Promise<Picture>} of the target's size.
   */
  async stylize(photo, target, { model, brush, strength }, progress = async () => {}) {
    const translation = await this.#translated(photo, model, brush, (share) => progress(0.5 * share));
    const { canvases } = translation;
    const rows = target.height + 2 * canvases.reduce((sum, { height }) => sum + height, 0);
    let before = 0;
    const afterRows = (done) => progress(0.5 + (0.5 * (before + done)) / rows);
    while (canvases.length) {
      const [guide] = canvases;
      const canvas = await enlarged(guide, translation.reduced, translation.translated, afterRows);
      before += 2 * guide.height;
      // Only now, as work that ends early goes on from the last canvas.
      Object.assign(translation, { reduced: guide, translated: canvas, isPainted: true });
      canvases.shift();
    }
    const { reduced, translated, isPainted } = translation;
    // Rounded, a canvas may be a pixel larger than the photo one way only: export.stylize goes by its height.
    const isEnlarged = isPainted
      ? reduced.height <= target.height
      : reduced.width * reduced.height < target.width * target.height;
    if (isEnlarged) return upsample(target, reduced, translated, strength, afterRows);
    const isSame = reduced.width === target.width && reduced.height === target.height;
    return blend(target, isSame ? translated : resized(translated, target.height, target.width), strength);
  }

  /**
   * A frame of the camera: no working size, and so little of a margin that no frame shows around it.
   *
   * @returns {Promise<Picture>} a little smaller where the network's stride asks for it.
   */
  async frame(picture, model) {
    const { stride, margin, size } = this.#models.get(model).description;
    const border = margin === null ? 0 : Math.min(margin, Math.ceil(LIVE_MARGIN / stride) * stride);
    const fitting = (side) => (margin === null ? size : Math.max(stride, border, side - (side % stride)));
    const [height, width] = [picture.height, picture.width].map(fitting);
    const isSame = height === picture.height && width === picture.width;
    const tiling = new Tiling(height + 2 * border, width + 2 * border, border);
    const network = await this.#network(model, tiling.height, tiling.width);
    return tiling.translate(isSame ? picture : resized(picture, height, width), (tile) => network.run(tile));
  }

  /** @returns {Promise<{picture: Picture, ms: number}>} what becomes of a known picture, and how fast. */
  async known(model) {
    const { size } = this.#models.get(model).description;
    const network = await this.#network(model, size, size);
    await network.run(knownPicture(size, size));
    const start = performance.now();
    const picture = await network.run(knownPicture(size, size));
    return { picture, ms: performance.now() - start };
  }

  /**
   * The photo before and after, at the working size or on the last canvas that is done, and the photo
   * at the sizes of the other canvases, smallest first. The same for each strength.
   */
  async #translated(photo, model, brush, progress) {
    const key = `${photo.id} ${model} ${brush}`;
    if (this.#translation?.key === key) return this.#translation;
    this.#translation = null;
    const { description } = this.#models.get(model);
    const { picture } = photo;
    const size = description.margin === null ? description.size : workingSize(description.workingSize, brush);
    const [height, width] = translatedSize(picture.height, picture.width, size);
    const isSame = height === picture.height && width === picture.width;
    const isReduced = height * width < picture.height * picture.width;
    const [painted, canvases] = levels(height, width, description.brushstrokes && !isSame);
    const photos = isSame ? [picture] : guides(picture, isReduced ? [...painted, ...canvases] : painted);
    const rows = painted.reduce((sum, [tall]) => sum + 3 * tall, -2 * painted[0][0]);
    let before = 0;
    const afterRows = (done) => progress((before + done) / rows);
    let [reduced, translated] = [null, null];
    for (const guide of photos.splice(0, painted.length)) {
      let fine = await this.#throughNetwork(guide, model, (share) => afterRows(share * guide.height));
      before += guide.height;
      if (reduced) {
        const broad = await enlarged(guide, reduced, translated, afterRows);
        before += 2 * guide.height;
        fine = refined(broad, fine, guide);
      }
      [reduced, translated] = [guide, fine];
    }
    this.#translation = { key, reduced, translated, canvases: photos, isPainted: false };
    return this.#translation;
  }

  /** What the network makes of a picture, at its size. */
  async #throughNetwork(picture, model, progress) {
    const { height, width } = picture;
    const { margin, stride, size } = this.#models.get(model).description;
    const tiling = margin === null ? new Tiling(size, size, 0) : plan(height, width, margin, stride, MAX_TILE_PIXELS);
    const network = await this.#network(model, tiling.height, tiling.width);
    return tiling.translate(picture, (tile) => network.run(tile), (done, all) => progress(done / all));
  }

  async #network(model, height, width) {
    const key = `${model} ${height} ${width}`;
    const { bytes, description } = this.#models.get(model);
    const known = this.#networks.get(key);
    this.#networks.delete(key);
    const network = known ?? (await Network.build(this.litert, resizedModel(bytes, height, width), description, this.accelerator));
    this.#networks.set(key, network);
    const [[oldest, unused]] = this.#networks;
    if (this.#networks.size > MAX_NETWORKS) {
      unused.close();
      this.#networks.delete(oldest);
    }
    return network;
  }
}

/**
 * Sizes at which the network paints a photo, the largest as given, and those of the canvases that its
 * strokes are sharpened on.
 */
function levels(height, width, hasBrushstrokes) {
  if (!hasBrushstrokes) return [[[height, width]], []];
  const canvases = canvasSizes(height, width, CANVAS / Math.max(height, width));
  return [[...broadSizes(height, width), [height, width]], canvases];
}

/** The translation of `reduced`, with brushstrokes of the guide's size, after twice its rows. */
async function enlarged(guide, reduced, translated, afterRows) {
  const canvas = await upsample(guide, reduced, translated, 1, afterRows);
  await sharpenStrokes(canvas, guide, (done) => afterRows(guide.height + done));
  return canvas;
}

/** The photo at each size, smallest first. */
function guides(photo, sizes) {
  return sizes.reduceRight((larger, size) => [resized(larger[0] ?? photo, ...size), ...larger], []);
}
