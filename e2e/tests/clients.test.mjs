// Producers and consumers that are changed while they run, as the page's modules do it.

import assert from "node:assert/strict";
import { browserTest } from "../lib/test.mjs";

const TOPIC = "numbers";

browserTest("the rate of producers and consumers changes while they run, and lag is told in time", async ({ open }) => {
  const playground = await open();
  const started = await request(playground, {
    import: { source: { synthetic: { records: 1_000_000, value_size: 50 } }, topic: TOPIC, partitions: 1, records_per_s: 20 },
  });
  const producer = started["import-started"].import;
  await until(playground, ({ imports: [{ acknowledged }] }) => acknowledged >= 20);

  const reader = await request(playground, { "start-consumer": { group: "g", topic: TOPIC, records_per_s: 1 } });
  const consumer = reader["consumer-started"].consumer;
  await until(playground, ({ consumers: [{ partitions: [read] }] }) => read?.lag_ms > 0 && read.end_offset > read.position);

  await request(playground, { "set-rate": { consumer } });
  await until(playground, ({ consumers: [{ records, partitions: [read] }] }) => records > 20 && read.lag_ms === 0);
  await request(playground, { "set-rate": { import: producer, records_per_s: 100_000 } });
  const { imports: [{ request: asked }] } = await until(playground, ({ imports: [{ acknowledged }] }) => acknowledged > 100_000);
  assert.equal(asked.records_per_s, 100_000);

  await request(playground, { "stop-import": { import: producer } });
  await assert.rejects(request(playground, { "set-rate": { import: 99, records_per_s: 1 } }), /does not run/);
});

browserTest("a producer has the settings that are asked for, and wrong ones are refused", async ({ open }) => {
  const playground = await open();
  const source = { synthetic: { records: 5_000, value_size: 100 } };
  const wrong = request(playground, { import: { source, topic: TOPIC, acks: "1", idempotence: true } });
  await assert.rejects(wrong, /acks must be all/);

  for (const [index, compression] of ["none", "gzip", "snappy", "lz4", "zstd"].entries()) {
    const topic = `${TOPIC}-${compression}`;
    await request(playground, { import: { source, topic, acks: ["0", "1", "all"][index % 3], compression } });
    await playground.showsRecords(topic, 5_000);
  }
  const [{ bytes: plain }] = await playground.partitions(`${TOPIC}-none`);
  const [{ bytes: packed }] = await playground.partitions(`${TOPIC}-zstd`);
  assert.ok(packed * 2 < plain, `${packed} of ${plain} bytes`);
});

browserTest("configs of a topic are set and taken back", async ({ open }) => {
  const playground = await open();
  const configs = () => playground.page.evaluate(() => [...globalThis.headwater.api.brokers.values()][0].topics[0].configs);
  await request(playground, { "create-topic": { name: TOPIC, partitions: 1, configs: [] } });
  await request(playground, { "alter-configs": { topic: TOPIC, configs: [["retention.ms", "60000"]] } });
  await playground.page.waitForFunction(() => [...globalThis.headwater.api.brokers.values()][0].topics[0]?.configs.length === 1);
  assert.deepEqual(await configs(), [["retention.ms", "60000"]]);
  await request(playground, { "alter-configs": { topic: TOPIC, configs: [["retention.ms", undefined]] } });
  await playground.page.waitForFunction(() => [...globalThis.headwater.api.brokers.values()][0].topics[0].configs.length === 0);
  const wrong = request(playground, { "alter-configs": { topic: TOPIC, configs: [["retention.ms", "soon"]] } });
  await assert.rejects(wrong, /retention.ms/);
});

/** Asks the clients' worker by the page's own way. */
function request(playground, message) {
  return playground.page.evaluate((asked) => globalThis.headwater.api.request(asked), message);
}

/** Waits until the clients stand as wanted, and gives how they stand. */
async function until(playground, wanted) {
  const handle = await playground.page.waitForFunction((text) => {
    const { clients } = globalThis.headwater.api;
    try {
      return (0, eval)(text)(clients) && clients;
    } catch {
      // There is no such client yet.
      return false;
    }
  }, wanted.toString(), { timeout: 60_000 });
  return handle.jsonValue();
}
