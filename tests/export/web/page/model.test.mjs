/** What .tflite files say of themselves, and that damaged ones are refused. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const page = new URL("../../../../export/web_app/page/js/", import.meta.url);
const { UnusableModel, describe, resizedModel } = await import(new URL("model/model_file.js", page));
const models = new URL("../../../../android_demo/app/src/test/resources/models/", import.meta.url);
const read = (name) => new Uint8Array(readFileSync(new URL(name, models)));

test("facts of the app's test models", async () => {
  const int8 = await describe(read("invert-int8.tflite"));
  assert.deepEqual(int8.input, { type: "uint8", mean: 0, std: 1 });
  const float = await describe(read("invert-float32.tflite"));
  assert.equal(float.input.type, "float32");
  assert.deepEqual([float.input.mean, float.input.std], [127.5, 127.5]);
  assert.equal((await describe(read("whole-float32.tflite"))).margin, null);
});

test("photos get brushstrokes where the file says so, and in no other way", async () => {
  const { models: files } = JSON.parse(readFileSync(process.env.VECTORS));
  for (const { model, brushstrokes } of files) {
    assert.equal((await describe(new Uint8Array(Buffer.from(model, "hex")))).brushstrokes, brushstrokes);
  }
});

test("a network at another size says so, and the file stays as long", async () => {
  const bytes = read("invert-int8.tflite");
  const { size, about } = await describe(bytes);
  const larger = resizedModel(bytes, 2 * size, 2 * size);
  assert.equal(larger.length, bytes.length);
  const described = await describe(larger);
  assert.equal(described.size, 2 * size);
  assert.equal(described.about.size, about.size);
  assert.deepEqual(resizedModel(larger, size, size), bytes);
});

test("what is no model of ours is refused", async () => {
  for (const bytes of [new Uint8Array(), new Uint8Array(5000), read("invert-int8.tflite").subarray(0, 600)]) {
    await assert.rejects(describe(bytes), UnusableModel);
  }
});

test("each damaged file is refused or read, never anything else", async () => {
  const whole = read("invert-int8.tflite");
  for (let seed = 0; seed < 300; seed++) {
    const bytes = whole.slice();
    for (let i = 0; i < 8; i++) bytes[(seed * 7919 + i * 104729 + i * seed * 31) % Math.floor(whole.length / 2) + 8] ^= 1 + (seed % 255);
    await describe(bytes).catch((error) => assert.ok(error instanceof UnusableModel, String(error.stack)));
  }
});
