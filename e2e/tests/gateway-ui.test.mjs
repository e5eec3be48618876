// The page as `headwater serve --ui` serves it: it shows and drives the brokers of that server.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import kafkajs from "kafkajs";
import { parse, pause, socketUrl, write } from "../../web/js/gateway/wire.js";
import { launch, newProfile } from "../lib/browser.mjs";
import { CodePane } from "../lib/code-pane.mjs";
import { serve } from "../lib/gateway.mjs";
import { Playground, VEHICLES } from "../lib/playground.mjs";
import { DIST } from "../lib/server.mjs";

const { Kafka, logLevel } = kafkajs;
const LONG = { timeout: 60_000 };
const TOPIC = "vehicles";
const FOLDER = await mkdtemp(join(tmpdir(), "headwater-ui-"));

after(() => rm(FOLDER, { recursive: true, force: true }));

test("integers of 64 bits are bigints, whatever else is in a message", () => {
  assert.deepEqual(parse('{"a":{"$":"9223372036854775807"},"b":[{"$":"-1"},4000000000,0.5,null,true,"{\\"$\\":\\"1\\"}"]}'),
    { a: 2n ** 63n - 1n, b: [-1n, 4_000_000_000, 0.5, null, true, '{"$":"1"}'] });
});

test("a message for a gateway has its bigints as numbers of all their digits", () => {
  assert.equal(write({ id: 2n ** 63n - 1n, topic: '{"$":"1"}', offset: undefined }), '{"id":9223372036854775807,"topic":"{\\"$\\":\\"1\\"}"}');
});

test("a gateway's sockets are beside its page, and it is asked ever more seldom", () => {
  assert.equal(socketUrl("kafka/1", "http://127.0.0.1:8080/index.html?a#b"), "ws://127.0.0.1:8080/kafka/1");
  assert.equal(socketUrl("broker/0", "https://kafka.example/"), "wss://kafka.example/broker/0");
  assert.deepEqual([0, 1, 4, 5, 50].map(pause), [250, 500, 4_000, 5_000, 5_000]);
});

/** A server with the page, a browser, and the page opened from it. `run` gets `{ playground, server, start, browser }`. */
function gatewayTest(name, words, run, { expectedErrors = [] } = {}) {
  test(name, { timeout: 180_000 }, async () => {
    const start = (more) => serve([...words, "--ui-files", DIST, ...more]);
    const server = await start(["--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--ui", "127.0.0.1:0"]);
    const servers = [server];
    const profile = await newProfile();
    const browser = await launch(profile);
    try {
      const playground = await Playground.open(browser, { url: server.ui });
      await run({ playground, server, browser, start: async (more) => servers[servers.push(await start(more)) - 1] });
    } finally {
      await browser.close();
      await profile.remove();
      servers.forEach((started) => started.kill());
    }
    const unexpected = browser.errors.filter((error) => !expectedErrors.some((expected) => expected.test(error)));
    assert.deepEqual(unexpected, [], "no page and no worker reports an error");
  });
}

const kafkaOf = ({ addresses }) => new Kafka({ clientId: "elsewhere", brokers: addresses, logLevel: logLevel.NOTHING });

/** All values of a topic, by a consumer over TCP. */
async function consumed(kafka, topic, count) {
  const consumer = kafka.consumer({ groupId: `g-${topic}-${count}` });
  const values = [];
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    const eachMessage = async ({ message }) => {
      if (values.push(message.value.toString()) === count) resolve();
    };
    consumer.run({ eachMessage }).catch(reject);
  });
  await consumer.disconnect();
  return values;
}

