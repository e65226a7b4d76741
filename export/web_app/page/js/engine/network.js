/** LiteRT.js, and a network of a .tflite file that it runs. */
import { blankPicture } from "../pixels/picture.js";

/**
 * Loads LiteRT's WebAssembly: with threads where the page is isolated, with relaxed SIMD where the
 * browser has it; for the GPU the build that may wait for it (JSPI), which has no threads.
 *
 * @param {"wasm" | "webgpu"} accelerator
 * @returns {Promise<{litert: object, threads: number, accelerator: string}>}
 */
export async function loadRuntime(accelerator) {
  const litert = await import("../../litert/index.js");
  const jspi = accelerator === "webgpu";
  const threads = !jspi && self.crossOriginIsolated && (await litert.supportsFeature("relaxedSimd"));
  await litert.loadLiteRt(new URL("../../litert/", import.meta.url).href, { threads, jspi });
  return { litert, threads: threads ? navigator.hardwareConcurrency : 1, accelerator };
}

/** A network that is ready to run. */
export class Network {
  /**
   * @param {Uint8Array} bytes of a .tflite file.
   * @param {import("../model/model_file.js").ModelDescription} description of its pixels.
   * @param {"wasm" | "webgpu"} accelerator
   * @throws {Error} it can't be built, or not all of it for the accelerator.
   */
  static async build(litert, bytes, description, accelerator) {
    const model = await litert.loadAndCompile(bytes, { accelerator });
    if (accelerator === "webgpu" && !model.isFullyAccelerated) {
      model.delete();
      throw new Error("not all operations run on the GPU");
    }
    return new Network(litert, model, description);
  }

  constructor(litert, model, { input, output }) {
    Object.assign(this, { litert, model, input, output });
    const [, height, width] = model.getInputDetails()[0].shape;
    this.levels = Float32Array.from({ length: 256 }, (_, level) => (level - input.mean) / input.std);
    const Values = input.type === "uint8" ? Uint8Array : Float32Array;
    this.values = new Values(3 * height * width);
    this.shape = [1, height, width, 3];
  }

  /**
   * @param {import("../pixels/picture.js").Picture} tile of the input's size.
   * @returns {Promise<Picture>} of the same size.
   */
  async run(tile) {
    const { values, levels } = this;
    const isQuantized = this.input.type === "uint8";
    for (let from = 0, to = 0; to < values.length; from += 4) {
      for (let channel = 0; channel < 3; channel++, to++) {
        const level = tile.data[from + channel];
        values[to] = isQuantized ? level : levels[level];
      }
    }
    const tensor = new this.litert.Tensor(values, this.shape);
    const outputs = [];
    try {
      outputs.push(...(await this.model.run(tensor)));
      return this.#decoded(await outputs[0].data(), tile);
    } finally {
      for (const used of [tensor, ...outputs]) used.delete();
    }
  }

  #decoded(values, { width, height }) {
    const { mean, std } = this.output;
    const picture = blankPicture(width, height);
    for (let from = 0, to = 0; from < values.length; from += 3, to += 4) {
      for (let channel = 0; channel < 3; channel++) picture.data[to + channel] = values[from + channel] * std + mean;
    }
    return picture;
  }

  close() {
    this.model.delete();
  }
}
