// The live tail misses nothing, and what is exported can be imported again.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { control, figure, inspect, said } from "../lib/inspector.mjs";
import { browserTest } from "../lib/test.mjs";

browserTest("the tail shows each record as it comes, by filter, paused, and from an offset; a row leads to its record", async ({ open }) => {
  const playground = await open();
  await playground.produce({ topic: "vehicles", partitions: 2, rateLimit: 200 });
  await playground.acknowledged(1);
  await inspect(playground, "go-topic-vehicles", "go-tail");
  await shownRows(playground, 150);
  await control(playground, "tail-seek").selectOption("start");
  await control(playground, "tail-seek-go").click();
  await stopProducer(playground);
  const { records } = await everyReading(playground);
  await playground.page.waitForFunction((wanted) => Number(document.querySelector('[data-testid="tail-counted"]')?.dataset.read) === wanted, records.length, { timeout: 20_000 });
  const rows = await tailRows(playground);
  const newest = (partition) => records.filter((one) => one.partition === partition).map(({ offset }) => offset).reverse();
  for (const partition of [0, 1]) {
    const shown = rows.filter((row) => row.partition === partition).map(({ offset }) => offset);
    assert.deepEqual(shown, newest(partition).slice(0, shown.length), "no hole, the newest first");
  }
  assert.equal(rows.length, Math.min(500, records.length));

  const { key } = records[0];
  await control(playground, "tail-filter").fill(`id=${key}`);
  const matching = records.filter((one) => one.key === key).length;
  await shownRows(playground, matching, true);
  await control(playground, "tail-filter").fill("nothing has this");
  await shownRows(playground, 0, true);

  // By time: from the first record of that millisecond or later.
  await control(playground, "tail-filter").fill("");
  const middle = records.filter((one) => one.partition === 0)[20];
  await control(playground, "tail-partition").selectOption("0");
  await control(playground, "tail-seek").selectOption("timestamp");
  await control(playground, "tail-time").fill(await playground.page.evaluate((at) => {
    const local = new Date(at - new Date(at).getTimezoneOffset() * 60_000);
    // As such a field writes it: without zeros at the end.
    const field = Object.assign(document.createElement("input"), { type: "datetime-local", step: "0.001" });
    field.value = local.toISOString().slice(0, -1);
    return field.value;
  }, middle.timestamp));
  await control(playground, "tail-seek-go").click();
  const later = records.filter((one) => one.partition === 0 && one.timestamp >= middle.timestamp);
  await playground.page.waitForFunction((wanted) => Number(document.querySelector('[data-testid="tail-counted"]')?.dataset.read) === wanted, later.length, { timeout: 20_000 });

  // Paused nothing is read; afterwards it goes on where it was.
  await control(playground, "tail-pause").click();
  await playground.id("send-topic").selectOption("vehicles");
  await playground.id("send-partition").selectOption("0");
  await playground.id("send-value").fill("while paused");
  await playground.id("send-go").click();
  await playground.id("send-result").filter({ hasText: /\d/ }).waitFor();
  assert.equal(await control(playground, "tail-row").filter({ hasText: "while paused" }).count(), 0);
  await control(playground, "tail-pause").click();
  const row = control(playground, "tail-row").filter({ hasText: "while paused" });
  await row.waitFor();
  await row.getByRole("button").click();
  await control(playground, "record-value").filter({ hasText: "while paused" }).waitFor();
});

browserTest("an export of values, imported again, makes the same records; CSV and NDJSON hold every record", async ({ open }) => {
  const playground = await open();
  await startProducer(playground, { partitions: 3 });
  await figure(playground, "producer-state", "done");
  const { records } = await everyReading(playground, 3);
  await control(playground, "go-topic").click();
  await control(playground, "go-export").click();

  const ndjson = (await exported(playground, "ndjson")).trim().split("\n").map((line) => JSON.parse(line));
  const facts = ({ partition, offset, timestamp, key, value }) => [partition, offset, timestamp, key, value].join("|");
  assert.deepEqual(ndjson.map(facts), records.map(facts));
  const csv = await exported(playground, "csv");
  assert.equal(csv.split("\r\n").length, records.length + 2, "a head, a line each, and the end of the last");

  // The workbench's own import takes both.
  const values = await exported(playground, "values");
  await importFile(playground, { name: "again.ndjson", text: values, topic: "again", key: "id" });
  const copies = await playground.everyRecord("again", 3);
  const plain = ({ partition, offset, key, value }) => [partition, offset, key, value].join("|");
  assert.deepEqual(copies.map(plain), records.map(plain));
  await importFile(playground, { name: "whole.csv", text: csv, topic: "whole", key: "key" });
  const rows = (await playground.everyRecord("whole", 3)).map(({ value }) => JSON.parse(value));
  assert.deepEqual(new Set(rows.map((row) => row.value)), new Set(records.map(({ value }) => value)));
});

