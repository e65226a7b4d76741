/** Whether WebGPU computes what WebAssembly computes, and faster. */
import { psnr } from "../pixels/comparison.js";
import { Engine } from "./engine.js";

/** As GPU_BOUNDS in export/conversion/gpu_check.py: 8-bit networks differ by roundings. */
const MIN_PSNR = { quantized: 38, float: 60 };

/**
 * @param {Engine} cpu that has the model.
 * @param {{id: string, bytes: Uint8Array, facts: object}} model
 * @param {boolean} isForced also a GPU in software, and a slower one.
 * @returns {Promise<{state: string, engine: Engine | null}>} the engine where the state is "used",
 *   and what was found.
 */
export async function checkedGpu(cpu, model, isForced) {
  let engine = null;
  const left = (state, facts = {}) => {
    engine?.close();
    return { state, engine: null, ...facts };
  };
  try {
    const adapter = await navigator.gpu?.requestAdapter();
    if (!adapter) return left("missing");
    const { isFallbackAdapter, description, vendor, architecture } = adapter.info;
    const device = description || `${vendor} ${architecture}`.trim();
    const isSoftware = isFallbackAdapter || /swiftshader|llvmpipe/i.test(`${device} ${architecture}`);
    if (isSoftware && !isForced) return left("software", { device });
    const failed = new Promise((_, reject) => (engine = new Engine((reason) => reject(new Error(reason)), "webgpu")));
    const computed = engine
      .call("addModel", { model: model.id, bytes: model.bytes, isOwn: false })
      .then(() => engine.call("known", { model: model.id }));
    const onGpu = await Promise.race([computed, failed]);
    const onCpu = await cpu.call("known", { model: model.id });
    const facts = { device, psnr: psnr(onCpu.picture, onGpu.picture), cpuMs: onCpu.ms, gpuMs: onGpu.ms };
    if (!(facts.psnr >= MIN_PSNR[model.facts.isQuantized ? "quantized" : "float"])) return left("wrong", facts);
    if (facts.gpuMs >= facts.cpuMs && !isForced) return left("slower", facts);
    return { state: "used", engine, ...facts };
  } catch (error) {
    return left("failed", { reason: error.values?.reason ?? error.message });
  }
}
