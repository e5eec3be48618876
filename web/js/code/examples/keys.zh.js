// 一个生产者：键相同的记录进入同一个分区，并保持顺序。
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
  await sleep(200); // 放慢一点，好看清楚
}

await producer.disconnect();
