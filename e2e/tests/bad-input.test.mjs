// What no honest client sends: Kafka's error, counted where a person sees it, and nothing else disturbed.

import assert from "node:assert/strict";
import { browserTest } from "../lib/test.mjs";

const CORRUPT_MESSAGE = 2;
const UNKNOWN_TOPIC_OR_PARTITION = 3;
const MESSAGE_TOO_LARGE = 10;
const INVALID_RECORD = 87;

browserTest("frames and batches that are wrong are refused, counted and shown", async ({ open }) => {
  const playground = await open({ workers: 1 });
  const answers = await playground.kafka(async (connection, { recordBatch }) => {
    await connection.createTopic("t", 1, { "max.message.bytes": "2000" });
    const good = () => recordBatch([{ key: "k", value: "v" }]);
    const wrongCrc = good();
    wrongCrc[wrongCrc.length - 2] ^= 1;
    const wrongLength = good();
    new DataView(wrongLength.buffer).setInt32(8, wrongLength.length + 100);
    const large = recordBatch([{ key: "k", value: "x".repeat(5000) }]);
    const code = async (topic, batch) => (await connection.produce(topic, 0, batch)).errorCode;
    return {
      good: await code("t", good()),
      wrongCrc: await code("t", wrongCrc),
      wrongLength: await code("t", wrongLength),
      noBatch: await code("t", new Uint8Array([1, 2, 3])),
      large: await code("t", large),
      noTopic: await code("nowhere", good()),
      goodAgain: await code("t", good()),
    };
  });
  assert.deepEqual(answers, {
    good: 0,
    wrongCrc: CORRUPT_MESSAGE,
    wrongLength: INVALID_RECORD,
    noBatch: INVALID_RECORD,
    large: MESSAGE_TOO_LARGE,
    noTopic: UNKNOWN_TOPIC_OR_PARTITION,
    goodAgain: 0,
  });
  await showsErrors(playground, "CORRUPT_MESSAGE", 1);
  await showsErrors(playground, "INVALID_RECORD", 2);
  await showsErrors(playground, "MESSAGE_TOO_LARGE", 1);
  await showsErrors(playground, "UNKNOWN_TOPIC_OR_PARTITION", 1);
  assert.equal((await playground.everyRecord("t", 1)).length, 2, "what was refused is not there");
});

browserTest("bytes that are no request close that connection and no other", async ({ open }) => {
  const playground = await open({ workers: 1 });
  const frames = {
    garbage: [...new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n")],
    empty: [],
    cutOff: [0, 0, 0, 7, 0, 0, 0, 1],
    unknownApi: [3, 231, 0, 0, 0, 0, 0, 1, 255, 255],
  };
  for (const [name, bytes] of Object.entries(frames)) {
    const left = await playground.kafka(async (connection, _module, frame) => {
      connection.sendRaw(new Uint8Array(frame));
      const late = new Promise((resolve) => setTimeout(() => resolve("open"), 3000));
      return Promise.race([connection.closed.then(() => "closed"), late]);
    }, bytes);
    assert.equal(left, "closed", name);
  }
  await playground.page.waitForFunction((least) => {
    const counts = [...document.querySelectorAll('[data-testid^="error-count-"]')].map((row) => Number(row.dataset.count));
    return counts.reduce((sum, count) => sum + count, 0) >= least;
  }, Object.keys(frames).length, { timeout: 10_000 });
  const answered = await playground.kafka((connection) => connection.createTopic("after", 1));
  assert.equal(answered, 0);
});

async function showsErrors(playground, error, count) {
  await playground.page.locator(`[data-testid="error-count-${error}"][data-count="${count}"]`).waitFor({ timeout: 10_000 });
}
