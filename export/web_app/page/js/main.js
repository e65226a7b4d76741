/** The page: its state, what changes it, and the engine that computes. */
import { Engine } from "./engine/engine.js";
import { checkedGpu } from "./engine/gpu.js";
import { LiveCamera } from "./live_camera.js";
import * as states from "./state.js";
import { chosenLanguage, filled, loadTexts } from "./strings.js";
import { View } from "./view.js";

const element = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const [site, engine] = [fetch("site.json").then((response) => response.json()), new Engine((reason) => refuse({ code: "crashed", values: { reason } }))];
const { title, models, languages, example } = await site;
const language = chosenLanguage([query.get("language") ?? stored("language"), ...navigator.languages].filter(Boolean), languages);
const texts = await loadTexts(language);
document.documentElement.lang = language;

const view = new View(texts);
let state = { ...states.initial, models: models.map((model) => ({ ...model, isReady: false, facts: null })), model: models[0]?.id ?? null };
/** The models' files by id: the GPU's worker needs them too. */
const modelBytes = new Map();
const gpu = { isChecked: false, engine: null, models: new Set() };
/** What the "after" picture shows. */
let shownLook = null;
let lastPhoto = 0;
let job = null;

function update(next) {
  state = next;
  view.draw(state);
  if (states.lookOf(state) !== shownLook) paint();
}

function refuse({ code = "crashed", values = { reason: "" } }) {
  update(states.refused(state, { code, values }));
}

/** Runs `call` as the one job that the progress bar shows; an earlier one is cancelled. */
async function work(kind, call) {
  job?.abort();
  const own = new AbortController();
  job = own;
  update({ ...state, work: { kind, share: 0 }, message: kind === "preview" ? state.message : null });
  try {
    const result = await call({ signal: own.signal, progress: (share) => job === own && update(states.progressed(state, share)) });
    if (job !== own) return null;
    update({ ...state, work: null });
    return result;
  } catch (error) {
    if (job === own) refuse(error.code && error.values ? error : { code: "crashed", values: { reason: error.message } });
    return null;
  } finally {
    if (job === own) job = null;
  }
}

const isReady = (id) => state.models.find((model) => model.id === id)?.isReady;
const how = () => ({ model: state.model, brush: state.brush, strength: state.strength });

/** The "after" picture as the state asks for it. */
async function paint() {
  const look = states.lookOf(state);
  if (state.camera || look === null || !isReady(state.model) || state.work?.kind === "opening" || state.work?.kind === "saving") return;
  shownLook = look;
  const bitmap = await work("preview", (options) => engine.call("preview", { photo: state.photo, how: how() }, options));
  if (bitmap && shownLook === look) {
    view.picture("after", bitmap);
    element("after").dataset.look = look;
  }
}

async function openPhotos(files) {
  endCamera();
  for (const file of files) await openPhoto(file);
}

async function openPhoto(file) {
  const id = ++lastPhoto;
  const opened = await work("opening", (options) => engine.call("openPhoto", { photo: id, file }, options));
  if (!opened) return;
  const { width, height, original, before, thumbnail } = opened;
  pictures.set(id, before);
  showPhoto(id);
  update(states.photoOpened(state, { id, name: file.name ?? "photo", width, height, original }));
  view.thumbnail("photos", id, thumbnail);
  makeThumbnails();
}

/** "Before" pictures by photo. */
const pictures = new Map();

function showPhoto(id) {
  view.picture("before", pictures.get(id));
  view.picture("after", null);
}

/** Every style on the shown photo, after the picture itself; a later photo ends it. */
let thumbnailsOf = null;
async function makeThumbnails() {
  const photo = state.photo;
  thumbnailsOf = photo;
  for (const { id, isReady } of state.models) {
    if (!isReady) continue;
    await settled();
    if (thumbnailsOf !== photo || state.camera) return;
    try {
      view.thumbnail("styles", id, await engine.call("thumbnail", { photo, model: id }));
    } catch {
      return; // the photo was closed meanwhile
    }
  }
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 50));

/** When no job runs. */
async function settled() {
  while (state.work) await pause();
}

async function save() {
  const type = element("format").value;
  const photo = states.chosenPhoto(state);
  const blob = await work("saving", (options) => engine.call("save", { photo: photo.id, how: how(), type }, options));
  if (!blob) return null;
  const name = states.savedName(photo.name, states.chosenModel(state).title, type === "image/png" ? "png" : "jpg");
  return new File([blob], name, { type });
}

function download(file) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  update({ ...state, message: { code: "saved", values: { name: file.name }, isError: false } });
}

async function share() {
  const file = await save();
  if (!file) return;
  try {
    await navigator.share({ files: [file] });
  } catch (error) {
    // Painting may outlast the permission that a click gives.
    if (error.name !== "AbortError") refuse({ code: "notShared", values: {} });
  }
}

