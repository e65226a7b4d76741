/** Pixel functions against export/photos: the app's vectors, and those that the test hands over. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const page = new URL("../../../../export/web_app/page/js/", import.meta.url);
const { Tiling, mirrored, plan } = await import(new URL("pixels/tiling.js", page));
const { blend } = await import(new URL("pixels/blend.js", page));
const { broadSizes, CANVAS, canvasSizes, refined, sharpenStrokes } = await import(new URL("pixels/brushstrokes.js", page));
const { resized } = await import(new URL("pixels/resampling.js", page));
const { upsample } = await import(new URL("pixels/guided_upsampling.js", page));
const { translatedSize, workingSize } = await import(new URL("pixels/working_size.js", page));
const { roundEven } = await import(new URL("pixels/rounding.js", page));

const shared = JSON.parse(readFileSync(new URL("../../../../android_demo/test_vectors/tiling.json", import.meta.url)));
const own = JSON.parse(readFileSync(process.env.VECTORS));

function picture(hex, height, width) {
  const bytes = Buffer.from(hex, "hex");
  const data = new Uint8ClampedArray(4 * height * width).fill(255);
  for (let i = 0; i < height * width; i++) data.set(bytes.subarray(3 * i, 3 * i + 3), 4 * i);
  return { width, height, data };
}

/** Exact in whole numbers; as make_tiling_vectors.py has it. */
function standIn(reach) {
  return async ({ width, height, data }) => {
    const result = new Uint8ClampedArray(data.length).fill(255);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const below = Math.min(y + reach, height - 1) * width + x;
        const left = y * width + Math.max(x - reach, 0);
        for (let c = 0; c < 3; c++) {
          const at = 4 * (y * width + x) + c;
          result[at] = (2 * data[at] + data[4 * below + c] + data[4 * left + c]) >> 2;
        }
      }
    }
    return { width, height, data: result };
  };
}

function farthest(one, other) {
  return one.data.reduce((most, level, i) => Math.max(most, Math.abs(level - other.data[i])), 0);
}

test("mirrored indices", () => {
  for (const { start, length, indices } of shared.mirrored) {
    assert.deepEqual(indices.map((_, i) => mirrored(start + i, length)), indices);
  }
});

for (const v of shared.tilings) {
  test(`tiles of ${v.tile_width}x${v.tile_height}, photo ${v.photo_width}x${v.photo_height}`, async () => {
    const photo = picture(v.photo, v.photo_height, v.photo_width);
    const tiling = new Tiling(v.tile_height, v.tile_width, v.margin);
    assert.deepEqual([tiling.rows(photo.height), tiling.columns(photo.width)], [v.rows, v.columns]);
    const translated = await tiling.translate(photo, standIn(v.reach));
    const wanted = picture(v.result, photo.height, photo.width);
    assert.deepEqual(blend(photo, translated, v.strength).data, wanted.data);
  });
}

test("a tile that keeps less than its margin is refused", () => {
  assert.throws(() => new Tiling(20, 20, 8), RangeError);
});

test("planned tiles cover the photo, on the stride, within the memory", () => {
  for (const [height, width] of [[1, 1], [64, 900], [700, 1100], [3000, 4000]]) {
    const tiling = plan(height, width, 48, 4, 200_000);
    assert.ok(tiling.rows(height) * tiling.stepDown >= height && tiling.columns(width) * tiling.stepAcross >= width);
    assert.ok(tiling.height % 4 === 0 && tiling.width % 4 === 0 && tiling.height * tiling.width <= 200_000);
  }
});

for (const v of own.resized) {
  test(`${v.width}x${v.height} from ${v.photo_width}x${v.photo_height} is bit by bit as in Python`, () => {
    const result = resized(picture(v.photo, v.photo_height, v.photo_width), v.height, v.width);
    assert.deepEqual(result.data, picture(v.result, v.height, v.width).data);
  });
}

for (const v of own.upsampled) {
  test(`${v.width}x${v.height} to ${v.photo_width}x${v.photo_height} within a level, strength ${v.strength}`, async () => {
    const [photo, small, translated, wanted] = ["photo", "reduced", "translated", "result"].map((name) =>
      name === "photo" || name === "result" ? picture(v[name], v.photo_height, v.photo_width) : picture(v[name], v.height, v.width),
    );
    const rows = [];
    const result = await upsample(photo, small, translated, v.strength, async (done) => void rows.push(done));
    assert.ok(farthest(result, wanted) <= 1);
    assert.equal(rows.at(-1), photo.height);
  });
}

for (const v of own.sharpened) {
  test(`strokes of ${v.width}x${v.height} within a level`, async () => {
    const sharpened = picture(v.picture, v.height, v.width);
    const rows = [];
    await sharpenStrokes(sharpened, picture(v.photo, v.height, v.width), async (done) => void rows.push(done));
    assert.ok(farthest(sharpened, picture(v.result, v.height, v.width)) <= 1);
    assert.ok(rows.length > 1 && rows.at(-1) === v.height);
    assert.deepEqual(rows, rows.toSorted((a, b) => a - b));
  });
}

for (const v of own.refined) {
  test(`broad and fine strokes of ${v.width}x${v.height} within a level`, () => {
    const [broad, fine, photo, wanted] = ["broad", "fine", "photo", "result"].map((name) => picture(v[name], v.height, v.width));
    assert.ok(farthest(refined(broad, fine, photo), wanted) <= 1);
    assert.deepEqual(broad.data, picture(v.broad, v.height, v.width).data);
  });
}

test("strokes that are cancelled leave the picture as it is", async () => {
  const { height, width, picture: hex } = own.sharpened[0];
  const sharpened = picture(hex, height, width);
  const cancel = async () => {
    throw new RangeError("cancelled");
  };
  await assert.rejects(sharpenStrokes(sharpened, sharpened, cancel), RangeError);
  assert.deepEqual(sharpened.data, picture(hex, height, width).data);
});

test("sizes of canvases", () => {
  assert.equal(CANVAS, own.canvas);
  for (const { enlargement, result } of own.canvas_sizes) assert.deepEqual(canvasSizes(75, 101, enlargement), result);
});

test("sizes of broader strokes", () => {
  for (const { height, width, result } of own.broad_sizes) assert.deepEqual(broadSizes(height, width), result);
});

test("sizes at which photos are translated", () => {
  for (const { height, width, size, result } of own.sizes) assert.deepEqual(translatedSize(height, width, size), result);
  assert.equal(workingSize(341, 2), 170);
  assert.equal(workingSize(341, null), null);
  assert.deepEqual([0.5, 1.5, 2.5, -1.5, 2.4999].map(roundEven), [0, 2, 2, -2, 2]);
});
