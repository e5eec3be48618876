// A producer: records with the same key go to the same partition, in order.
const topic = "rides";

const admin = kafka.admin();
await admin.connect();
await admin.createTopics({ topics: [{ topic, numPartitions: 3 }] });
await admin.disconnect();

const producer = kafka.producer({ idempotent: true });
await producer.connect();

const cars = ["red", "green", "blue", "white", "black"];
for (let minute = 0; minute < 20; minute++) {
  const messages = cars.map((car) => ({
    key: car,
    value: JSON.stringify({ car, minute, km: minute * 1.5 }),
  }));
  const sent = await producer.send({ topic, messages });
  const places = sent.map(({ partition, baseOffset }) => `partition ${partition} from offset ${baseOffset}`);
  console.log(`minute ${minute}: ${places.join(", ")}`);
  await sleep(200); // slow enough to watch
}

await producer.disconnect();
