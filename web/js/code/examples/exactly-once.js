// Exactly once: read payments, write the large ones to another topic, and commit
// the offsets in the same transaction. Either all of it counts or nothing does.
const [from, to, groupId] = ["payments", "payments-to-check", "checker"];
const limit = 900;

const admin = kafka.admin();
await admin.connect();
await admin.createTopics({ topics: [{ topic: from, numPartitions: 2 }, { topic: to, numPartitions: 2 }] });

const payments = Array.from({ length: 100 }, (_, id) => ({ id, card: `card-${id % 7}`, amount: (id * 37) % 1000 }));
const source = kafka.producer();
await source.connect();
await source.send({
  topic: from,
  messages: payments.map((payment) => ({ key: payment.card, value: JSON.stringify(payment) })),
});
await source.disconnect();

const producer = kafka.producer({ transactionalId: "payment-checker", idempotent: true, maxInFlightRequests: 1 });
const consumer = kafka.consumer({ groupId, readUncommitted: false });
await producer.connect();
await consumer.connect();
await consumer.subscribe({ topic: from, fromBeginning: true });

let read = 0;
await consumer.run({
  autoCommit: false,
  eachBatch: async ({ batch, resolveOffset, heartbeat }) => {
    const large = batch.messages.filter(({ value }) => JSON.parse(value).amount >= limit);
    const transaction = await producer.transaction();
    try {
      if (large.length > 0) {
        await transaction.send({ topic: to, messages: large.map(({ key, value }) => ({ key, value })) });
      }
      const next = String(BigInt(batch.lastOffset()) + 1n);
      const topics = [{ topic: from, partitions: [{ partition: batch.partition, offset: next }] }];
      await transaction.sendOffsets({ consumerGroupId: groupId, topics });
      await transaction.commit();
    } catch (error) {
      await transaction.abort(); // nothing of it is ever read
      throw error;
    }
    resolveOffset(batch.lastOffset());
    await heartbeat();
    read += batch.messages.length;
    console.log(`partition ${batch.partition}: ${batch.messages.length} payments, ${large.length} to check`);
  },
});

while (read < payments.length) await sleep(100);
await consumer.disconnect();
await producer.disconnect();

const committed = await admin.fetchOffsets({ groupId, topics: [from] });
console.info("committed with the records:", committed[0].partitions);
await admin.disconnect();
