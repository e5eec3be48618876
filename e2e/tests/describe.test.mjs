// A partition's log as it is stored: segments, indexes, producers, and where a record lies.

import assert from "node:assert/strict";
import { browserTest } from "../lib/test.mjs";

const TOPIC = "numbers";
const RECORDS = 20_000;

browserTest("the leader tells of a log's segments, and where a record lies; guests are told too", async ({ open }) => {
  const playground = await open();
  await playground.page.evaluate((asked) => globalThis.headwater.api.request(asked), {
    import: {
      source: { synthetic: { records: RECORDS, value_size: 200 } },
      topic: TOPIC,
      compression: "lz4",
      configs: [["segment.bytes", "65536"]],
    },
  });
  await playground.showsRecords(TOPIC, RECORDS);
  const log = await describe(playground, TOPIC, 0);
  assert.equal(log.high_watermark, BigInt(RECORDS));
  assert.ok(log.segments.length >= 2, `${log.segments.length} segments`);
  assert.deepEqual(log.segments.map((segment) => segment.end_offset), [...log.segments.slice(1).map((s) => s.base_offset), BigInt(RECORDS)]);
  assert.equal(log.producers.length, 1);
  assert.equal(log.producers[0].last_sequence, RECORDS - 1);

  const { batch } = await describe(playground, TOPIC, 0, RECORDS - 1);
  assert.equal(batch.compression, "lz4");
  assert.equal(batch.producer_id, log.producers[0].producer_id);
  assert.equal(batch.last_offset, BigInt(RECORDS - 1));
  assert.equal(BigInt(batch.base_sequence), batch.base_offset, "one producer has sent all");
  assert.equal(batch.segment, log.segments.at(-1).base_offset);

  await assert.rejects(describe(playground, TOPIC, 0, RECORDS), /offsets from 0 to 20000/);
  await assert.rejects(describe(playground, TOPIC, 1), /no partition 1/);

  const guest = await open();
  await guest.isGuest();
  await guest.showsRecords(TOPIC, RECORDS);
  assert.deepEqual(await describe(guest, TOPIC, 0), log);
});

function describe(playground, topic, partition, offset) {
  const ask = ([topic, partition, offset]) => globalThis.headwater.api.describeLog(topic, partition, offset);
  return playground.page.evaluate(ask, [topic, partition, offset]);
}
