// KafkaJS as it comes from npm, in a page, over message ports to a broker's worker.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { options } from "../../js/kafkajs/bundle.mjs";
import { launch, newProfile } from "../lib/browser.mjs";
import { serve } from "../lib/server.mjs";
import { test } from "node:test";

const PACKAGES = fileURLToPath(new URL("../node_modules/", import.meta.url));

test("KafkaJS in a page", { timeout: 300_000 }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "headwater-kafkajs-"));
  await build(options({ packages: PACKAGES, outfile: join(folder, "kafkajs.js") }));
  const server = await serve({ folders: { "kafkajs/": folder } });
  const profile = await newProfile();
  const browser = await launch(profile);
  try {
    const page = await browser.page();
    await page.goto(`${server.url}e2e/conformance.html`);
    await page.evaluate(setUp);
    for (const [name, run] of Object.entries(SCENARIOS)) {
      await t.test(name, async () => assert.deepEqual(await page.evaluate(run), EXPECTED[name]));
    }
    await page.evaluate(() => globalThis.broker.worker.terminate());
  } finally {
    await browser.close();
    await server.close();
    await profile.remove();
    await rm(folder, { recursive: true });
  }
  assert.deepEqual(browser.errors, []);
});

/** In the page: a broker's worker, and a KafkaJS that knows how to get to it. */
async function setUp() {
  const { startBroker } = await import("./broker.mjs");
  const { Kafka, logLevel, overMessagePorts, socketFactory } = await import("../kafkajs/kafkajs.js");
  const broker = await startBroker("kafkajs", { configs: [["group.initial.rebalance.delay.ms", "0"]] });
  const portTo = ({ host }) => {
    const { port1, port2 } = new MessageChannel();
    const node_id = Number(/^broker-(\d+)$/.exec(host)[1]);
    broker.worker.postMessage([{ connect: { node_id } }, port1], [port1]);
    return port2;
  };
  const kafka = new Kafka({
    clientId: "page",
    brokers: ["broker-0:9092"],
    logLevel: logLevel.NOTHING,
    socketFactory: socketFactory(overMessagePorts(portTo)),
  });
  /** Reads a topic as a member of a group until it has so many records. */
  const consume = async (topic, groupId, count, options = {}) => {
    const consumer = kafka.consumer({ groupId, ...options });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    const found = [];
    await new Promise((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      consumer.run({
        eachMessage: async ({ message, partition }) => {
          const headers = Object.fromEntries(Object.entries(message.headers).map(([key, value]) => [key, `${value}`]));
          found.push({ partition, key: `${message.key}`, value: `${message.value}`, headers });
          if (found.length === count) resolve();
        },
      });
    });
    await consumer.disconnect();
    return found;
  };
  Object.assign(globalThis, { broker, kafka, consume });
}

const SCENARIOS = {
  admin: async () => {
    const admin = globalThis.kafka.admin();
    await admin.connect();
    const topics = [{ topic: "transfers" }, { topic: "orders", numPartitions: 3, configEntries: [{ name: "retention.ms", value: "1000000000" }] }];
    const created = await admin.createTopics({ topics });
    const again = await admin.createTopics({ topics });
    const { brokers } = await admin.describeCluster();
    const [{ name, partitions }] = (await admin.fetchTopicMetadata({ topics: ["orders"] })).topics;
    const { resources } = await admin.describeConfigs({
      resources: [{ type: 2, name: "orders", configNames: ["retention.ms"] }],
    });
    await admin.disconnect();
    const [{ configValue }] = resources[0].configEntries;
    return { created, again, brokers, name, partitions: partitions.length, configValue };
  },

  "an idempotent producer sends gzip": async () => {
    const { CompressionTypes } = await import("../kafkajs/kafkajs.js");
    const producer = globalThis.kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    const messages = Array.from({ length: 300 }, (_, index) => ({
      key: `key-${index % 10}`,
      value: `value ${index} ${"compressible ".repeat(20)}`,
      headers: { index: `${index}` },
    }));
    const offsets = [];
    for (let at = 0; at < messages.length; at += 100) {
      const sent = await producer.send({
        topic: "orders", acks: -1, compression: CompressionTypes.GZIP, messages: messages.slice(at, at + 100),
      });
      offsets.push(...sent.map(({ errorCode }) => errorCode));
    }
    await producer.disconnect();
    return { errors: offsets.filter((code) => code !== 0) };
  },

  "a group reads all of it once and goes on where it was": async () => {
    const found = await globalThis.consume("orders", "readers", 300);
    const numbers = found.map(({ headers }) => Number(headers.index)).sort((one, other) => one - other);
    const inOrder = [0, 1, 2].every((partition) => {
      const own = found.filter((one) => one.partition === partition).map(({ headers }) => Number(headers.index));
      return own.every((number, index) => index === 0 || own[index - 1] < number);
    });
    const producer = globalThis.kafka.producer();
    await producer.connect();
    await producer.send({ topic: "orders", messages: [{ key: "late", value: "one more", headers: {} }] });
    await producer.disconnect();
    const late = await globalThis.consume("orders", "readers", 1);
    return {
      all: numbers.every((number, index) => number === index),
      inOrder,
      value: found.every(({ headers, value }) => value.startsWith(`value ${headers.index} compressible`)),
      late: late.map(({ key, value }) => ({ key, value })),
    };
  },

  "a transaction is read whole or not at all": async () => {
    const producer = globalThis.kafka.producer({ transactionalId: "page", idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    for (const [value, end] of [["aborted", "abort"], ["committed", "commit"], ["aborted again", "abort"]]) {
      const transaction = await producer.transaction();
      await transaction.send({ topic: "transfers", messages: [{ value: `${value} 1` }, { value: `${value} 2` }] });
      const topics = [{ topic: "orders", partitions: [{ partition: 0, offset: end === "commit" ? "7" : "9" }] }];
      await transaction.sendOffsets({ consumerGroupId: "movers", topics });
      await transaction[end]();
    }
    await producer.disconnect();
    const admin = globalThis.kafka.admin();
    await admin.connect();
    const [{ partitions }] = await admin.fetchOffsets({ groupId: "movers", topics: ["orders"] });
    await admin.disconnect();
    const found = await globalThis.consume("transfers", "auditors", 2);
    return { found: found.map(({ value }) => value), offset: partitions[0].offset };
  },
};

const EXPECTED = {
  admin: {
    created: true,
    again: false,
    brokers: [{ nodeId: 0, host: "broker-0", port: 9092 }],
    name: "orders",
    partitions: 3,
    configValue: "1000000000",
  },
  "an idempotent producer sends gzip": { errors: [] },
  "a group reads all of it once and goes on where it was": {
    all: true,
    inOrder: true,
    value: true,
    late: [{ key: "late", value: "one more" }],
  },
  "a transaction is read whole or not at all": { found: ["committed 1", "committed 2"], offset: "7" },
};
