// The page without a network: it asks for a service worker, which keeps what was built.

/** Registers the service worker when nothing else is to be done; a browser that refuses one has the page all the same. */
export function keepForOffline() {
  const workers = navigator.serviceWorker;
  if (workers === undefined) return;
  const idle = globalThis.requestIdleCallback ?? setTimeout;
  const later = () => idle(() => workers.register(new URL("./sw.js", import.meta.url), { updateViaCache: "none" })
    .catch((error) => console.info(`The page is not kept for use without a network: ${error.message}`)));
  if (document.readyState === "complete") later();
  else globalThis.addEventListener("load", later, { once: true });
}
