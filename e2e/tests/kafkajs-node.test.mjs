// KafkaJS as it comes from npm, in Node, with the engine in the same process instead of a TCP connection.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import kafkajs from "kafkajs";
import { socketFactory } from "../../js/kafkajs/socket.mjs";
import { MemoryKafka } from "../../js/memory.mjs";

const { CompressionTypes, Kafka, logLevel } = kafkajs;
const FOLDER = process.env.HEADWATER_JS ?? fileURLToPath(new URL("../../target/js/", import.meta.url));

const engine = await import(pathToFileURL(join(FOLDER, "engine.js")));
engine.initSync({ module: await readFile(join(FOLDER, "engine_bg.wasm")) });

function start(how) {
  const cluster = new MemoryKafka(engine, { configs: { "group.initial.rebalance.delay.ms": 0 }, ...how });
  const { brokers, connect } = cluster;
  const options = { clientId: "node", brokers, logLevel: logLevel.NOTHING, socketFactory: socketFactory(connect) };
  return { cluster, kafka: new Kafka(options), impatient: new Kafka({ ...options, retry: { retries: 0 } }) };
}

async function using(client, work) {
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.disconnect();
  }
}

function produce(kafka, topic, values, options = { idempotent: true, maxInFlightRequests: 1 }) {
  const messages = values.map((value) => ({ key: value, value }));
  return using(kafka.producer(options), (producer) =>
    producer.send({ topic, compression: CompressionTypes.GZIP, messages }));
}

/** What a member of a group reads until it has so many records. */
function consume(kafka, topic, groupId, count, options) {
  return using(kafka.consumer({ groupId, maxWaitTimeInMs: 100, ...options }), async (consumer) => {
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    const found = [];
    await new Promise((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
      const eachMessage = async ({ message }) => {
        found.push(`${message.value}`);
        if (found.length === count) resolve();
      };
      consumer.run({ eachMessage });
    });
    return found;
  });
}

for (const brokers of [1, 3]) {
  test(`records go in and come out, ${brokers} brokers`, { timeout: 60_000 }, async () => {
    const began = performance.now();
    const { cluster, kafka, impatient } = start({ brokers });
    const created = await using(kafka.admin(), (admin) =>
      admin.createTopics({ topics: [{ topic: "orders", numPartitions: 6 }], waitForLeaders: true }));
    assert.equal(created, true);
    const firstAnswer = performance.now() - began;
    const expected = Array.from({ length: 500 }, (_, index) => `order ${index}`);
    await produce(kafka, "orders", expected);
    const found = await consume(kafka, "orders", "readers", expected.length);
    assert.deepEqual(found.sort(), expected.sort());
    cluster.close();
    await assert.rejects(using(impatient.admin(), (admin) => admin.listTopics()));
    console.log(`a topic was there ${firstAnswer.toFixed()} ms after the start`);
  });
}

test("a transaction is read whole or not at all, with the offsets that it commits", { timeout: 60_000 }, async () => {
  const { cluster, kafka } = start();
  await using(kafka.admin(), (admin) =>
    admin.createTopics({ topics: [{ topic: "in" }, { topic: "out", numPartitions: 2 }] }));
  await produce(kafka, "in", ["a", "b", "c"]);
  const transactional = kafka.producer({ transactionalId: "copier", idempotent: true, maxInFlightRequests: 1 });
  await using(transactional, async (producer) => {
    const copy = async (prefix, offset, end) => {
      const transaction = await producer.transaction();
      const messages = [0, 1].map((partition) => ({ partition, value: `${prefix} ${partition}` }));
      await transaction.send({ topic: "out", messages });
      const topics = [{ topic: "in", partitions: [{ partition: 0, offset }] }];
      await transaction.sendOffsets({ consumerGroupId: "copiers", topics });
      await transaction[end]();
    };
    await copy("aborted", "3", "abort");
    await copy("committed", "2", "commit");
    await copy("aborted again", "1", "abort");
  });
  await produce(kafka, "out", ["afterwards"]);
  const found = await consume(kafka, "out", "readers", 3);
  assert.deepEqual(found.sort(), ["afterwards", "committed 0", "committed 1"]);
  const all = await consume(kafka, "out", "curious", 7, { readUncommitted: true });
  assert.equal(all.filter((value) => value.startsWith("aborted")).length, 4);
  const [{ partitions }] = await using(kafka.admin(), (admin) =>
    admin.fetchOffsets({ groupId: "copiers", topics: ["in"] }));
  assert.deepEqual(partitions.map(({ offset }) => offset), ["2"]);
  cluster.close();
});

test("clusters know nothing of each other", { timeout: 60_000 }, async () => {
  const [one, other] = [start(), start()];
  await using(one.kafka.admin(), (admin) => admin.createTopics({ topics: [{ topic: "mine" }] }));
  assert.deepEqual(await using(one.kafka.admin(), (admin) => admin.listTopics()), ["mine"]);
  assert.deepEqual(await using(other.kafka.admin(), (admin) => admin.listTopics()), []);
  one.cluster.close();
  other.cluster.close();
});

test("a config that does not exist is refused with its name", () => {
  assert.throws(() => start({ configs: { "no.such.key": 1 } }), /no\.such\.key/);
});
