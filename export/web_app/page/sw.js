/**
 * The service worker: after the first visit the page needs no network.
 *
 * Files of one version of the site stand in one cache. export.web writes the version, which is a sum
 * over all files, and the list of those that every visitor needs; the page names the runtime that its
 * browser took.
 */
const VERSION = "{{version}}";
const FILES = {{files}};
const PREFIX = "tf_i2i ";
const CACHE = `${PREFIX}${self.registration.scope} ${VERSION}`;

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(keep(FILES));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(removeOldVersions().then(() => self.clients.claim()));
});

self.addEventListener("message", (event) => {
  const done = keep(event.data.files).then(() => true, () => false);
  event.waitUntil(done.then((isKept) => event.ports[0].postMessage(isKept)));
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  event.respondWith(answer(event.request));
});

async function keep(files) {
  const cache = await caches.open(CACHE);
  const missing = await Promise.all([...new Set(files)].map(async (file) => ((await cache.match(file)) ? [] : [file])));
  // Past the browser's own cache, which may hold files of an earlier version.
  await cache.addAll(missing.flat().map((file) => new Request(file, { cache: "no-cache" })));
}

async function answer(request) {
  const cache = await caches.open(CACHE);
  const known = await cache.match(request.mode === "navigate" ? "./" : request, { ignoreSearch: true });
  return known ?? fetch(request);
}

async function removeOldVersions() {
  const own = `${PREFIX}${self.registration.scope} `;
  const names = (await caches.keys()).filter((name) => name.startsWith(own) && name !== CACHE);
  await Promise.all(names.map((name) => caches.delete(name)));
}
