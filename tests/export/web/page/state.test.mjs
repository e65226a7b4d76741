/** The page's state and texts. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";

const page = new URL("../../../../export/web_app/page/js/", import.meta.url);
const states = await import(new URL("state.js", page));
const { chosenLanguage, filled, loadTexts } = await import(new URL("strings.js", page));

const photo = (id) => ({ id, name: `${id}.jpg`, width: 4000, height: 3000, original: [4000, 3000] });
const opened = [1, 2, 3].map(photo).reduce(states.photoOpened, states.initial);

test("the photo opened last is shown; one that was reduced is named", () => {
  assert.equal(opened.photo, 3);
  assert.equal(opened.message, null);
  const { message } = states.photoOpened(opened, { ...photo(4), original: [8000, 6000] });
  assert.deepEqual(message, { code: "reduced", values: { from: 48, to: 12 }, isError: false });
});

test("beside a closed photo, the next one is shown", () => {
  assert.equal(states.photoClosed(opened, 3).photo, 2);
  assert.equal(states.photoClosed({ ...opened, photo: 1 }, 1).photo, 2);
  assert.equal(states.photoClosed(opened, 1).photo, 3);
  assert.equal([1, 2, 3].reduce(states.photoClosed, opened).photo, null);
});

test("an unknown photo changes nothing", () => {
  assert.equal(states.photoChosen(opened, 9), opened);
});

test("a model of one's own is chosen; another of its name is replaced", () => {
  const once = states.modelAdded(opened, "a.tflite", "a", { bytes: 1 });
  const twice = states.modelAdded(once, "a.tflite", "a", { bytes: 2 });
  assert.equal(twice.model, "a.tflite");
  assert.deepEqual(twice.models.map(({ facts }) => facts.bytes), [2]);
});

test("a cancelled job leaves no message, a refused one does", () => {
  const busy = { ...opened, work: { kind: "saving", share: 0.5 } };
  assert.equal(states.refused(busy, { code: "cancelled", values: {} }).message, null);
  assert.ok(states.refused(busy, { code: "tooSmall", values: {} }).message.isError);
  assert.equal(states.refused(busy, { code: "cancelled", values: {} }).work, null);
});

test("the look follows all that changes the picture", () => {
  const chosen = { ...opened, model: "m" };
  const changes = [{ photo: 1 }, { model: "n" }, { brush: null }, { strength: 0.5 }];
  const looks = [chosen, ...changes.map((change) => ({ ...chosen, ...change }))].map(states.lookOf);
  assert.equal(new Set(looks).size, 5);
  assert.equal(states.lookOf({ ...chosen, photo: null }), null);
});

test("names of saved files", () => {
  assert.equal(states.savedName("ferien.am.meer.JPG", "Claude Monet (int8)", "png"), "ferien.am.meer-claude-monet-int8.png");
  assert.equal(states.savedName(".jpg", "Ünïcödé 画", "jpg"), "photo-ünïcödé-画.jpg");
});

test("frames become smaller where they are slow, and larger again", () => {
  assert.equal(states.nextFrameSide(256, 5), 192);
  assert.equal(states.nextFrameSide(256, 12), 256);
  assert.equal(states.nextFrameSide(192, 25), 256);
  assert.equal(states.nextFrameSide(128, 1), 128);
});

test("every language has every text, with the same values in it", async () => {
  const codes = readdirSync(new URL("languages/", page)).map((name) => name.replace(".js", ""));
  assert.ok(codes.includes("en") && codes.includes("de"));
  const tables = await Promise.all(codes.map(async (code) => (await import(new URL(`languages/${code}.js`, page))).default));
  const values = (text) => [...text.matchAll(/\{\w+\}/g)].map(([name]) => name).sort();
  const english = tables[codes.indexOf("en")];
  for (const table of tables) {
    assert.deepEqual(Object.keys(table).sort(), Object.keys(english).sort());
    for (const [name, text] of Object.entries(table)) assert.deepEqual(values(text), values(english[name]), name);
  }
});

test("texts of the first language that there is", async () => {
  assert.equal(chosenLanguage(["fr-FR", "de-CH", "en"], ["de", "en"]), "de");
  assert.equal(chosenLanguage(["fr"], ["de", "en"]), "en");
  assert.equal((await loadTexts("de")).save, "Speichern");
  assert.equal(filled("{a} of {b}", { a: 1 }), "1 of {b}");
});
