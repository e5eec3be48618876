// A person's own files, and a record typed by hand.

import assert from "node:assert/strict";
import { browserTest } from "../lib/test.mjs";

const CSV = [
  "city,name,people",
  'Graz,"Müller, Anna",3',
  "Linz,Ben",
  'Wien,"says ""hello""",4',
  "Graz,too,many,fields",
  "Linz,Cora,5",
].join("\r\n");

browserTest("a dropped CSV with broken rows: they are named by line, the rest goes on", async ({ open }) => {
  const playground = await open();
  await drop(playground, "people.csv", CSV);
  await playground.id("preview").waitFor();
  await playground.id("key-field").selectOption("city");
  await playground.produce({ source: "file", topic: "people", partitions: 2 });
  const status = await playground.imported();
  assert.deepEqual([status.acknowledged, status.broken], [3, 2]);
  const lines = await playground.page.locator('[data-testid="broken-rows"] [data-line]')
    .evaluateAll((rows) => rows.map((row) => row.dataset.line));
  assert.deepEqual(lines, ["3", "5"]);
  const records = await playground.everyRecord("people", 2);
  const rows = records.map(({ key, value }) => [key, JSON.parse(value).name]).sort();
  assert.deepEqual(rows, [["Graz", "Müller, Anna"], ["Linz", "Cora"], ["Wien", 'says "hello"']]);
});

browserTest("an NDJSON file of one's own, without a key", async ({ open }) => {
  const playground = await open();
  const lines = ['{"n":1,"text":"one"}', "not JSON", '{"n":2,"text":"two \u{1F30A}"}', "", '{"n":3}'];
  await playground.id("source-select").selectOption("file");
  const buffer = Buffer.from(lines.join("\n"));
  await playground.id("file-input").setInputFiles({ name: "own.ndjson", mimeType: "application/x-ndjson", buffer });
  await playground.id("preview").waitFor();
  await playground.id("key-field").selectOption("");
  await playground.produce({ source: "file", topic: "own", partitions: 1 });
  const status = await playground.imported();
  assert.deepEqual([status.acknowledged, status.broken], [3, 1]);
  const records = await playground.everyRecord("own", 1);
  assert.deepEqual(records.map(({ key }) => key), [null, null, null]);
  assert.deepEqual(records.map(({ value }) => JSON.parse(value).n), [1, 2, 3]);
  assert.equal(JSON.parse(records[1].value).text, "two \u{1F30A}");
});

browserTest("a record typed by hand, with headers, is acknowledged and read back", async ({ open }) => {
  const playground = await open();
  await playground.id("create-topic-name").fill("typed");
  await playground.id("create-topic-partitions").fill("3");
  await playground.id("create-topic").click();
  await playground.id("topic-typed").waitFor();
  await playground.id("send-topic").selectOption("typed");
  await playground.id("send-key").fill("k1");
  await playground.id("send-value").fill("hello, log");
  await playground.id("send-header-add").click();
  await playground.id("send-header-name-0").fill("trace");
  await playground.id("send-header-value-0").fill("a");
  await playground.id("send-go").click();
  const result = playground.page.locator('[data-testid="send-result"][data-offset="0"]');
  await result.waitFor();
  const partition = Number(await result.getAttribute("data-partition"));
  const [record, ...more] = await playground.everyRecord("typed", 3);
  assert.deepEqual(more, []);
  assert.deepEqual([record.partition, record.key, record.value], [partition, "k1", "hello, log"]);
  assert.deepEqual(record.headers, [["trace", "a"]]);
  const [row] = await playground.read({ topic: "typed", partition });
  assert.deepEqual([row.offset, row.key, row.value], [0, "k1", "hello, log"]);
});

async function drop(playground, name, text) {
  const transfer = await playground.page.evaluateHandle(([file, content]) => {
    const data = new DataTransfer();
    data.items.add(new File([content], file, { type: "text/csv" }));
    return data;
  }, [name, text]);
  for (const type of ["dragover", "drop"]) {
    await playground.page.dispatchEvent('[data-testid="drop-zone"]', type, { dataTransfer: transfer });
  }
}
