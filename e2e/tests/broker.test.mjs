// The broker's worker alone, without the page: what it says to the page, that one of two has the storage, and that
// whatever it acknowledged survives its end at any moment.

import assert from "node:assert/strict";
import { browserTest } from "../lib/test.mjs";

browserTest("a broker's worker keeps what it acknowledged when it is terminated", async ({ browser, server }) => {
  const page = await open(browser(), server);
  const { failures, rounds } = await page.evaluate(terminateWhileProducing);
  assert.deepEqual(failures, []);
  assert.ok(rounds.every(({ acknowledged }) => acknowledged > 0), JSON.stringify(rounds));
});

browserTest("the second worker on one storage waits for the first", async ({ browser, server }) => {
  const page = await open(browser(), server);
  const said = await page.evaluate(async () => {
    const { startBroker } = await import("./broker.mjs");
    const first = await startBroker("shared");
    const second = await startBroker("shared", { until: "waiting" });
    first.worker.terminate();
    await second.heard("ready");
    const said = second.said.map(({ name }) => name).filter((name) => name !== "snapshot" && name !== "event");
    second.destroy();
    await second.heard("destroyed");
    const left = (await indexedDB.databases()).map(({ name }) => name);
    second.worker.terminate();
    return { said, left };
  });
  assert.deepEqual(said, { said: ["loaded", "waiting", "ready"], left: [] });
});

browserTest("bytes that are no Kafka request close their connection only", async ({ browser, server }) => {
  const page = await open(browser(), server);
  const result = await page.evaluate(async () => {
    const { startBroker } = await import("./broker.mjs");
    const broker = await startBroker("bad-bytes");
    const good = broker.connect();
    for (const bad of [new Uint8Array(0), new Uint8Array([1, 2, 3]), new TextEncoder().encode("GET / HTTP/1.1")]) {
      const connection = broker.connect();
      connection.sendRaw(bad);
      await connection.closed;
    }
    const created = await good.createTopic("topic", 1);
    await broker.heard("snapshot", ({ errors, topics }) => errors.length > 0 && topics.length === 1);
    broker.worker.terminate();
    return { created };
  });
  assert.deepEqual(result, { created: 0 });
});

async function open(browser, server) {
  const page = await browser.page();
  await page.goto(`${server.url}e2e/conformance.html`);
  return page;
}

/** Runs in the page. Producers without pause; the worker ends at some moment; then everything acknowledged is read. */
async function terminateWhileProducing() {
  const { startBroker } = await import("./broker.mjs");
  const { recordBatch } = await import("./kafka.mjs");
  const failures = [];
  const rounds = [];
  const acknowledged = [new Map(), new Map(), new Map()];
  let next = 0;
  for (let round = 0; round < 6; round++) {
    const broker = await startBroker("terminated");
    if (round === 0) await broker.connect().createTopic("topic", 3, { "segment.bytes": "200000" });
    const reader = broker.connect();
    for (const [partition, expected] of acknowledged.entries()) {
      const records = await reader.readAll("topic", partition);
      records.forEach(({ offset }, index) => {
        if (offset !== BigInt(index)) failures.push(`round ${round}: offset ${offset} at ${index}`);
      });
      const found = new Map(records.map(({ offset, value }) => [offset, value]));
      for (const [offset, value] of expected) {
        if (found.get(offset) !== value) failures.push(`round ${round}: ${partition}-${offset} is lost`);
      }
    }
    let ended = false;
    let count = 0;
    const producer = async (partition) => {
      const connection = broker.connect();
      while (!ended) {
        const value = `value ${next++} ${"x".repeat(next % 3000)}`;
        const answer = connection.produce("topic", partition, recordBatch([{ key: null, value }]));
        const { errorCode, baseOffset } = await answer;
        if (errorCode !== 0) failures.push(`round ${round}: error ${errorCode}`);
        acknowledged[partition].set(baseOffset, value);
        count++;
      }
    };
    for (let i = 0; i < 9; i++) producer(i % 3);
    await new Promise((resolve) => setTimeout(resolve, 300 + 130 * round));
    broker.worker.terminate();
    ended = true;
    rounds.push({ acknowledged: count });
  }
  return { failures: failures.slice(0, 10), rounds };
}