gatewayTest("what the page produces is read over TCP, and what comes over TCP is seen on the page", [], async ({ playground, server, browser }) => {
  const { page } = playground;
  const kafka = kafkaOf(server);
  assert.match(await playground.id("gateway").innerText(), new RegExp(`Gateway at ${new URL(server.ui).host}: its brokers run there`));
  assert.deepEqual((await playground.brokers()).map(({ state }) => state), ["running", "running"]);
  for (const id of ["terminate-worker-0", "clear-all", "worker-count", "storage-status"]) {
    assert.equal(await page.locator(`[data-testid="${id}"]:visible, #${id}:visible`).count(), 0, `${id} is of a browser's brokers`);
  }
  assert.equal(await page.getByText(/^(Terminate|Lessons)/).filter({ visible: true }).count(), 0);

  await page.evaluate(() => {
    const { api } = globalThis.headwater;
    globalThis.moved = 0;
    api.addEventListener("broker", ({ detail: { name, content } }) => {
      if (name === "trace") content.moves.forEach(({ kind, records }) => (globalThis.moved += kind === "append" ? records : 0));
    });
    api.watch(true);
  });
  await playground.produce({ topic: TOPIC, partitions: 4 });
  await playground.imported();
  await playground.showsRecords(TOPIC, VEHICLES.length);
  await page.waitForFunction((all) => globalThis.moved === all, VEHICLES.length, LONG);
  const [row] = await playground.read({ topic: TOPIC, partition: 0 });
  assert.equal(row.offset, 0);
  const log = await page.evaluate((topic) => globalThis.headwater.api.describeLog(topic, 1, 5).then(({ high_watermark, segments }) =>
    ({ end: Number(high_watermark), segments: segments.length })), TOPIC);
  assert.deepEqual(log, { end: (await playground.partitions(TOPIC))[1].end, segments: 1 });
  const values = await consumed(kafka, TOPIC, VEHICLES.length);
  assert.deepEqual(values.sort(), [...VEHICLES].sort());

  const producer = kafka.producer();
  await producer.connect();
  await kafka.admin().createTopics({ topics: [{ topic: "elsewhere", numPartitions: 2 }] });
  await producer.send({ topic: "elsewhere", messages: Array.from({ length: 7 }, (_, at) => ({ value: `v${at}` })) });
  await producer.disconnect();
  await playground.showsRecords("elsewhere", 7);

  // Groups of the page and of others are the same groups.
  await playground.consume({ group: "readers", topic: TOPIC, count: 2 });
  await playground.groupWith("readers", { state: "Stable", lag: 0 });

  // Another tab works with the gateway by itself.
  const second = await Playground.open(browser, { url: server.ui });
  assert.equal(await second.id("broker-state").getAttribute("data-guest"), "false");
  await second.showsRecords(TOPIC, VEHICLES.length);
  assert.equal(await page.evaluate(() => globalThis.indexedDB.databases().then((all) => all.length)), 0, "nothing is stored here");
});

gatewayTest("a server that is killed is missed, and found again by itself", ["--storage", `dir:${FOLDER}`], async ({ playground, server, start }) => {
  await playground.produce({ topic: TOPIC, partitions: 2 });
  await playground.imported();
  const stated = (state) => playground.page.locator(`[data-testid="gateway"][data-state="${state}"]`).waitFor(LONG);
  server.kill();
  await stated("lost");
  assert.match(await playground.id("gateway").innerText(), /does not answer.*connects again by itself/);
  const words = ["--ui", new URL(server.ui).host, ...server.addresses.flatMap((address) => ["--listen", address])];
  const again = await start(words);
  await stated("there");
  await playground.running();
  await playground.showsRecords(TOPIC, VEHICLES.length);
  await playground.produceAgain({ topic: TOPIC });
  await playground.showsRecords(TOPIC, 2 * VEHICLES.length);
  assert.equal((await consumed(kafkaOf(again), TOPIC, 2 * VEHICLES.length)).length, 2 * VEHICLES.length);
}, { expectedErrors: [/WebSocket connection to .* failed/] });

gatewayTest("your own code runs against the gateway's brokers", [], async ({ playground, server }) => {
  const code = await CodePane.open(playground.page);
  await code.id("example").selectOption("keys");
  await code.run();
  await code.is("done");
  assert.equal((await consumed(kafkaOf(server), "rides", 100)).length, 100);
});
