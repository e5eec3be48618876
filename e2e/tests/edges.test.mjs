// What a tab meets: no more room, damaged and lost rows, a worker that stood still.

import assert from "node:assert/strict";
import { browserTest } from "../lib/test.mjs";

const MEGABYTE = 1_000_000;
// Synthetic records are nearly the same; the browser stores a twentieth of them.
// And four are kept back for the deletion.
const QUOTA_BYTES = 6 * MEGABYTE;

browserTest("a full quota is a clear refusal; what was there is there, and there is room again after a deletion", async ({ open, browser, server }) => {
  // Before anything is stored: Chromium goes by the room it saw last for half a minute, as long as that is enough.
  const page = await browser().page();
  await page.goto(`${server.url}e2e/conformance.html`);
  const limit = await browser().context.newCDPSession(page);
  await limit.send("Storage.overrideQuotaForOrigin", { origin: server.origin, quotaSize: QUOTA_BYTES });
  const playground = await open({ workers: 2 });
  await produceSynthetic(playground, "kept", 2 * MEGABYTE);
  assert.equal((await playground.imported()).state, "done");
  const before = await playground.everyRecord("kept", 4);
  assert.equal(before.length, 2000);

  await produceSynthetic(playground, "large", 100 * MEGABYTE);
  // The producer tries for a while, somebody might delete something; a person is told at once.
  const refusal = playground.id("error-count-KAFKA_STORAGE_ERROR");
  await refusal.waitFor({ timeout: 30_000 });
  assert.match(await refusal.innerText(), /the storage is full. Delete something/u);
  await playground.id("stop").click();
  await playground.page.locator('[data-testid="import-status"]:is([data-state="stopped"], [data-state="failed"])').waitFor();
  const { acknowledged } = await playground.importStatus();
  const large = await playground.everyRecord("large", 4);
  assert.ok(large.length >= acknowledged, `${acknowledged} were acknowledged, ${large.length} are there`);
  assert.deepEqual(await playground.everyRecord("kept", 4), before);

  await playground.id("delete-topic-large").click();
  await playground.confirm();
  await playground.page.locator('[data-testid="topic-list"][data-count="1"]').waitFor();
  await produceSynthetic(playground, "after", MEGABYTE);
  assert.equal((await playground.imported()).acknowledged, 1000);
  await playground.reload();
  assert.deepEqual(await playground.everyRecord("kept", 4), before);
  // What a service worker keeps would take its part of the room.
}, { launchOptions: { serviceWorkers: "block" } });

async function produceSynthetic(playground, topic, bytes) {
  if ((await playground.id("source-select").inputValue()) !== "synthetic") {
    await playground.id("source-select").selectOption("synthetic");
  }
  await playground.id("synthetic-value-size").fill("1000");
  await playground.id("synthetic-records").fill(String(bytes / 1000));
  await playground.produce({ source: "synthetic", topic, partitions: 4 });
}

browserTest("a damaged row is found by its CRC, and all the rest can be read", async ({ browser, server }) => {
  const page = await browser().page();
  await page.goto(`${server.url}e2e/conformance.html`);
  const { changed, sent, other, left } = await page.evaluate(damageOneRow);
  assert.equal(changed, 1);
  assert.deepEqual(other, sent, "the partition beside it is whole");
  assert.deepEqual(left, sent.filter((value) => left.includes(value)), "in order, and none is wrong");
  assert.equal(left.length, sent.length - 1);
});

/** Runs in the page: two partitions with the same records; one row of the first gets another byte. */
async function damageOneRow() {
  const { startBroker } = await import("./broker.mjs");
  const { rewrite } = await import("./database.mjs");
  const { recordBatch } = await import("./kafka.mjs");
  const first = await startBroker("damaged");
  const connection = first.connect();
  await connection.createTopic("topic", 2, { "segment.bytes": "4000" });
  const sent = [];
  for (let number = 0; number < 60; number++) {
    const value = `record ${number} ${"x".repeat(150)}`;
    sent.push(value);
    for (const partition of [0, 1]) await connection.produce("topic", partition, recordBatch([{ key: null, value }]));
  }
  first.worker.terminate();

  // Partition 0, some segment in the middle: docs/format.md says where they are in the key.
  let changed = 0;
  await rewrite("headwater-damaged-0", "chunk", (key, row) => {
    const view = new DataView(key.buffer);
    const isTopic = key[15] !== 1 || key.slice(0, 15).some((byte) => byte !== 0);
    if (!isTopic || view.getUint32(16) !== 0 || view.getBigUint64(20) === 0n || changed > 0) return undefined;
    changed++;
    row[row.length - 20] ^= 0xff;
    return row;
  });

  const second = await startBroker("damaged");
  const reader = second.connect();
  const other = (await reader.readAll("topic", 1)).map(({ value }) => value);
  const left = (await reader.readAll("topic", 0)).map(({ value }) => value);
  second.worker.terminate();
  return { changed, sent, other, left };
}

