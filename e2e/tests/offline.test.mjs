// Without a network: the second visit, a new version, and what is when nothing can be kept.

import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { writeServiceWorker } from "../../web/js/offline/build.mjs";
import { launch, newProfile } from "../lib/browser.mjs";
import { Playground } from "../lib/playground.mjs";
import { DIST, serve } from "../lib/server.mjs";
import { browserTest } from "../lib/test.mjs";

browserTest("the second visit needs no network", async ({ open, server }) => {
  const playground = await open();
  await kept(playground);
  const inCache = await playground.page.evaluate(async () => {
    const names = await caches.keys();
    const keys = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    return keys.flat().map(({ url }) => url);
  });
  const built = (await readdir(DIST, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  assert.equal(inCache.length, built.length - 1, "all but the service worker itself is kept");
  await server.close();
  await playground.reload();
  await playground.produce({ topic: "offline", partitions: 2 });
  assert.equal((await playground.imported()).acknowledged, 56_899, "with the data set too");
  await playground.id("language").selectOption("zh");
  await playground.page.locator('html[lang="zh-Hans"]').waitFor();
});

browserTest("where there is no room nothing half is kept, and the page runs all the same", async ({ browser, server, open }) => {
  const empty = await browser().page();
  // A page of the same origin that starts no brokers.
  await empty.goto(`${server.url}e2e/conformance.html`);
  const session = await browser().context.newCDPSession(empty);
  const quota = (quotaSize) => session.send("Storage.overrideQuotaForOrigin", { origin: server.origin, quotaSize });
  await quota(1_000_000);
  const state = await empty.evaluate(async (script) => {
    const { installing } = await navigator.serviceWorker.register(script);
    return new Promise((resolve) => installing.addEventListener("statechange", () => resolve(installing.state)));
  }, `${server.url}sw.js`);
  assert.equal(state, "redundant", "it could not be installed");
  assert.deepEqual(await empty.evaluate(() => caches.keys()), []);

  await quota(12_000_000);
  const playground = await open();
  await playground.produce({ topic: "small", partitions: 1, rateLimit: 500 });
  assert.ok((await playground.acknowledged(1)) > 0, "records go on");
}, { expectedErrors: [/quota/i] });

test("a new version is taken with the next load, whole, and never under an open tab", { timeout: 120_000 }, async () => {
  const site = await mkdtemp(join(tmpdir(), "headwater-site-"));
  const profile = await newProfile();
  const server = await serve({ folders: { "": site } });
  await deploy(site, "first");
  const browser = await launch(profile);
  try {
    const one = await Playground.open(browser, server);
    await kept(one);
    const two = await Playground.open(browser, server);
    assert.deepEqual(await versions(two), ["first", "first"]);
    await deploy(site, "second");
    await one.reload();
    assert.deepEqual(await versions(one), ["first", "first"], "another tab has the old one");
    await two.page.close();
    await one.isGuest(false);
    await one.reload();
    assert.deepEqual(await versions(one), ["second", "second"]);
    await until(one, async () => {
      const registration = await navigator.serviceWorker.getRegistration();
      return registration.active && !registration.installing && !registration.waiting && (await caches.keys()).length === 1;
    });
    await server.close();
    await one.reload();
    assert.deepEqual(await versions(one), ["second", "second"], "the new one is kept");
    assert.deepEqual(browser.errors.filter((error) => !/ERR_CONNECTION_REFUSED/.test(error)), []);
  } finally {
    await browser.close();
    await server.close();
    await profile.remove();
    await rm(site, { recursive: true });
  }
});

/** The built page in a folder, as a version that can be seen in two of its files. */
async function deploy(site, version) {
  await cp(DIST, site, { recursive: true });
  await writeFile(join(site, "style.css"), `${await readFile(join(DIST, "style.css"), "utf8")}:root{--version:${version}}`);
  const words = JSON.parse(await readFile(join(DIST, "strings/en.json"), "utf8"));
  words.page[0] = version;
  await writeFile(join(site, "strings/en.json"), JSON.stringify(words));
  await writeServiceWorker(site);
}

/** What a page shows of its version: in its style sheet, and in its words. */
function versions({ page }) {
  return page.evaluate(() => [
    getComputedStyle(document.documentElement).getPropertyValue("--version"),
    document.querySelector(".tagline").textContent,
  ]);
}

/** Waits until the page is kept. */
function kept(playground) {
  return until(playground, async () => (await navigator.serviceWorker.getRegistration())?.active?.state === "activated");
}

/** Waits until something, which may take promises to find out, holds in the page. */
function until({ page }, holds) {
  return page.evaluate(`(async () => {
    while (!(await (${holds})())) await new Promise((resolve) => setTimeout(resolve, 20));
  })()`);
}
