// What moves, as the brokers tell it while somebody watches.

import assert from "node:assert/strict";
import { VEHICLES } from "../lib/playground.mjs";
import { browserTest } from "../lib/test.mjs";

const TOPIC = "vehicles";

browserTest("every record is told as it comes and as it goes, with the names of its clients", async ({ open }) => {
  const playground = await open();
  await playground.page.evaluate(watch);
  await playground.produce({ topic: TOPIC, partitions: 4 });
  await playground.imported();
  await told(playground, { kind: "append", records: VEHICLES.length });
  await playground.consume({ group: "readers", topic: TOPIC, count: 1 });
  await playground.groupWith("readers", { state: "Stable", lag: 0 });
  await told(playground, { kind: "fetch", records: VEHICLES.length });

  const moves = await playground.page.evaluate(() => globalThis.moves);
  const of = (kind) => moves.filter((move) => move.kind === kind && move.topic === TOPIC);
  assert.deepEqual([...new Set(of("append").map((move) => move.client))], ["producer-1"]);
  assert.ok(of("fetch").every(({ client }) => /^consumer-\d+$|^headwater/.test(client)), "consumers have names of their own");
  assert.deepEqual([...new Set(of("append").map((move) => move.partition))].sort(), [0, 1, 2, 3]);
  assert.ok(moves.every(({ topic }) => !topic.startsWith("__")), "internal topics are left out");

  const ids = await playground.page.evaluate(() => {
    const { imports, consumers } = globalThis.headwater.api.clients;
    return [...imports, ...consumers].map((client) => client.client_id);
  });
  assert.deepEqual(ids, ["producer-1", "consumer-1"]);

  // A partition's appends follow one another without a gap.
  for (const partition of [0, 1, 2, 3]) {
    let next = 0;
    for (const { first, records } of of("append").filter((move) => move.partition === partition)) {
      assert.equal(first, next);
      next += records;
    }
  }
});

/** Waits until so many records of the topic were told. */
async function told(playground, wanted) {
  await playground.page.waitForFunction(({ kind, records, topic }) => {
    const told = globalThis.moves.filter((move) => move.kind === kind && move.topic === topic);
    return told.reduce((sum, move) => sum + move.records, 0) >= records;
  }, { ...wanted, topic: TOPIC }, { timeout: 60_000 });
}

function watch() {
  globalThis.moves = [];
  const { api } = globalThis.headwater;
  api.addEventListener("broker", ({ detail: { name, content } }) => {
    if (name !== "trace") return;
    for (const { kind, client_id: client, topic, partition, first_offset: first, records } of content.moves) {
      globalThis.moves.push({ kind, client, topic, partition, first: Number(first), records });
    }
  });
  api.watch(true);
}
