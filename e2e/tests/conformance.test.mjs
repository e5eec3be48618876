// The conformance suite of every storage, over IndexedDB in Chromium. Needs a build of the worker with its feature
// `conformance`.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, newProfile } from "../lib/browser.mjs";
import { serve } from "../lib/server.mjs";

let profile;
let browser;
let server;
let page;

before(async () => {
  [profile, server] = await Promise.all([newProfile(), serve()]);
  browser = await launch(profile);
  page = await browser.page();
  const quota = await browser.context.newCDPSession(page);
  await page.exposeFunction("overrideQuota", async (quotaSize) => {
    const size = quotaSize === null ? {} : { quotaSize };
    await quota.send("Storage.overrideQuotaForOrigin", { origin: server.origin, ...size });
  });
  // Any document of the origin will do.
  await page.goto(`${server.url}e2e/conformance.html`);
  await page.evaluate(startWorker);
});

after(async () => {
  await browser?.close();
  await Promise.all([server?.close(), profile?.remove()]);
});

test("IndexedDB passes the conformance suite", async (t) => {
  const cases = await page.evaluate(() => globalThis.suite.cases);
  assert.ok(cases.length > 40);
  for (const name of cases) {
    await t.test(name, { timeout: 120_000 }, async () => {
      const { failure } = await page.evaluate((which) => globalThis.suite.run(which), name);
      assert.equal(failure, undefined);
    });
  }
  assert.deepEqual(browser.errors, []);
});

/** Runs in the page: keeps the worker, and limits the origin's room when a case asks for it. */
function startWorker() {
  const worker = new Worker("conformance-worker.mjs", { type: "module" });
  let done;
  const limitRoom = async (bytes) => {
    const { usage } = await navigator.storage.estimate();
    await globalThis.overrideQuota(bytes === undefined ? null : usage + bytes);
    // Chromium goes by the room it saw last for half a minute, as long as that is enough.
    if (bytes !== undefined) await new Promise((resolve) => setTimeout(resolve, 31_000));
    worker.postMessage({ type: "room", limited: true });
  };
  return new Promise((resolve, reject) => {
    worker.onerror = (event) => reject(new Error(event.message));
    worker.onmessage = ({ data }) => {
      if (data.type === "room") limitRoom(data.bytes);
      if (data.type === "done") done(data);
      if (data.type === "cases") {
        const run = (name) => new Promise((settle) => {
          done = settle;
          worker.postMessage({ type: "run", name });
        });
        globalThis.suite = { cases: data.cases, run };
        resolve();
      }
    };
  });
}