browserTest("an export says what the format cannot have, writes bit by bit where the browser can, and is cancelled", async ({ open }) => {
  const playground = await open();
  const { page } = playground;
  await playground.kafka(async (connection, { recordBatch }) => {
    await connection.createTopic("mixed", 1);
    const long = JSON.stringify({ long: "x".repeat(100_000) });
    for (const value of ['{"n":1}', "text", null, long]) await connection.produce("mixed", 0, recordBatch([{ key: "k", value }]));
  });
  await inspect(playground, "go-topic-mixed");
  await control(playground, "go-export").click();
  const lines = (await exported(playground, "values")).split("\n");
  assert.equal(lines[0], '{"n":1}');
  assert.equal(JSON.parse(lines[1]).long.length, 100_000, "a file has all of a value, also of one that is shown in part");
  assert.equal(await said(playground, "export-said"), "Records in the file: 2. Left out, as their values are no JSON objects: 2.");

  // A file that a person chooses is written part by part; one that is not chosen is no error of the page.
  await page.evaluate(() => {
    globalThis.__written = [];
    globalThis.showSaveFilePicker = async ({ suggestedName }) => ({
      createWritable: async () => ({
        write: async (text) => globalThis.__written.push(text), close: async () => globalThis.__written.push(suggestedName), abort: async () => globalThis.__written.push("aborted"),
      }),
    });
  });
  await control(playground, "export-format").selectOption("csv");
  await control(playground, "export-go").click();
  await page.waitForFunction(() => globalThis.__written.at(-1) === "mixed.csv");
  assert.equal((await page.evaluate(() => globalThis.__written.join(""))).split("\r\n").length, 6);
  await page.evaluate(() => { globalThis.showSaveFilePicker = async () => { throw new DOMException("no", "AbortError"); }; });
  await control(playground, "export-go").click();
  await control(playground, "export-said").filter({ hasText: "Cancelled" }).waitFor();
});

async function startProducer(playground, { partitions }) {
  await inspect(playground, "go-add-producer");
  await control(playground, "producer-partitions").fill(String(partitions));
  await control(playground, "producer-rate").fill("");
  await control(playground, "producer-start").click();
  await control(playground, "producer-state").waitFor();
}

/** The workbench's, so that the tail stays. */
async function stopProducer(playground) {
  await playground.id("stop").click();
  await playground.page.locator('[data-testid="import-status"][data-state="stopped"]').waitFor();
}

async function everyReading(playground, partitions = 2) {
  return { records: await playground.everyRecord("vehicles", partitions) };
}

async function tailRows(playground) {
  return control(playground, "tail-row").evaluateAll((rows) => rows.map(({ dataset }) => ({ partition: Number(dataset.partition), offset: Number(dataset.offset) })));
}

async function shownRows(playground, count, exactly = false) {
  await playground.page.waitForFunction(([wanted, exact]) => {
    const { length } = document.querySelectorAll('[data-testid="tail-row"]');
    return exact ? length === wanted : length >= wanted;
  }, [count, exactly], { timeout: 20_000 });
}

/** Exports in a format and gives the file's text. */
async function exported(playground, format) {
  await playground.page.evaluate(() => { delete globalThis.showSaveFilePicker; globalThis.showSaveFilePicker = undefined; });
  await control(playground, "export-format").selectOption(format);
  const [download] = await Promise.all([playground.page.waitForEvent("download"), control(playground, "export-go").click()]);
  return readFile(await download.path(), "utf8");
}

async function importFile(playground, { name, text, topic, key }) {
  const status = playground.page.locator('[data-testid="import-status"]');
  await playground.id("source-select").selectOption("file");
  await playground.id("file-input").setInputFiles({ name, mimeType: "text/plain", buffer: Buffer.from(text) });
  await playground.id("preview").waitFor();
  await playground.id("key-field").selectOption(key);
  await playground.produce({ source: "file", topic, partitions: 3 });
  await playground.showsRecords(topic, 56_899);
  assert.equal(await status.getAttribute("data-broken"), "0");
}
