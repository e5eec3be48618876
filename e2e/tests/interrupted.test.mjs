// Producing is cut off in the middle. What was acknowledged is there, and the import goes on where it stopped: no reading
// twice, none missing.

import assert from "node:assert/strict";
import { assertEveryReading, VEHICLES } from "../lib/playground.mjs";
import { browserTest } from "../lib/test.mjs";

const TOPIC = "cut-off";
// Slow enough that there is a middle to cut in.
const RATE = 20_000;

browserTest("a reload in the middle of producing", async ({ t, open }) => {
  const playground = await open();
  await playground.produce({ topic: TOPIC, partitions: 4, rateLimit: RATE });
  const acknowledged = await playground.acknowledged(VEHICLES.length / 4);
  await playground.reload();
  await goesOnAfter(acknowledged, playground, t);
});

browserTest("the browser is killed in the middle of producing", async ({ t, open, restart }) => {
  let playground = await open();
  await playground.produce({ topic: TOPIC, partitions: 4, rateLimit: RATE });
  const acknowledged = await playground.acknowledged(VEHICLES.length / 4);
  await restart();
  playground = await open();
  await goesOnAfter(acknowledged, playground, t);
});

browserTest("cut off again and again, at full speed", async ({ t, open }) => {
  const playground = await open();
  for (const part of [0.05, 0.3, 0.6]) {
    await playground.produce({ topic: TOPIC, partitions: 4 });
    await Promise.race([playground.acknowledged(VEHICLES.length * part), playground.imported()]);
    await playground.reload();
  }
  await goesOnAfter(0, playground, t);
});

async function goesOnAfter(acknowledged, playground, t) {
  const found = await playground.everyRecord(TOPIC, 4);
  t.diagnostic(`${acknowledged} were seen as acknowledged, ${found.length} are there`);
  assert.ok(found.length < VEHICLES.length || acknowledged === 0, "it was the middle");
  assert.ok(found.length >= acknowledged, `${acknowledged} were acknowledged, ${found.length} are there`);
  await playground.produce({ topic: TOPIC, partitions: 4 });
  const status = await playground.imported();
  assert.equal(status.state, "done");
  assert.equal(status.alreadyThere + status.acknowledged, VEHICLES.length);
  assert.equal(status.alreadyThere, found.length, "it goes on exactly after what is there");
  assertEveryReading(await playground.everyRecord(TOPIC, 4), 4);
}
