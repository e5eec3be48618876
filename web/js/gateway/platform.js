// What the page finds in a browser, for a page whose brokers are elsewhere: its workers of brokers are not workers, and what it
// shares with other tabs to agree on who has the brokers it has alone, as every tab works with the gateway by itself.

import { recall, remember } from "../storage.js";

const WORKERS = "headwater.workers";

/** Puts these in place, before the page's code runs. `newHost` makes what the page takes for a worker of brokers. */
export function takePlace(newHost) {
  const OwnWorker = globalThis.Worker;
  // Called by `new`, which gives what it returns.
  globalThis.Worker = function (script, options) {
    return options?.name?.startsWith("broker-") ? newHost() : new OwnWorker(script, options);
  };
  globalThis.BroadcastChannel = class extends EventTarget {
    postMessage() {}
    close() {}
  };
  define(navigator, "locks", {
    async request(name, options, callback) {
      // As everywhere, nothing is given before the call has returned.
      await undefined;
      return (callback ?? options)({ name, mode: "exclusive" });
    },
  });
  // Plain HTTP from another machine has neither; nothing is stored, and these names are known to nobody else.
  define(globalThis, "indexedDB", globalThis.indexedDB ?? {});
  const name = () => [...crypto.getRandomValues(new Uint32Array(4))].join("-");
  if (crypto.randomUUID === undefined) define(crypto, "randomUUID", name);
}

/**
 * Runs `start` while the page finds `count` as the number of workers that it is to start; what a person has chosen for the
 * brokers of this browser is put back.
 */
export async function withWorkers(count, start) {
  const chosen = recall(WORKERS);
  remember(WORKERS, count);
  try {
    await start();
  } finally {
    remember(WORKERS, chosen);
  }
}

function define(object, name, value) {
  Object.defineProperty(object, name, { value, configurable: true });
}
