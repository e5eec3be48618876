// What everybody needs: names, order, contrast, the keyboard, zoom, less motion, the system's own colours.

import assert from "node:assert/strict";
import { problems, tabStops, violations } from "../lib/accessibility.mjs";
import { STATES } from "../lib/states.mjs";
import { browserTest } from "../lib/test.mjs";

/** Their parts are all in the state that comes next. */
const JUDGED_LATER = ["running", "paused"];

for (const [colorScheme, locale] of [["light", "en-US"], ["dark", "zh-CN"]]) {
  browserTest(`names, roles, headings, landmarks and contrast hold in every state, ${colorScheme}, ${locale}`, async ({ open }) => {
    const playground = await open({ workers: 2 });
    const found = [];
    for (const [state, go] of Object.entries(STATES)) {
      await go(playground);
      const judged = JUDGED_LATER.includes(state) ? [] : await violations(playground.page);
      found.push(...[...(await problems(playground.page)), ...judged].map((problem) => `${state}: ${problem}`));
    }
    assert.deepEqual([...new Set(found)], []);
  }, { launchOptions: { colorScheme, locale } });
}

browserTest("the keyboard reaches everything, in order, and shows where it is", async ({ open }) => {
  const playground = await open({ workers: 2 });
  for (const state of ["empty", "running"]) await STATES[state](playground);
  const stops = await tabStops(playground.page);
  assert.deepEqual(stops.filter(({ seen }) => !seen).map(({ name }) => name), [], "focus is seen wherever it is");
  const names = stops.map(({ name }) => name);
  const order = ["skip", "language", "theme", "show-me", "workbench", "source-select", "produce", "create-topic-name", "consume-start", "read-go"]
    .map((name) => names.indexOf(name));
  assert.ok(order.every((at) => at >= 0), `all are reached: ${order}`);
  assert.deepEqual(order, order.toSorted((a, b) => a - b), "as they are read");
});

browserTest("the workbench folds and unfolds by its heading, and the page remembers", async ({ open }) => {
  const playground = await open();
  const heading = playground.id("workbench");
  await heading.focus();
  await playground.page.keyboard.press("Enter");
  await playground.id("produce").waitFor({ state: "hidden" });
  assert.equal(await heading.getAttribute("aria-expanded"), "false");
  await playground.reload();
  await playground.id("produce").waitFor({ state: "hidden" });
  await heading.press("Space");
  await playground.id("produce").waitFor();
  await playground.reload();
  await playground.id("produce").waitFor();
});

browserTest("the theme is the system's until one is chosen, and is remembered", async ({ open }) => {
  const playground = await open();
  const ground = () => playground.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  await playground.page.emulateMedia({ colorScheme: "dark" });
  const dark = await ground();
  assert.notEqual(dark, light);
  await playground.id("theme").selectOption("light");
  assert.equal(await ground(), light, "a choice goes before the system");
  await playground.reload();
  assert.equal(await ground(), light);
  await playground.page.emulateMedia({ colorScheme: "light" });
  await playground.id("theme").selectOption("dark");
  assert.equal(await ground(), dark);
  await playground.id("theme").selectOption("auto");
  assert.equal(await ground(), light);
});

browserTest("with less motion nothing is animated by style, and zoom of 200% needs no second scroll bar", async ({ open }) => {
  const playground = await open({ workers: 2 });
  for (const state of ["empty", "running"]) await STATES[state](playground);
  const moving = await playground.page.evaluate(() => document.getAnimations().map(({ effect }) => effect.target?.className));
  assert.deepEqual(moving, []);
  // What 1280 pixels at 200% leave.
  await playground.page.setViewportSize({ width: 640, height: 450 });
  assert.ok((await playground.page.evaluate(() => document.documentElement.scrollWidth)) <= 640);
}, { launchOptions: { reducedMotion: "reduce" } });

browserTest("in the system's own colours every button has an edge and every state a word", async ({ open }) => {
  const { page } = await open();
  const edgeless = await page.evaluate(() => [...document.querySelectorAll("button,select,input:not([type=checkbox],[type=radio])")]
    .filter((node) => node.checkVisibility() && !node.matches(".quiet,.workbench button"))
    .filter((node) => parseFloat(getComputedStyle(node).borderTopWidth) === 0).map((node) => node.outerHTML.slice(0, 80)));
  assert.deepEqual(edgeless, []);
  assert.match(await page.getByTestId("broker-state").innerText(), /running/);
}, { launchOptions: { forcedColors: "active" } });
