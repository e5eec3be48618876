// The service worker: a built version of the page is kept whole, and the page starts without a network.
//
// What is kept is what was built together: FILES, with their digests, in a cache of their own. A load asks the network for
// `index.html`, which has the build's stamp in it. If it is another one and no other tab runs the one that is kept, the load
// and all after it go to the network, and the service worker of the new build takes over as soon as it has its files. While other
// tabs are open, all of them stay with the version that is kept.

/* global FILES, VERSION: written in by the build. */

const SCOPE = new URL("./", self.location.href).href;
const NAME = `headwater ${SCOPE} `;
const CACHE = NAME + VERSION;
// A cache without anything in it: whether it exists outlives this worker, which the browser ends whenever it likes.
const STALE = `${NAME}stale`;
const INDEX = new URL("index.html", SCOPE).href;
/** How long a load waits for the network before it starts with what is kept. */
const PATIENCE_MS = 2000;

const kept = new Set(Object.keys(FILES).map((path) => new URL(path, SCOPE).href));
let stale = caches.has(STALE);

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("message", ({ data }) => {
  if (data === "take over") self.skipWaiting();
});
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = request.url.split(/[?#]/)[0];
  if (request.method !== "GET") return;
  if (request.mode === "navigate") {
    if (url === SCOPE || url === INDEX) event.respondWith(page(request));
  } else if (kept.has(url)) {
    event.respondWith(file(request, url));
  }
});

async function install() {
  const cache = await caches.open(CACHE);
  try {
    await Promise.all(Object.entries(FILES).map(([path, digest]) => keep(cache, path, digest)));
  } catch (error) {
    // No room, or a network that went away: half a version is of no use. The page works without.
    await caches.delete(CACHE);
    throw error;
  }
  if (await caches.has(STALE)) self.skipWaiting();
}

async function keep(cache, path, digest) {
  const url = new URL(path, SCOPE).href;
  // Asked anew, or the browser's own cache might give a file of the version before.
  const response = await fetch(url, { cache: "no-cache", credentials: "same-origin" });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${response.statusText}`);
  const found = await crypto.subtle.digest("SHA-256", await response.clone().arrayBuffer());
  const hex = [...new Uint8Array(found)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  if (!hex.startsWith(digest)) throw new Error(`${path} is of another version`);
  await cache.put(url, response);
}

async function activate() {
  const others = (await caches.keys()).filter((name) => name.startsWith(NAME) && name !== CACHE);
  await Promise.all(others.map((name) => caches.delete(name)));
  stale = Promise.resolve(false);
}

/** The page itself: what is kept, unless the network has another version that may be taken. */
async function page(request) {
  const cached = await caches.match(INDEX, { cacheName: CACHE });
  if (cached === undefined) return fetch(request);
  const fresh = await freshIndex(request);
  if (fresh === undefined || fresh.text === (await cached.clone().text()) || !(await mayChange(request))) {
    await setStale(false);
    return cached;
  }
  await setStale(true);
  self.registration.waiting?.postMessage("take over");
  return fresh.response;
}

/** The network's `index.html`, or nothing when it has none of ours to give. */
async function freshIndex(request) {
  const asked = fetch(request.url, { cache: "no-cache", credentials: "same-origin" }).then(async (response) => {
    const text = await response.clone().text();
    return response.ok && !response.redirected && text.includes("headwater-build") ? { response, text } : undefined;
  });
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
  return Promise.race([asked, late]).catch(() => undefined); // Without a network there is what is kept.
}

/** Whether no tab would be left with a version that it was not loaded with. */
async function mayChange(request) {
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const open = windows.filter(({ url }) => url.startsWith(SCOPE)).length;
  const reloads = request.isReloadNavigation || request.cache === "no-cache" || request.cache === "reload";
  return open === 0 || (open === 1 && reloads);
}

async function setStale(to) {
  if (to === (await stale)) return;
  stale = Promise.resolve(to);
  await (to ? caches.open(STALE) : caches.delete(STALE));
}

async function file(request, url) {
  if (await stale) return fetch(request);
  return (await caches.match(url, { cacheName: CACHE })) ?? fetch(request);
}
