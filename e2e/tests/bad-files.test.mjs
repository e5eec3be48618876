// Files that are no rows, and one that is far larger than memory: each says what is the matter, or goes.

import assert from "node:assert/strict";
import { browserTest } from "../lib/test.mjs";

const GIGABYTE = 1024 ** 3;

browserTest("a binary file and an empty one are refused in words, and leave no topic behind", async ({ open }) => {
  const playground = await open({ workers: 1 });
  for (const [name, bytes, said] of [["picture.png", [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13], /not text/], ["nothing.csv", [], /empty/]]) {
    await playground.id("source-select").selectOption("file");
    await playground.id("file-input").setInputFiles({ name, mimeType: "application/octet-stream", buffer: Buffer.from(bytes) });
    await playground.page.locator("form .problem, .panel .problem").filter({ hasText: said }).first().waitFor();
  }
  assert.equal(await playground.page.locator('[data-testid^="partition-row-"]').count(), 0);
});

browserTest("a file of 1 GB is read bit by bit: it starts at once, and stops when told", async ({ open }) => {
  const playground = await open({ workers: 1 });
  await playground.id("source-select").selectOption("file");
  // A blob of blobs: the browser holds one part a thousand times.
  await playground.page.evaluate(async (size) => {
    const row = `{"n":1,"text":"${"x".repeat(1000)}"}\n`;
    const part = new Blob([row.repeat(1024)]);
    const data = new DataTransfer();
    data.items.add(new File(Array.from({ length: Math.ceil(size / part.size) }, () => part), "large.ndjson"));
    const input = document.querySelector('[data-testid="file-input"]');
    input.files = data.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }, GIGABYTE);
  await playground.id("preview").waitFor();
  await playground.produce({ source: "file", topic: "large", partitions: 1 });
  const acknowledged = await playground.acknowledged(2000);
  await playground.id("stop").click();
  await playground.page.locator('[data-testid="import-status"][data-state="stopped"]').waitFor();
  assert.ok(acknowledged >= 2000);
  const { state, broken } = await playground.importStatus();
  assert.deepEqual([state, broken], ["stopped", 0]);
});