async function loadModel({ id, file, title }) {
  try {
    const response = await fetch(file);
    if (!response.ok) throw new Error(response.status);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const facts = await engine.call("addModel", { model: id, bytes, isOwn: false });
    modelBytes.set(id, bytes);
    update(states.modelReady(state, id, facts));
  } catch (error) {
    refuse(error.code && error.values ? error : { code: "notReached", values: { name: title } });
  }
}

async function openModel(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const facts = await work("opening", (options) => engine.call("addModel", { model: file.name, bytes, isOwn: true }, options));
  if (!facts) return;
  modelBytes.set(file.name, bytes);
  gpu.models.delete(file.name);
  update(states.modelAdded(state, file.name, file.name.replace(/\.tflite$/, ""), facts));
  if (state.photo !== null) makeThumbnails();
}

const camera = new LiveCamera(
  element("video"),
  paintFrame,
  (picture, rate) => {
    view.picture("live-picture", picture);
    update({ ...state, camera: { ...state.camera, rate, size: [picture.width, picture.height] } });
  },
  (error) => refuse(error.code && error.values ? error : { code: "crashed", values: { reason: error.message } }),
);

async function startCamera(facing = camera.facing) {
  job?.abort();
  update({ ...state, work: null, message: null, camera: { isFrozen: false, facing, rate: 0, size: null } });
  try {
    await camera.start(facing);
    checkGpu();
  } catch (error) {
    endCamera();
    refuse({ code: "noCamera", values: { reason: error.message || error.name } });
  }
}

function endCamera() {
  if (!state.camera) return;
  camera.stop();
  if (state.photo !== null) showPhoto(state.photo);
  shownLook = null;
  update({ ...state, camera: null });
}

async function takePhoto() {
  const blob = await camera.photo();
  await openPhotos([new File([blob], "camera.png", { type: blob.type })]);
}

function freeze() {
  const isFrozen = !state.camera.isFrozen;
  if (isFrozen) camera.freeze();
  else camera.resume();
  update({ ...state, camera: { ...state.camera, isFrozen } });
}

/** A frame of the camera, by the GPU if it passed its check. */
async function paintFrame(bitmap) {
  while (!isReady(state.model)) await pause();
  const { model } = state;
  const painter = gpu.engine ?? engine;
  try {
    if (painter !== engine && !gpu.models.has(model)) {
      await painter.call("addModel", { model, bytes: modelBytes.get(model), isOwn: false });
      gpu.models.add(model);
    }
    return await painter.call("frame", { bitmap, model }, { transfer: [bitmap] });
  } catch (error) {
    if (painter === engine) throw error;
    leaveGpu(error);
    return paintFrame(await createImageBitmap(element("video")));
  }
}

function leaveGpu(error) {
  gpu.engine?.close();
  gpu.engine = null;
  update({ ...state, runtime: { ...state.runtime, gpu: { state: "failed", reason: error.values?.reason ?? error.message } } });
}

/** Once, when the camera is on: others need not load the GPU's build of the runtime. */
async function checkGpu() {
  if (gpu.isChecked) return;
  gpu.isChecked = true;
  while (!isReady(state.model)) await pause();
  const { id, facts } = states.chosenModel(state);
  const isForced = query.get("accelerator") === "webgpu";
  const { engine: found, ...result } = await checkedGpu(engine, { id, facts, bytes: modelBytes.get(id) }, isForced);
  gpu.engine = found;
  gpu.models.add(id);
  update({ ...state, runtime: { ...state.runtime, gpu: result } });
}

function showAbout() {
  const facts = states.chosenModel(state)?.facts ?? {};
  const { threads, gpu: checked = { state: "unchecked" } } = state.runtime ?? { threads: 1 };
  const numbers = Object.fromEntries(["psnr", "cpuMs", "gpuMs"].map((name) => [name, checked[name]?.toFixed(1)]));
  const gpuText = filled(texts[`gpu${checked.state[0].toUpperCase()}${checked.state.slice(1)}`], { ...checked, ...numbers });
  const rows = [
    [texts.modelName, states.chosenModel(state)?.title],
    [texts.modelDescription, facts.description],
    [texts.modelAuthor, facts.author],
    [texts.modelLicense, facts.license],
    [texts.modelData, facts.training_data],
    [texts.modelVariant, facts.variant],
    [texts.modelWorkingSize, facts.working_size_px && filled(texts.pixels, { size: facts.working_size_px })],
    [texts.modelVersion, facts.version],
    [texts.modelSize, facts.bytes && filled(texts.bytes, { kilobytes: Math.round(facts.bytes / 1000) })],
    [texts.modelWeights, facts.weights_sha256],
    [texts.runtime, `${filled(texts.wasm, { threads })}; ${gpuText}`],
  ];
  view.facts(rows.filter(([, value]) => value));
  element("about-dialog").showModal();
}

