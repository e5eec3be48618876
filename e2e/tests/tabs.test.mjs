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

browserTest("a frozen tab is said to be so, is relieved of the brokers, and writes no more", async ({ open, browser }) => {
  const first = await open({ workers: 1 });
  await first.produce({ topic: TOPIC, partitions: 2, rateLimit: RATE });
  const second = await open();
  await second.isGuest();
  await first.acknowledged(VEHICLES.length / 4);
  const cdp = await browser().context.newCDPSession(first.page);
  await cdp.send("Page.setWebLifecycleState", { state: "frozen" });
  await second.id("take-over").click({ timeout: 30_000 });
  await second.isGuest(false);
  const found = (await second.everyRecord(TOPIC, 2)).length;
  assert.ok(found >= VEHICLES.length / 4, `${found} are there`);

  await cdp.send("Page.setWebLifecycleState", { state: "active" });
  await first.isGuest();
  const status = await first.imported();
  assert.deepEqual([status.acknowledged, status.alreadyThere], [VEHICLES.length, 0], "it goes on through the other tab");
  assertEveryReading(await second.everyRecord(TOPIC, 2), 2);
});
