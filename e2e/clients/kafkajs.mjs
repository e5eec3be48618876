// The scenario with KafkaJS, unchanged from npm.

import assert from "node:assert/strict";
import kafkajs from "kafkajs";

const { CompressionTypes, Kafka, logLevel } = kafkajs;
const [servers, part] = process.argv.slice(2);
const kafka = new Kafka({
  clientId: "kafkajs",
  brokers: servers.split(","),
  logLevel: logLevel.NOTHING,
  retry: { initialRetryTime: 50, retries: 10 },
});
const EACH = 20;
const START_MS = 1_700_000_000_000;
const CODECS = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP };

/** Consumes in a group until `done` says so of what has come; commits what was read. */
async function consume(groupId, topic, done, options = {}) {
  const consumer = kafka.consumer({ groupId, sessionTimeout: 10_000, heartbeatInterval: 500, maxWaitTimeInMs: 200, ...options });
  const seen = [];
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${groupId}: ${seen.length} records, and no more came`)), 30_000);
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    const eachMessage = async ({ partition, message }) => {
      seen.push({ partition, ...message });
      if (done(seen)) {
        clearTimeout(timer);
        resolve();
      }
    };
    consumer.run({ eachMessage, autoCommitThreshold: 1 }).catch(reject);
  });
  await consumer.disconnect();
  return seen;
}

async function adminWork(admin) {
  const topics = ["codecs", "group", "txn"].map((name) => ({ topic: `kafkajs-${name}`, numPartitions: 3 }));
  assert.equal(await admin.createTopics({ topics }), true);
  assert.equal(await admin.createTopics({ topics }), false, "topics are made once");
  const { topics: [described] } = await admin.fetchTopicMetadata({ topics: ["kafkajs-codecs"] });
  assert.equal(described.partitions.length, 3);
  await admin.createPartitions({ topicPartitions: [{ topic: "kafkajs-codecs", count: 4 }] });
  const resource = { type: 2, name: "kafkajs-codecs", configNames: ["retention.ms"] };
  const { resources } = await admin.describeConfigs({ resources: [resource], includeSynonyms: false });
  assert.equal(resources[0].configEntries[0].configValue, "-1", "the server was started with log.retention.ms=-1");
}

async function codecs() {
  const producer = kafka.producer();
  await producer.connect();
  for (const [codec, compression] of Object.entries(CODECS)) {
    const messages = Array.from({ length: EACH }, (_, index) => ({
      key: `${codec}-${index}`,
      value: index === 0 ? null : `${codec} ${index}`,
      partition: compression,
      headers: { codec: [codec, "again"] },
      timestamp: String(START_MS + index),
    }));
    await producer.send({ topic: "kafkajs-codecs", compression, messages, acks: -1 });
  }
  await producer.disconnect();
  await checkCodecs("kafkajs-codecs-1");
}

async function checkCodecs(groupId) {
  const all = EACH * Object.keys(CODECS).length;
  const seen = await consume(groupId, "kafkajs-codecs", ({ length }) => length === all);
  for (const { key, value, headers, timestamp } of seen) {
    const [codec, index] = String(key).split("-");
    assert.equal(value === null ? null : String(value), index === "0" ? null : `${codec} ${index}`);
    assert.deepEqual(headers.codec.map(String), [codec, "again"]);
    assert.equal(timestamp, String(START_MS + Number(index)));
  }
}

async function byTime(admin) {
  const offsets = await admin.fetchTopicOffsetsByTimestamp("kafkajs-codecs", START_MS + 7);
  assert.equal(offsets.find(({ partition }) => partition === 1).offset, "7");
}

/** A second member joins, takes its part, and leaves. */
async function group(admin) {
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const messages = Array.from({ length: 300 }, (_, index) => ({ value: String(index), partition: index % 3 }));
  await producer.send({ topic: "kafkajs-group", messages });
  await producer.disconnect();

  const values = new Set();
  const parts = new Map();
  const members = ["one", "two"].map((name) => {
    const consumer = kafka.consumer({ groupId: "kafkajs-group", sessionTimeout: 10_000, heartbeatInterval: 300, maxWaitTimeInMs: 200 });
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => parts.set(name, payload.memberAssignment["kafkajs-group"] ?? []));
    return consumer;
  });
  for (const consumer of members) {
    await consumer.connect();
    await consumer.subscribe({ topics: ["kafkajs-group"], fromBeginning: true });
    await consumer.run({ eachMessage: async ({ message }) => void values.add(Number(message.value)) });
  }
  await until(() => values.size === 300 && parts.size === 2 && [...parts.values()].flat().length === 3, () => [...parts]);
  assert.ok([...parts.values()].every((part) => part.length > 0), "each has a part");
  for (const consumer of members) await consumer.disconnect();
  await checkCommitted(admin);
}

async function checkCommitted(admin) {
  const [{ partitions }] = await admin.fetchOffsets({ groupId: "kafkajs-group", topics: ["kafkajs-group"] });
  assert.deepEqual(partitions.map(({ offset }) => offset).sort(), ["100", "100", "100"]);
}

async function transactions() {
  const producer = kafka.producer({ transactionalId: "kafkajs-txn", idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const send = (transaction, word) =>
    transaction.send({ topic: "kafkajs-txn", messages: [0, 1, 2].map((index) => ({ value: `${word} ${index}`, partition: 0 })) });
  const first = await producer.transaction();
  await send(first, "committed");
  await first.sendOffsets({ consumerGroupId: "kafkajs-txn", topics: [{ topic: "kafkajs-group", partitions: [{ partition: 0, offset: "42" }] }] });
  await first.commit();
  const second = await producer.transaction();
  await send(second, "aborted");
  await second.abort();
  const third = await producer.transaction();
  await send(third, "later");
  await third.commit();
  await producer.disconnect();
}

async function checkTransactions(admin, groupId) {
  const seen = await consume(groupId, "kafkajs-txn", ({ length }) => length === 6);
  const words = ["committed", "later"];
  assert.deepEqual(seen.map(({ value }) => String(value)), words.flatMap((word) => [0, 1, 2].map((index) => `${word} ${index}`)));
  const [{ partitions }] = await admin.fetchOffsets({ groupId: "kafkajs-txn", topics: ["kafkajs-group"] });
  assert.equal(partitions.find(({ partition }) => partition === 0).offset, "42");
}

async function until(condition, told) {
  for (let waited = 0; !condition(); waited += 50) {
    assert.ok(waited < 30_000, JSON.stringify(told()));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const admin = kafka.admin();
await admin.connect();
if (part === "first") {
  await adminWork(admin);
  await codecs();
  await byTime(admin);
  await group(admin);
  await transactions();
  await checkTransactions(admin, "kafkajs-txn-1");
  await admin.createTopics({ topics: [{ topic: "kafkajs-gone" }] });
  await admin.deleteTopics({ topics: ["kafkajs-gone"] });
  assert.ok(!(await admin.listTopics()).includes("kafkajs-gone"));
  await admin.deleteGroups(["kafkajs-txn-1"]);
} else {
  await checkCodecs("kafkajs-codecs-2");
  await checkCommitted(admin);
  await checkTransactions(admin, "kafkajs-txn-2");
}
await admin.disconnect();
