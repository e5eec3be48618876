// Several workers: partitions spread over brokers, fewer workers than brokers, and workers that end in the middle.

import assert from "node:assert/strict";
import { assertEveryReading, VEHICLES } from "../lib/playground.mjs";
import { browserTest } from "../lib/test.mjs";

const TOPIC = "spread";
// Slow enough that there is a middle to cut in.
const RATE = 20_000;

browserTest("partitions are spread over two workers, and one worker keeps all of them readable", async ({ open }) => {
  const playground = await open({ workers: 2 });
  await playground.produce({ topic: TOPIC, partitions: 4 });
  assert.equal((await playground.imported()).acknowledged, VEHICLES.length);
  await playground.showsRecords(TOPIC, VEHICLES.length);
  assert.deepEqual(await playground.brokers(), [{ state: "running", leads: 2 }, { state: "running", leads: 2 }]);
  assertEveryReading(await playground.everyRecord(TOPIC, 4), 4);

  await playground.id("worker-count").selectOption("1");
  await playground.page.locator('[data-testid="broker-list"][data-count="2"]').waitFor();
  await playground.running();
  await playground.showsRecords(TOPIC, VEHICLES.length);
  assertEveryReading(await playground.everyRecord(TOPIC, 4), 4);

  await playground.reload();
  assert.equal(await playground.id("worker-count").inputValue(), "1", "the choice is remembered");
  assert.equal((await playground.brokers()).length, 2, "both brokers live in the one worker");
  await playground.produce({ topic: TOPIC });
  const again = await playground.imported();
  assert.deepEqual([again.acknowledged, again.alreadyThere], [0, VEHICLES.length], "nothing is produced twice");
});

browserTest("a worker is terminated in the middle of producing: it comes back, and nothing is lost or doubled", async ({ open }) => {
  const playground = await open({ workers: 2 });
  await playground.produce({ topic: TOPIC, partitions: 4, rateLimit: RATE });
  for (const [worker, part] of [[1, 0.2], [0, 0.4], [1, 0.6]]) {
    await playground.acknowledged(VEHICLES.length * part);
    await playground.id(`terminate-worker-${worker}`).click();
    await playground.page.locator(`[data-testid="broker-row-${worker}"][data-state="stopped"]`).waitFor();
    await playground.id(`start-worker-${worker}`).click();
    await playground.running();
  }
  const status = await playground.imported();
  assert.deepEqual([status.acknowledged, status.alreadyThere], [VEHICLES.length, 0]);
  assertEveryReading(await playground.everyRecord(TOPIC, 4), 4);
});

browserTest("a worker that breaks by itself is replaced by itself", async ({ open }) => {
  const playground = await open({ workers: 2, script: "e2e/breaking-worker.mjs" });
  await playground.produce({ topic: TOPIC, partitions: 4, rateLimit: RATE });
  await playground.acknowledged(VEHICLES.length * 0.3);
  await playground.page.evaluate(() => globalThis.__workers["broker-1"].postMessage("break"));
  await playground.page.getByText("Worker 1 stopped and is replaced").waitFor();
  await playground.running();
  const status = await playground.imported();
  assert.deepEqual([status.acknowledged, status.alreadyThere], [VEHICLES.length, 0]);
  assertEveryReading(await playground.everyRecord(TOPIC, 4), 4);
}, { expectedErrors: [/unreachable|RuntimeError|memory access|table index/u] });
