// The main job, as a person does it: the whole data set into a topic, out again, and there after a reload.

import assert from "node:assert/strict";
import { assertEveryReading, VEHICLES } from "../lib/playground.mjs";
import { browserTest } from "../lib/test.mjs";

const TOPIC = "vehicle-readings";

browserTest("the whole data set goes in, is read from any offset, and is there after a reload", async ({ open, server }) => {
  const playground = await open();
  await playground.produce({ topic: TOPIC, partitions: 4 });
  assert.deepEqual(await playground.imported(),
    { state: "done", acknowledged: VEHICLES.length, alreadyThere: 0, broken: 0 });
  await playground.showsRecords(TOPIC, VEHICLES.length);
  const before = await playground.partitions(TOPIC);
  assert.equal(before.length, 4);
  for (const partition of before) assert.ok(partition.start === 0 && partition.end > 5000 && partition.bytes > 100_000);
  assertEveryReading(await playground.everyRecord(TOPIC, 4), 4);

  await readsFromAnyOffset(playground, before);

  await playground.reload();
  await playground.showsRecords(TOPIC, VEHICLES.length);
  assert.deepEqual(await playground.partitions(TOPIC), before);
  assertEveryReading(await playground.everyRecord(TOPIC, 4), 4);

  await playground.produce({ topic: TOPIC });
  const again = await playground.imported();
  assert.deepEqual([again.acknowledged, again.alreadyThere], [0, VEHICLES.length], "nothing is produced twice");

  await playground.id(`delete-topic-${TOPIC}`).click();
  await playground.confirm();
  await playground.page.locator('[data-testid="topic-list"][data-count="0"]').waitFor();
  await playground.reload();
  assert.equal(await playground.id("topic-list").getAttribute("data-count"), "0", "a deleted topic stays deleted");

  for (const path of server.requests) assert.ok(path.startsWith("/some/where/"), `${path} lies outside the sub-path`);
});

browserTest("clear everything leaves nothing, and the page goes on", async ({ open }) => {
  const playground = await open();
  await playground.produce({ topic: TOPIC, partitions: 2 });
  await playground.imported();
  await playground.id("clear-all").click();
  await playground.confirm();
  await playground.page.locator('[data-testid="topic-list"][data-count="0"]').waitFor();
  await playground.running();
  await playground.produce({ topic: TOPIC, partitions: 2 });
  assert.equal((await playground.imported()).acknowledged, VEHICLES.length);
  assertEveryReading(await playground.everyRecord(TOPIC, 2), 2);
});

async function readsFromAnyOffset(playground, partitions) {
  const middle = Math.floor(partitions[2].end / 2);
  const all = (await playground.everyRecord(TOPIC, 4)).filter(({ partition }) => partition === 2);
  const rows = await playground.read({ topic: TOPIC, partition: 2, from: "offset", offset: middle });
  assert.ok(rows.length > 5);
  rows.forEach((row, index) => {
    const record = all[middle + index];
    assert.equal(row.offset, record.offset);
    assert.equal(row.key, record.key);
    assert.deepEqual(JSON.parse(row.value), JSON.parse(record.value));
  });
  const first = await playground.read({ topic: TOPIC, partition: 2, from: "start" });
  assert.equal(first[0].offset, 0);
  const last = await playground.read({ topic: TOPIC, partition: 2, from: "last" });
  assert.equal(last.at(-1).offset, partitions[2].end - 1);
}

browserTest("records are read page by page, and those before a page are deleted", async ({ open }) => {
  const playground = await open();
  await playground.produce({ topic: TOPIC, partitions: 1 });
  await playground.imported();
  const first = await playground.read({ topic: TOPIC, partition: 0, from: "offset", offset: 100 });
  assert.deepEqual([first[0].offset, first.at(-1).offset], [100, 149]);
  await playground.id("read-next").click();
  await playground.page.locator('[data-testid="record-row"][data-offset="150"]').waitFor();
  await playground.id("delete-records").click();
  await playground.id("inspect-yes").click();
  await playground.page.locator('[data-testid="records-caption"]', { hasText: "the log is 150 to 56,899" }).waitFor();
  await playground.page.locator(`[data-testid="partition-row-${TOPIC}-0"][data-start="150"]`).waitFor();
  assert.ok(await playground.id("read-previous").isDisabled(), "nothing is before the start");
  const missing = await playground.read({ topic: TOPIC, partition: 0, from: "last" });
  assert.equal(missing.at(-1).offset, VEHICLES.length - 1);
});
