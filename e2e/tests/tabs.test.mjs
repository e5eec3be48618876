// More than one tab: one has the brokers, the others work through it and take over.

import assert from "node:assert/strict";
import { assertEveryReading, VEHICLES } from "../lib/playground.mjs";
import { browserTest } from "../lib/test.mjs";

const TOPIC = "shared";
// Slow enough that there is a middle to cut in.
const RATE = 20_000;

browserTest("a second tab works through the first", async ({ open }) => {
  const first = await open({ workers: 2 });
  const second = await open();
  await second.isGuest();
  await second.produce({ topic: TOPIC, partitions: 4 });
  assert.equal((await second.imported()).acknowledged, VEHICLES.length);
  await second.showsRecords(TOPIC, VEHICLES.length);
  await first.showsRecords(TOPIC, VEHICLES.length);
  assertEveryReading(await first.everyRecord(TOPIC, 4), 4);
  const rows = await second.read({ topic: TOPIC, partition: 3, from: "start" });
  assert.equal(rows[0].offset, 0);
  assert.equal(await second.id("clear-all").isDisabled(), true, "everything is cleared where the brokers are");
  await second.id(`delete-topic-${TOPIC}`).click();
  await second.confirm();
  await first.page.locator('[data-testid="topic-list"][data-count="0"]').waitFor();
});

browserTest("a second tab takes over when the first is closed in the middle of producing", async ({ open }) => {
  const first = await open({ workers: 2 });
  const second = await open();
  await second.isGuest();
  await second.produce({ topic: TOPIC, partitions: 4, rateLimit: RATE });
  await second.acknowledged(VEHICLES.length / 4);
  await first.page.close();
  await second.isGuest(false);
  const status = await second.imported();
  assert.deepEqual([status.acknowledged, status.alreadyThere], [VEHICLES.length, 0]);
  assertEveryReading(await second.everyRecord(TOPIC, 4), 4);
});

// The page stands still and its workers do not: they are the ones that must not write any more.
browserTest("a tab that does not answer is said to be so, is relieved of the brokers, and writes no more", async ({ open, browser }) => {
  const first = await open({ workers: 1 });
  await first.produce({ topic: TOPIC, partitions: 2, rateLimit: RATE / 10 });
  const second = await open();
  await second.isGuest();
  await first.acknowledged(VEHICLES.length / 20);
  const debug = await browser().context.newCDPSession(first.page);
  await debug.send("Debugger.enable");
  await debug.send("Debugger.pause");
  await second.id("take-over").click({ timeout: 30_000 });
  await second.isGuest(false);
  const found = (await second.everyRecord(TOPIC, 2)).length;
  assert.ok(found >= VEHICLES.length / 20, `${found} are there`);

  await debug.send("Debugger.disable");
  await first.isGuest();
  await first.id("stop").click();
  await first.page.locator('[data-testid="import-status"][data-state="stopped"]').waitFor();
  // What the first had under way goes on through the second.
  await second.produce({ topic: TOPIC });
  const status = await second.imported();
  assert.equal(status.acknowledged + status.alreadyThere, VEHICLES.length);
  assertEveryReading(await second.everyRecord(TOPIC, 2), 2);
});
