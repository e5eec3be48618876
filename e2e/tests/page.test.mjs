// The page as a page: its weight, its looks at several widths, its keyboard.

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { DIST } from "../lib/server.mjs";
import { SCREENSHOTS, browserTest } from "../lib/test.mjs";

const BUDGET = JSON.parse(await readFile(new URL("../budget.json", import.meta.url)));

for (const [part, { files, max_gzip_bytes: most }] of Object.entries(BUDGET)) {
  test(`the ${part} stays within its budget`, async (t) => {
    const sizes = await Promise.all(files.map(async (file) => gzipSync(await readFile(join(DIST, file)), { level: 9 }).length));
    const size = sizes.reduce((sum, bytes) => sum + bytes);
    t.diagnostic(`${part}: ${size} bytes gzip of at most ${most}`);
    assert.ok(size <= most, `${part}: ${size} bytes gzip, ${most} at most; raising it takes an ADR`);
  });
}

browserTest("nothing is downloaded twice, and nothing of what is not seen at first", async ({ open, server }) => {
  await open();
  const requests = server.requests.map((path) => path.slice("/some/where/".length));
  const of = (wanted) => requests.filter((path) => path === wanted).length;
  for (const file of BUDGET.page.files.filter((name) => !/index|icon/.test(name))) assert.equal(of(file), 1, file);
  for (const file of ["inspect.js", "code.js", "lessons.js", "strings/zh.json", "sw.js"]) assert.equal(of(file), 0, file);
  // Each worker reads its own; an HTTP cache has it for all but the first.
}, { launchOptions: { serviceWorkers: "block" } });

for (const colorScheme of ["light", "dark"]) {
  browserTest(`it fits from 360 to 1440 pixels, ${colorScheme}`, async ({ open }) => {
    const playground = await open();
    await mkdir(SCREENSHOTS, { recursive: true });
    await playground.produce({ topic: "vehicles", partitions: 4 });
    await playground.imported();
    await playground.read({ topic: "vehicles", partition: 0 });
    for (const width of [360, 768, 1440]) {
      await playground.page.setViewportSize({ width, height: 900 });
      const wide = await playground.page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `at ${width} the page is ${wide} wide`);
      await playground.page.screenshot({ path: fileURLToPath(new URL(`${width}-${colorScheme}.png`, SCREENSHOTS)), fullPage: true });
    }
  }, { launchOptions: { colorScheme } });
}

browserTest("the keyboard alone produces a data set and deletes its topic", async ({ open }) => {
  const playground = await open();
  const { keyboard } = playground.page;
  await focusByTab(playground, "topic-name");
  await keyboard.press("Control+A");
  await keyboard.type("by-keyboard");
  await keyboard.press("Enter");
  await playground.imported();
  await focusByTab(playground, "delete-topic-by-keyboard");
  await keyboard.press("Enter");
  await playground.id("confirm").waitFor();
  await keyboard.press("Escape");
  await playground.id("confirm").waitFor({ state: "detached" });
  assert.equal(await playground.id("topic-list").getAttribute("data-count"), "1", "Escape deletes nothing");
  await focusByTab(playground, "delete-topic-by-keyboard");
  await keyboard.press("Enter");
  await focusByTab(playground, "confirm");
  await keyboard.press("Enter");
  await playground.page.locator('[data-testid="topic-list"][data-count="0"]').waitFor();
});

async function focusByTab(playground, name) {
  for (let presses = 0; presses < 100; presses++) {
    const focused = await playground.page.evaluate(() => document.activeElement?.dataset.testid);
    if (focused === name) return;
    await playground.page.keyboard.press("Tab");
  }
  assert.fail(`${name} is not reached by the Tab key`);
}
