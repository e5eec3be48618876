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

browserTest("one line of 1 GB is no row: it is refused before it fills the memory", async ({ open }) => {
  const playground = await open({ workers: 1 });
  await playground.id("source-select").selectOption("file");
  await choose(playground, "line.ndjson", "x".repeat(2 ** 20));
  await playground.produce({ source: "file", topic: "line", partitions: 1 });
  await playground.page.locator('[data-testid="import-status"][data-state="failed"]').waitFor();
  assert.match(await playground.id("import-status").innerText(), /the line is longer than 1000000 bytes/);
});

browserTest("the Chinese page says in Chinese what is wrong with a file, its rows and a name, beside the engine's words", async ({ open }) => {
  const playground = await open({ workers: 1 });
  await playground.id("source-select").selectOption("file");
  const input = playground.id("file-input");
  await input.setInputFiles({ name: "data.csv", mimeType: "text/csv", buffer: Buffer.from([0, 1, 2, 255]) });
  await playground.id("preview-problem").filter({ hasText: "文件不是文本：其中有 CSV 或 NDJSON 文件不会有的字节。（原文：The file is not text" }).waitFor();
  await input.setInputFiles({ name: "rows.csv", mimeType: "text/csv", buffer: Buffer.from("id,v\na,1\nb,2,3\n") });
  await playground.id("preview").waitFor();
  await playground.produce({ source: "file", topic: "rows", partitions: 1 });
  assert.equal((await playground.imported()).broken, 1);
  assert.match(await playground.id("broken-rows").innerText(), /有 3 列，而表头有 2 列（原文：it has 3 columns, the header has 2）/);
  await playground.id("create-topic-name").fill("bad name");
  await playground.id("create-topic").click();
  await playground.id("create-topic-problem").filter({ hasText: /主题名称不合法.*INVALID_TOPIC_EXCEPTION/ }).waitFor();
  await playground.id("language").selectOption("en");
  await playground.id("create-topic").click();
  await playground.id("create-topic-problem").filter({ hasText: /^A topic's name is made of/ }).waitFor();
}, { launchOptions: { locale: "zh-CN" } });

browserTest("a file of 1 GB is read bit by bit: it starts at once, and stops when told", async ({ open }) => {
  const playground = await open({ workers: 1 });
  await playground.id("source-select").selectOption("file");
  await choose(playground, "large.ndjson", `{"n":1,"text":"${"x".repeat(1000)}"}\n`.repeat(1024));
  await playground.id("preview").waitFor();
  await playground.produce({ source: "file", topic: "large", partitions: 1 });
  const acknowledged = await playground.acknowledged(2000);
  await playground.id("stop").click();
  await playground.page.locator('[data-testid="import-status"][data-state="stopped"]').waitFor();
  assert.ok(acknowledged >= 2000);
  const { state, broken } = await playground.importStatus();
  assert.deepEqual([state, broken], ["stopped", 0]);
});

/** Chooses a file of 1 GB, a text again and again: a blob of blobs, of which the browser holds one part. */
function choose(playground, name, text) {
  return playground.page.evaluate(([size, called, repeated]) => {
    const part = new Blob([repeated]);
    const data = new DataTransfer();
    data.items.add(new File(Array.from({ length: Math.ceil(size / part.size) }, () => part), called));
    const input = document.querySelector('[data-testid="file-input"]');
    input.files = data.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }, [GIGABYTE, name, text]);
}