browserTest("rows that are lost, shortened or no bytes cost what was in them; all the rest keeps its offsets", async ({ open, server }) => {
  const playground = await open({ workers: 1 });
  const sent = await playground.kafka(async (connection, { recordBatch }) => {
    await connection.createTopic("rows", 1, { "segment.bytes": "4000" });
    const values = [];
    for (let number = 0; number < 60; number++) {
      const value = `record ${number} ${"x".repeat(150)}`;
      values.push(value);
      await connection.produce("rows", 0, recordBatch([{ key: null, value }]));
    }
    return values;
  });
  await playground.page.goto(`${server.url}e2e/conformance.html`);
  const lost = await playground.page.evaluate(loseRows);
  assert.equal(lost.length, 3);
  await playground.page.goto(server.url);
  await playground.running();
  const left = (await playground.everyRecord("rows", 1)).map(({ offset, value }) => [offset, value]);
  const expected = sent.map((value, offset) => [offset, value]).filter(([offset]) => !lost.includes(offset));
  assert.deepEqual(left, expected);
  await playground.page.locator('[data-testid="error-count-CORRUPT_MESSAGE"][data-count="3"]').waitFor({ timeout: 10_000 });
  // Told of once a place.
  assert.equal((await playground.everyRecord("rows", 1)).length, expected.length);
  assert.equal(await playground.id("error-count-CORRUPT_MESSAGE").getAttribute("data-count"), "3");
});

/** Runs in a page without brokers: answers the offsets of the batches whose rows it spoils, each in another segment. */
async function loseRows() {
  const { rewrite } = await import("./database.mjs");
  const spoil = [() => null, (row) => row.slice(0, -10), () => "no bytes"];
  const lost = [];
  const seen = new Map();
  for (const { name } of await indexedDB.databases()) {
    if (!/^headwater-.*-0$/u.test(name)) continue;
    await rewrite(name, "chunk", (key, row) => {
      const view = new DataView(key.buffer);
      const isMetadata = key[15] === 1 && key.slice(0, 15).every((byte) => byte === 0);
      const segment = view.getBigUint64(20);
      if (isMetadata) return undefined;
      seen.set(segment, (seen.get(segment) ?? 0) + 1);
      // The third row of a segment, where there is a batch a row.
      if (seen.get(segment) !== 3 || lost.length === spoil.length) return undefined;
      const spoilt = spoil[lost.length](row);
      lost.push(Number(new DataView(row.buffer).getBigInt64(0)));
      return spoilt;
    });
  }
  return lost;
}

browserTest("after a worker stood still, what came meanwhile is handled before anything counts as late", async ({ browser, server }) => {
  const page = await browser().page();
  await page.goto(`${server.url}e2e/conformance.html`);
  const debug = await debugWorkers(browser(), page);
  await page.evaluate(async () => {
    const { startBroker } = await import("./broker.mjs");
    const { recordBatch } = await import("./kafka.mjs");
    const broker = await startBroker("frozen");
    const [reader, writer] = [broker.connect(), broker.connect()];
    await writer.createTopic("topic", 1);
    // Waits half a second for a record.
    globalThis.fetched = reader.fetch("topic", 0, 0n);
    globalThis.write = () => writer.produce("topic", 0, recordBatch([{ key: null, value: "in time" }]));
    await new Promise((resolve) => setTimeout(resolve, 100));
  });
  await debug("Debugger.enable");
  await debug("Debugger.pause");
  const written = page.evaluate(async () => (await globalThis.write()).errorCode);
  await new Promise((resolve) => setTimeout(resolve, 4000));
  await debug("Debugger.disable");
  assert.equal(await written, 0);
  const found = await page.evaluate(async () => (await globalThis.fetched).records.map(({ value }) => value));
  assert.deepEqual(found, ["in time"]);
});

/** A function that sends a command of the browser's debugger to the workers of a page. */
async function debugWorkers(browser, page) {
  const session = await browser.context.newCDPSession(page);
  const workers = [];
  session.on("Target.attachedToTarget", ({ sessionId, targetInfo }) => {
    if (targetInfo.type === "worker") workers.push(sessionId);
  });
  await session.send("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
  let id = 0;
  return (method) => Promise.all(workers.map((sessionId) => {
    const message = JSON.stringify({ id: ++id, method });
    return session.send("Target.sendMessageToTarget", { sessionId, message });
  }));
}
