// What a lesson does with KafkaJS, unmodified, against the tab's brokers: a retry after an answer that was lost, and a
// program that reads, writes and commits in transactions. Loaded when a step needs it.

import { Kafka, logLevel, overMessagePorts, socketFactory } from "../../../js/kafkajs/browser.mjs";
import { leadersOf } from "./facts.js";
import { losingAnAnswer } from "./wire.js";

const CLIENT_ID = "lesson";
/** Longer than any wait for an answer in one tab. */
const RETRY = { initialRetryTime: 100, retries: 8 };
/** So many fetches of the topic's broker that bring nothing say that nothing more comes. */
const EMPTY_FETCHES = 2;

/** KafkaJS over connections of the page's own; `wrap` may change what goes over them. */
function kafkaFor(api, wrap = (connect) => connect) {
  const portTo = ({ host }) => api.port(Number(/(\d+)$/.exec(host)?.[1] ?? 0));
  const brokers = api.standing.brokers.map(({ nodeId }) => `broker-${nodeId}:9092`);
  const connect = wrap(overMessagePorts(portTo));
  return new Kafka({ clientId: CLIENT_ID, brokers, logLevel: logLevel.NOTHING, retry: RETRY, socketFactory: socketFactory(connect) });
}

/**
 * Sends records one after the other. The answer to the one with the number `lose` is taken from the wire, and the connection
 * ends, as when a network breaks: the producer sends that record again.
 */
export async function lostAnswer({ api, tell, freshTopic }, { topic, records, lose, idempotent }) {
  await freshTopic(topic);
  const wire = losingAnAnswer();
  const producer = kafkaFor(api, wire.wrap).producer({ idempotent, maxInFlightRequests: 1, allowAutoTopicCreation: false });
  await producer.connect();
  try {
    for (const [index, value] of records.entries()) {
      if (index + 1 === lose) wire.loseNext();
      const [{ baseOffset }] = await producer.send({ topic, acks: -1, messages: [{ value }] });
      if (index + 1 === lose) tell("answer_lost", { value });
      tell("acknowledged", { value, offset: baseOffset });
    }
  } finally {
    await producer.disconnect();
  }
}

/**
 * A program that reads bills and writes a receipt for each, in one transaction with the offset up to which it has read.
 * With `crash-after` it ends after so many receipts, before it commits, as a crash would end it. Gives the offset that was committed.
 */
export async function book({ api, tell, ensureTopic }, { from, to, group, "crash-after": crashAfter }) {
  await ensureTopic(to);
  const kafka = kafkaFor(api);
  const bills = await uncommitted(kafka, api, from, group);
  const producer = kafka.producer({ transactionalId: group, idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false });
  await producer.connect();
  const transaction = await producer.transaction();
  tell("transaction_begun", { offset: bills[0]?.offset ?? 0, count: bills.length });
  for (const [index, { value }] of bills.entries()) {
    if (index === crashAfter) {
      tell("crashed", { count: index });
      // The transaction stays open: nobody says what is to become of it.
      await producer.disconnect();
      return 0;
    }
    await transaction.send({ topic: to, messages: [{ value: `receipt for ${value}` }] });
  }
  const next = bills.length === 0 ? 0 : bills.at(-1).offset + 1;
  if (bills.length > 0) {
    const partitions = [{ partition: 0, offset: String(next) }];
    await transaction.sendOffsets({ consumerGroupId: group, topics: [{ topic: from, partitions }] });
  }
  await transaction.commit();
  tell("committed", { count: bills.length, offset: next });
  await producer.disconnect();
  return next;
}

/** The records of partition 0 that the group has not committed yet. */
async function uncommitted(kafka, api, topic, groupId) {
  const admin = kafka.admin();
  await admin.connect();
  const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [topic] });
  await admin.disconnect();
  const committed = Number(partitions.find(({ partition }) => partition === 0)?.offset ?? -1);
  const read = { topic, partition: 0, from: { offset: BigInt(Math.max(committed, 0)) }, max_records: 500 };
  const { records } = await api.request({ read });
  return records.records.map(({ offset, value }) => ({ offset: Number(offset), value: value?.text ?? "" }));
}

/** Counts what a consumer reads of a topic that asks for committed records alone. */
export async function countCommitted({ api, kept, tell }, { topic }) {
  const [leader] = leadersOf(api, topic) ?? [];
  if (leader === undefined) return tell("no_topic_yet", { topic });
  const kafka = kafkaFor(api);
  const groupId = "lesson-committed-counter";
  const consumer = kafka.consumer({ groupId, readUncommitted: false, sessionTimeout: 10_000, maxWaitTimeInMs: 300 });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  let count = 0;
  let empty = 0;
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    // A fetch is told before the batches that it brought, those without a record to show among them.
    consumer.on(consumer.events.FETCH, ({ payload }) => {
      if (Number(payload.nodeId) === leader && ++empty > EMPTY_FETCHES) resolve();
    });
    consumer.on(consumer.events.END_BATCH_PROCESS, () => { empty = 0; });
    const eachBatch = async ({ batch }) => { count += batch.messages.length; };
    consumer.run({ autoCommit: false, eachBatch }).catch(reject);
  });
  await consumer.disconnect();
  const admin = kafka.admin();
  await admin.connect();
  await admin.deleteGroups([groupId]);
  await admin.disconnect();
  kept.notes.committed = { ...kept.notes.committed, [topic]: count };
  tell("counted_committed", { topic, count });
}
