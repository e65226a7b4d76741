/** Draws the state; knows nothing of photos' pixels but bitmaps to show. */
import { BRUSHES, chosenModel, chosenPhoto } from "./state.js";
import { filled } from "./strings.js";

const element = (id) => document.getElementById(id);

export class View {
  #texts;
  #size = null;

  constructor(texts) {
    this.#texts = texts;
    element("brush").max = BRUSHES.length - 1;
    for (const node of document.querySelectorAll("[data-text]")) node.textContent = texts[node.dataset.text];
    for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", texts[node.dataset.label]);
    new ResizeObserver(() => this.#fit()).observe(element("stage"));
    element("split").addEventListener("input", (event) => {
      element("comparison").style.setProperty("--split", `${event.target.value}%`);
    });
  }

  draw(state) {
    const photo = chosenPhoto(state);
    const isLive = state.camera !== null;
    show("welcome", !photo && !isLive);
    show("comparison", photo && !isLive);
    show("live", isLive);
    show("controls", photo && !isLive);
    show("camera-controls", isLive);
    show("photos", state.photos.length > 1 && !isLive);
    show("work", state.work !== null);
    element("progress").value = state.work?.share ?? 0;
    element("save").disabled = state.work !== null || !chosenModel(state)?.isReady;
    this.#status(state, photo);
    this.#message(state.message);
    this.#controls(state);
    if (isLive) this.#live(state.camera);
    this.#styles(state);
    this.#photos(state);
    this.#fit();
  }

  #status(state, photo) {
    const texts = this.#texts;
    let text = state.isOfflineReady ? texts.offlineReady : "";
    if (photo && !state.camera) text = filled(texts.ready, photo);
    if (!state.runtime && (photo || state.camera)) text = texts.loading;
    if (state.work) text = texts[state.work.kind];
    // The same text again would be read aloud again.
    if (element("status").textContent !== text) element("status").textContent = text;
  }

  #message(message) {
    show("message", message !== null);
    element("message").classList.toggle("error", message?.isError ?? false);
    const text = message ? filled(this.#texts[message.code], message.values) : "";
    if (element("message").textContent !== text) element("message").textContent = text;
  }

  #controls({ strength, brush, models, model }) {
    element("strength").value = Math.round(strength * 100);
    element("strength-value").textContent = `${Math.round(strength * 100)} %`;
    const text = brush === null ? this.#texts.finest : `${brush} ×`;
    element("brush").value = BRUSHES.indexOf(brush);
    element("brush").setAttribute("aria-valuetext", text);
    element("brush-value").textContent = text;
    show("brush-label", models.find(({ id }) => id === model)?.facts?.hasBrush ?? true);
  }

  #live({ isFrozen, rate, size }) {
    element("freeze").textContent = this.#texts[isFrozen ? "resume" : "freeze"];
    const [width, height] = size ?? [0, 0];
    element("rate").textContent = size ? filled(this.#texts.rate, { rate: rate.toFixed(1), width, height }) : this.#texts.loading;
  }

  #styles({ models, model }) {
    const strip = element("styles");
    for (const { id, title, isReady } of models) {
      const button = child(strip, id, () => {
        const made = document.createElement("button");
        made.className = "style";
        made.setAttribute("role", "radio");
        made.append(document.createElement("canvas"), document.createElement("span"));
        return made;
      });
      button.lastChild.textContent = title;
      button.title = title;
      button.setAttribute("aria-checked", String(id === model));
      button.setAttribute("aria-busy", String(!isReady));
      // One stop of the Tab key; arrows move inside, as in any group of radio buttons.
      button.tabIndex = id === model ? 0 : -1;
    }
    removeOthers(strip, models.map(({ id }) => id));
  }

  #photos({ photos, photo }) {
    const strip = element("photos");
    for (const { id, name } of photos) {
      const item = child(strip, String(id), () => {
        const made = document.createElement("div");
        made.className = "photo-item";
        const button = document.createElement("button");
        button.className = "photo";
        button.append(document.createElement("canvas"));
        const remove = document.createElement("button");
        remove.className = "remove";
        remove.textContent = "×";
        made.append(button, remove);
        return made;
      });
      item.firstChild.setAttribute("aria-label", name);
      item.firstChild.setAttribute("aria-pressed", String(id === photo));
      item.lastChild.setAttribute("aria-label", filled(this.#texts.removePhoto, { name }));
    }
    removeOthers(strip, photos.map(({ id }) => String(id)));
  }

  /** @param {"before" | "after" | "live-picture"} id @param {ImageBitmap | null} bitmap null: nothing. */
  picture(id, bitmap) {
    const canvas = element(id);
    if (!bitmap) {
      canvas.width = canvas.width;
      canvas.dataset.key = "";
      return;
    }
    put(canvas, bitmap);
    if (id !== "after") this.#size = [bitmap.width, bitmap.height];
    this.#fit();
  }

  /** @param {string} kind "styles" or "photos", of whose item `id` this is the small picture. */
  thumbnail(kind, id, bitmap) {
    const item = [...element(kind).children].find((node) => node.dataset.id === String(id));
    if (item) put(item.querySelector("canvas"), bitmap);
  }

  facts(rows) {
    element("facts").replaceChildren(
      ...rows.flatMap(([name, value]) => {
        const [term, text] = [document.createElement("dt"), document.createElement("dd")];
        term.textContent = name;
        text.textContent = value;
        return [term, text];
      }),
    );
  }

  /** The picture as large as the stage allows, in its own proportions. */
  #fit() {
    if (!this.#size) return;
    const stage = element("stage");
    const [width, height] = this.#size;
    const style = getComputedStyle(stage);
    const room = stage.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const scale = Math.min(room / width, stage.clientHeight / height);
    for (const id of ["comparison", "live"]) {
      element(id).style.width = `${Math.max(1, Math.floor(width * scale))}px`;
      element(id).style.height = `${Math.max(1, Math.floor(height * scale))}px`;
    }
  }
}

function put(canvas, bitmap) {
  if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
  }
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
}

function show(id, isShown) {
  element(id).hidden = !isShown;
}

function child(parent, id, make) {
  const known = [...parent.children].find((node) => node.dataset.id === id);
  if (known) return known;
  const made = make();
  made.dataset.id = id;
  parent.append(made);
  return made;
}

function removeOthers(parent, ids) {
  for (const node of [...parent.children]) if (!ids.includes(node.dataset.id)) node.remove();
}
