// A log as it is stored: segments, indexes, and where a record lies, held against the batches that a client of the tests' own sent.

import assert from "node:assert/strict";
import { control, figure, inspect } from "../lib/inspector.mjs";
import { browserTest } from "../lib/test.mjs";

const BATCHES = 12;
const VALUE = "x".repeat(9000);

browserTest("a partition shows its segments with their indexes, a record the batch and segment it lies in", async ({ open }) => {
  const playground = await open();
  const sizes = await playground.kafka(async (connection, { recordBatch }, [batches, value]) => {
    await connection.createTopic("stored", 1, { "segment.bytes": "40000", "index.interval.bytes": "4096" });
    const lengths = [];
    for (let number = 0; number < batches; number++) {
      const batch = recordBatch([{ key: `k${number}`, value }, { key: "second", value: "in the same batch" }]);
      lengths.push(batch.length);
      await connection.produce("stored", 0, batch);
    }
    return lengths;
  }, [BATCHES, VALUE]);
  await inspect(playground, "go-topic-stored", "go-partition-0");
  await figure(playground, "log-segments", "3");
  // Four batches of 9 kB are in a segment of 40,000 bytes: eight offsets.
  await figure(playground, "segment-name", "00000000000000000016.log");
  await control(playground, "segment-8").click();
  await figure(playground, "segment-name", "00000000000000000008.log");
  assert.equal(await control(playground, "segment-8").getAttribute("aria-pressed"), "true");
  assert.ok((await control(playground, "offset-index").locator("tbody tr").count()) >= 1, "it has index entries");

  await control(playground, "partition-offset").fill("13");
  await control(playground, "partition-look").click();
  await figure(playground, "stored-segment", "00000000000000000008.log");
  assert.match(await control(playground, "stored-batch").innerText(), /^offsets 12 to 13, records: 2, /);
  assert.equal(await control(playground, "stored-position").innerText(), `${(sizes[4] + sizes[5]).toLocaleString("en")} bytes in`);
  assert.equal(await control(playground, "stored-producer").innerText(), "none: not idempotent");
  await control(playground, "go-segment").click();
  await figure(playground, "segment-name", "00000000000000000008.log");
});
