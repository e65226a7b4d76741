/** Frames of the camera, one at a time: the next is taken when the last one has been painted. */
import { nextFrameSide } from "./state.js";

/** Of the last frames' times, the share that the newest one counts. */
const NEWEST = 0.15;
const ADAPT_AFTER = 12;

export class LiveCamera {
  #stream = null;
  #isRunning = false;
  #side = 256;

  /**
   * @param {HTMLVideoElement} video
   * @param {(bitmap: ImageBitmap) => Promise<ImageBitmap>} paint
   * @param {(picture: ImageBitmap, rate: number) => void} onFrame
   * @param {(error: Error) => void} onError
   */
  constructor(video, paint, onFrame, onError) {
    Object.assign(this, { video, paint, onFrame, onError });
    this.facing = "environment";
  }

  /** @throws {DOMException} there is none, or the user refused it. */
  async start(facing = this.facing) {
    this.stop();
    this.facing = facing;
    const size = { width: { ideal: 1280 }, height: { ideal: 960 } };
    // Undefined where the page is not from https or localhost.
    if (!navigator.mediaDevices) throw new Error("https");
    this.#stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: facing, ...size } });
    this.video.srcObject = this.#stream;
    await this.video.play();
    this.resume();
  }

  freeze() {
    this.#isRunning = false;
    this.video.pause();
  }

  async resume() {
    if (this.#isRunning) return;
    this.#isRunning = true;
    await this.video.play();
    this.#loop().catch((error) => {
      this.#isRunning = false;
      this.onError(error);
    });
  }

  stop() {
    this.#isRunning = false;
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = null;
    this.video.srcObject = null;
  }

  /** @returns {Promise<Blob>} the frame that is seen, as large as the camera gives it. */
  async photo() {
    const canvas = new OffscreenCanvas(this.video.videoWidth, this.video.videoHeight);
    canvas.getContext("2d").drawImage(this.video, 0, 0);
    return canvas.convertToBlob({ type: "image/png" });
  }

  async #loop() {
    const stream = this.#stream;
    let mean = null;
    for (let frames = 1; this.#isRunning && this.#stream === stream; frames++) {
      const start = performance.now();
      const { videoWidth: width, videoHeight: height } = this.video;
      const scale = this.#side / Math.max(width, height);
      const size = { resizeWidth: Math.round(width * scale), resizeHeight: Math.round(height * scale) };
      const picture = await this.paint(await createImageBitmap(this.video, { ...size, resizeQuality: "medium" }));
      // A page in the background paints nothing, and so waits here.
      await new Promise(requestAnimationFrame);
      const took = performance.now() - start;
      mean = mean === null ? took : mean + NEWEST * (took - mean);
      if (!this.#isRunning || this.#stream !== stream) return;
      this.onFrame(picture, 1000 / mean);
      if (frames % ADAPT_AFTER === 0) {
        const side = nextFrameSide(this.#side, 1000 / mean);
        if (side !== this.#side) mean = null;
        this.#side = side;
      }
    }
  }
}
