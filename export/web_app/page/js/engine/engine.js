/** The page's side of worker.js: calls become messages, answers promises. */
import { Refusal } from "./refusal.js";

export class Engine {
  #worker;
  #calls = new Map();
  #last = 0;

  /**
   * @param {(message: string) => void} onCrash the worker ended; open calls are refused.
   * @param {"wasm" | "webgpu"} accelerator
   */
  constructor(onCrash, accelerator = "wasm") {
    this.#worker = new Worker(new URL("../worker.js", import.meta.url), { name: accelerator });
    this.#worker.onmessage = ({ data }) => this.#answer(data);
    this.#worker.onerror = (event) => {
      for (const { reject } of this.#calls.values()) reject(new Refusal("crashed", { reason: event.message }));
      this.#calls.clear();
      onCrash(event.message);
    };
  }

  /**
   * @param {string} method of worker.js.
   * @param {{signal?: AbortSignal, progress?: (share: number) => void, transfer?: Transferable[]}} how
   * @throws {Refusal} what the worker refuses; its code is "cancelled" after an abort.
   */
  call(method, values = {}, { signal, progress, transfer = [] } = {}) {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject, progress });
      signal?.addEventListener("abort", () => this.#worker.postMessage({ cancel: id }));
      this.#worker.postMessage({ id, method, values }, transfer);
      if (signal?.aborted) this.#worker.postMessage({ cancel: id });
    });
  }

  #answer({ id, result, refusal, error, progress }) {
    const call = this.#calls.get(id);
    if (progress !== undefined) {
      call?.progress?.(progress);
      return;
    }
    this.#calls.delete(id);
    if (refusal) call?.reject(new Refusal(refusal.code, refusal.values));
    else if (error) call?.reject(new Refusal("crashed", { reason: error }));
    else call?.resolve(result);
  }

  close() {
    this.#worker.terminate();
  }
}
