// Parts of the page that are loaded when they are wanted: a press while one is on its way, and one that cannot be had.

import assert from "node:assert/strict";
import { browserTest } from "../lib/test.mjs";

// A service worker would have what the network refuses.
const launchOptions = { serviceWorkers: "block" };
const expectedErrors = [/Failed to load resource/];

/** Holds back what is asked for until it is let go. */
async function held(page, pattern) {
  let release;
  const promise = new Promise((resolve) => (release = resolve));
  await page.route(pattern, async (route) => {
    await promise;
    await route.continue();
  });
  return release;
}

const inspector = (playground, kind) => playground.page.locator(`[data-testid="inspector"][data-kind="${kind}"]`);

browserTest("of what is chosen while the inspector is loading, the last is shown", async ({ open }) => {
  const playground = await open();
  const release = await held(playground.page, "**/inspect.js*");
  const asked = playground.page.waitForRequest("**/inspect.js*");
  await playground.id("inspect").click();
  await asked;
  await playground.page.evaluate(() => {
    const choose = (kind) => globalThis.headwater.api.dispatchEvent(new CustomEvent("choose", { detail: { kind } }));
    for (const kind of ["add-producer", "add-topic"]) choose(kind);
  });
  release();
  await inspector(playground, "add-topic").waitFor();
  assert.equal(await playground.id("inspect-back").isDisabled(), true, "what was chosen before was never shown");
  await playground.id("inspect").click();
  await inspector(playground, "overview").waitFor();
}, { launchOptions });

browserTest("two presses while a part is loading are one, in the language chosen meanwhile", async ({ open }) => {
  const playground = await open();
  const { page } = playground;
  const parts = [["lessons-open", "lessons", "lesson"], ["code", "code", "code-pane"], ["share", "share", "share-dialog"]];
  for (const [button, part, opened] of parts) {
    const release = await held(page, `**/${part}.js*`);
    const asked = page.waitForRequest(`**/${part}.js*`);
    await playground.id(button).click();
    await asked;
    await playground.id(button).click();
    if (part === "code") {
      await playground.id("language").selectOption("zh");
      await page.locator("html[lang=zh-Hans]").waitFor();
    }
    release();
    await playground.id(opened).waitFor();
    assert.equal(await playground.id(opened).count(), 1);
    if (part === "code") assert.match(await page.locator("#code-title").innerText(), /代码/);
  }
}, { launchOptions });

for (const [button, path, opened] of [
  ["inspect", "inspect.js", "inspector"], ["code", "code.js", "code-pane"], ["share", "strings/share.en.json", "share-dialog"],
  ["lessons-open", "lessons/index.json", "lesson"],
]) {
  browserTest(`without ${path} the page says so, and tries again`, async ({ open }) => {
    const playground = await open();
    const problem = playground.page.locator(".scene > .problem[role=alert]");
    await playground.page.route(`**/${path}*`, (route) => route.abort());
    await playground.id(button).click();
    await problem.filter({ hasText: "A part of the page could not be loaded" }).waitFor();
    assert.equal(await playground.id(opened).count(), 0);
    await playground.page.unroute(`**/${path}*`);
    await playground.id(button).click();
    await playground.id(opened).waitFor();
    assert.equal(await playground.id(opened).count(), 1);
  }, { launchOptions, expectedErrors });
}

browserTest("without the panels and the picture the page says so; the one button fetches both", async ({ open }) => {
  const playground = await open({ ready: false });
  const { page } = playground;
  await page.route(/\/(panels|picture)\.js/, (route) => route.abort());
  await playground.reload();
  await page.locator(".scene > .problem").filter({ hasText: "could not be loaded" }).waitFor();
  await playground.id("show-me").click();
  await page.locator(".scene > .problem").filter({ hasText: "It did not start" }).waitFor();
  await page.unroute(/\/(panels|picture)\.js/);
  await playground.id("show-me").click();
  await page.locator(".diagram .k-consumer").first().waitFor();
  assert.equal(await page.locator(".diagram").count(), 1);
  assert.equal(await page.locator(".scene > .problem").innerText(), "");
  await page.locator("#read-title").waitFor();
}, { launchOptions, expectedErrors });

browserTest("a language that cannot be had leaves the page as it is", async ({ open }) => {
  const playground = await open();
  const { page } = playground;
  await page.route("**/strings/zh.json", (route) => route.abort());
  await playground.id("language").selectOption("zh");
  await page.locator(".scene > .problem").filter({ hasText: "could not be loaded" }).waitFor();
  assert.equal(await playground.id("language").inputValue(), "en");
  await page.unroute("**/strings/zh.json");
  await playground.id("language").selectOption("zh");
  await page.locator("html[lang=zh-Hans]").waitFor();
}, { launchOptions, expectedErrors });
