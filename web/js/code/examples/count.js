// A consumer group counts per key: how many cars are on each road?
const topic = "cars-on-roads";
const total = 60;

const admin = kafka.admin();
await admin.connect();
await admin.createTopics({ topics: [{ topic, numPartitions: 3 }] });
await admin.disconnect();

const counts = new Map();
let seen = 0;
const consumer = kafka.consumer({ groupId: "road-counter" });
await consumer.connect();
await consumer.subscribe({ topic, fromBeginning: true });
await consumer.run({
  eachMessage: async ({ partition, message }) => {
    const road = message.key.toString();
    counts.set(road, (counts.get(road) ?? 0) + 1);
    seen++;
    if (seen % 20 === 0) console.log(`after ${seen} records (the last from partition ${partition}):`, counts);
  },
});

const producer = kafka.producer();
await producer.connect();
const roads = ["A0A1", "A1B1", "B1C1", "C1D1"];
for (let car = 0; car < total; car++) {
  const road = roads[Math.floor(car * 1.7) % roads.length];
  await producer.send({ topic, messages: [{ key: road, value: `car ${car}` }] });
  await sleep(50);
}
await producer.disconnect();

while (seen < total) await sleep(100);
await consumer.disconnect(); // it commits what it has read: the next run goes on there
console.info("counted", seen, "cars:", counts);
