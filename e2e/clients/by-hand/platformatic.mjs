// The scenario with @platformatic/kafka, which shares no code with KafkaJS: README.md says how to run it.

import assert from "node:assert/strict";
import zlib from "node:zlib";
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from "@platformatic/kafka";

const [servers, part] = process.argv.slice(2);
// Node has zstd from 22.15 on.
const CODECS = ["none", "gzip", "snappy", "lz4", ...(zlib.zstdCompressSync ? ["zstd"] : [])];
const EACH = 20;
const base = { clientId: "platformatic", bootstrapBrokers: servers.split(","), timeout: 10_000 };
const text = (codec, index) => `${codec} ${index} `.repeat(20);
const name = (topic) => `platformatic-${topic}`;

const producer = (more) => new Producer({ ...base, serializers: stringSerializers, ...more });

function consumer(groupId, more) {
  const timing = { heartbeatInterval: 300, sessionTimeout: 6000, maxWaitTime: 200 };
  return new Consumer({ ...base, groupId, deserializers: stringDeserializers, ...timing, ...more });
}

async function administrate() {
  const admin = new Admin(base);
  const topics = ["codecs", "group", "txn", "order"].map(name);
  await admin.createTopics({ topics, partitions: 3, replicas: 1 });
  await assert.rejects(admin.createTopics({ topics: [name("order")], partitions: 3, replicas: 1 }));
  const configs = [{ name: "retention.ms", configOperation: 0, value: "-1" }];
  await admin.incrementalAlterConfigs({ resources: [{ resourceType: 2, resourceName: name("codecs"), configs }] });
  await admin.createPartitions({ topics: [{ name: name("codecs"), count: 4 }] });
  await admin.deleteTopics({ topics: [name("order")] });
  assert.ok(!(await admin.listTopics()).includes(name("order")));
  await admin.close();
}

/** Reads a topic from its beginning until `wanted` records have come. */
async function read(topic, wanted, isolationLevel = 0) {
  const reader = consumer(`${topic}-reader-${Date.now()}`);
  const stream = await reader.consume({ topics: [name(topic)], mode: "earliest", autocommit: false, isolationLevel });
  const records = [];
  for await (const record of stream) {
    records.push(record);
    if (records.length === wanted) break;
  }
  await reader.close(true);
  return records;
}

async function produce(topic, messages, more) {
  const writer = producer({ idempotent: true, acks: -1, ...more });
  await writer.send({ messages: messages.map((message) => ({ topic: name(topic), ...message })) });
  await writer.close();
}

async function codecs() {
  for (const codec of CODECS) {
    const messages = Array.from({ length: EACH }, (_, index) => ({ key: codec, value: text(codec, index), headers: { codec } }));
    await produce("codecs", messages, { compression: codec });
  }
}

async function checkCodecs() {
  const next = Object.fromEntries(CODECS.map((codec) => [codec, 0]));
  for (const { key, value, headers } of await read("codecs", EACH * CODECS.length)) {
    assert.equal(value, text(key, next[key]++));
    assert.equal(headers.get("codec"), key);
  }
}

async function group() {
  await produce("group", Array.from({ length: 300 }, (_, index) => ({ key: `${index}`, value: `${index}` })));
  const seen = new Set();
  const members = [consumer(name("group")), consumer(name("group"))];
  const streams = [];
  for (const member of members) {
    const stream = await member.consume({ topics: [name("group")], mode: "committed", fallbackMode: "earliest", autocommit: 100 });
    stream.on("data", ({ value }) => seen.add(value));
    streams.push(stream);
  }
  const admin = new Admin(base);
  for (let turn = 0; ; turn++) {
    const described = (await admin.describeGroups({ groups: [name("group")] })).get(name("group"));
    if (seen.size === 300 && described.state === "STABLE" && described.members.size === 2) break;
    assert.ok(turn < 300, `${seen.size} seen, ${described.state}, ${described.members.size} members`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  for (const member of members) await member.close(true);
  await admin.close();
}

async function transactions() {
  const writer = producer({ transactionalId: name("txn"), idempotent: true });
  const messages = (word) => Array.from({ length: 5 }, (_, index) => ({ topic: name("txn"), key: "k", value: `${word} ${index}` }));
  for (const [word, end] of [["committed", "commit"], ["aborted", "abort"], ["later", "commit"]]) {
    const transaction = await writer.beginTransaction();
    await transaction.send({ messages: messages(word) });
    await transaction[end]();
  }
  await writer.close();
}

async function checkTransactions() {
  const values = async (...words) => (await read("txn", ...words)).map(({ value }) => value);
  const all = (...words) => words.flatMap((word) => Array.from({ length: 5 }, (_, index) => `${word} ${index}`));
  assert.deepEqual(await values(10, 1), all("committed", "later"));
  assert.deepEqual(await values(15, 0), all("committed", "aborted", "later"));
}

if (part === "first") for (const step of [administrate, codecs, group, transactions]) await step();
await checkCodecs();
await checkTransactions();