function stored(name, value) {
  try {
    if (value !== undefined) localStorage.setItem(name, value);
    return localStorage.getItem(name);
  } catch {
    return null; // a browser that keeps nothing
  }
}

function listen() {
  const on = (id, act, type = "click") => element(id).addEventListener(type, act);
  const pick = (input, open) => {
    element(input).addEventListener("change", ({ target }) => {
      const files = [...target.files];
      target.value = ""; // the same file may be chosen again
      open(files);
    });
    return () => element(input).click();
  };
  const choose = pick("photo-files", openFiles);
  for (const id of ["choose", "more"]) on(id, choose);
  on("open-model", pick("model-file", openFiles));
  for (const id of ["start-camera", "camera-again"]) on(id, () => startCamera());
  on("example", async () => openPhotos([new File([await (await fetch(example)).blob()], example.split("/").pop())]));
  on("save", async () => {
    const file = await save();
    if (file) download(file);
  });
  on("share", share);
  on("cancel", () => job?.abort());
  on("freeze", freeze);
  on("take", takePhoto);
  on("turn", () => startCamera(camera.facing === "user" ? "environment" : "user"));
  on("end-camera", endCamera);
  on("about", showAbout);
  on("close-about", () => element("about-dialog").close());
  on("strength", ({ target }) => update({ ...state, strength: target.value / 100 }), "input");
  on("brush", ({ target }) => update({ ...state, brush: states.BRUSHES[target.value] }), "change");
  on("styles", ({ target }) => chooseModel(target.closest(".style")?.dataset.id));
  on("styles", moveStyle, "keydown");
  on("photos", ({ target }) => {
    const id = Number(target.closest(".photo-item")?.dataset.id);
    if (target.closest(".remove")) closePhoto(id);
    else if (id && id !== state.photo) changePhoto(states.photoChosen(state, id));
  });
  document.addEventListener("paste", ({ clipboardData }) => openFiles([...clipboardData.files]));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    element("stage").classList.add("over");
  });
  for (const type of ["dragleave", "drop"]) document.addEventListener(type, () => element("stage").classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    openFiles([...event.dataTransfer.files]);
  });
  const probe = new File([""], "photo.png", { type: "image/png" });
  element("share").hidden = !navigator.canShare?.({ files: [probe] });
  languageChoice();
}

async function openFiles(files) {
  for (const file of files.filter(({ name }) => name.endsWith(".tflite"))) await openModel(file);
  const photos = files.filter(({ name }) => !name.endsWith(".tflite"));
  if (photos.length) await openPhotos(photos);
}

function chooseModel(id) {
  if (id && id !== state.model) update({ ...state, model: id, message: null });
}

function moveStyle(event) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const at = state.models.findIndex(({ id }) => id === state.model);
  chooseModel(state.models.at((at + step) % state.models.length).id);
  element("styles").querySelector('[aria-checked="true"]').focus();
}

function changePhoto(next) {
  if (next.photo !== null) showPhoto(next.photo);
  update(next);
  if (next.photo !== null) makeThumbnails();
}

function closePhoto(id) {
  engine.call("closePhoto", { photo: id });
  pictures.delete(id);
  changePhoto(states.photoClosed(state, id));
}

function languageChoice() {
  const select = element("language");
  Promise.all(languages.map(async (code) => new Option((await loadTexts(code)).language, code, false, code === language))).then((all) => select.append(...all));
  select.setAttribute("aria-label", "Language");
  select.addEventListener("change", () => {
    stored("language", select.value);
    location.reload();
  });
}

/** Keeps the page, and what this browser loaded of the runtime, for when there is no network. */
async function keepForOffline() {
  if (!navigator.serviceWorker) return;
  await navigator.serviceWorker.register("sw.js");
  const { active } = await navigator.serviceWorker.ready;
  const base = new URL("./", location.href).href;
  const files = performance.getEntriesByType("resource").map(({ name }) => name);
  const { runtime } = await engine.call("loaded");
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => update({ ...state, isOfflineReady: data });
  active.postMessage({ files: [...files, ...runtime].filter((name) => name.startsWith(base) && !name.includes("?")) }, [port2]);
}

listen();
update(state);
try {
  const started = engine.call("start");
  const first = models[0] && loadModel(models[0]);
  update({ ...state, runtime: await started });
  await first;
  for (const model of models.slice(1)) {
    await settled();
    await loadModel(model);
    if (state.photo !== null) makeThumbnails();
  }
} catch (error) {
  refuse(error.code && error.values ? error : { code: "notReached", values: { name: title } });
}
keepForOffline().catch(() => {}); // a page from a file, or in a private window
document.documentElement.dataset.ready = "true";
