// What is measured, in the page. The engine's part starts workers and joins them exactly as the playground does; the rest
// runs in a dedicated worker too.

import { Cluster } from "./cluster.js";

const VALUE_BYTES = 100;

globalThis.bench = {
  /** Records from the clients' worker over the brokers' into IndexedDB, all acknowledged; then all of them read. */
  async engine({ name, records, valueBytes = VALUE_BYTES, partitions, strict, brokers = 1 }) {
    const cluster = await Cluster.start(name, brokers);
    const configs = strict ? [["flush.messages", "1"]] : [];
    const produced = await cluster.produceSynthetic({ topic: "bench", records, valueBytes, partitions, configs });
    const consumed = await cluster.request({ "consume-all": { topic: "bench" } });
    if (Number(consumed.records) !== records) throw new Error(`${consumed.records} of ${records} records were consumed`);
    const storedBytes = await cluster.storedBytes("bench", records);
    const memoryBytes = cluster.maxMemoryBytes();
    await cluster.destroy();
    return { producedMs: produced.elapsed_ms, consumedMs: consumed.elapsed_ms, storedBytes, memoryBytes };
  },

  /** One record at a time, each acknowledged before the next. Answers the milliseconds of each. */
  async latency({ name, count }) {
    const cluster = await Cluster.start(name);
    await cluster.request({ "create-topic": { name: "bench", partitions: 1, configs: [] } });
    const record = { topic: "bench", partition: 0, value: "x".repeat(VALUE_BYTES), headers: [] };
    const times = [];
    for (let sent = 0; sent < count; sent++) {
      const start = performance.now();
      await cluster.request({ send: record });
      times.push(performance.now() - start);
    }
    await cluster.destroy();
    return times;
  },

  /** An export of the worker's module that measures IndexedDB bare. */
  raw: (name, ...args) => inWorker("./raw-worker.js", { name, args }),
  dexie: (count) => inWorker("./dexie-worker.js", { count, valueBytes: VALUE_BYTES }),
  pglite: (count) => inWorker("./pglite-worker.js", { count, valueBytes: VALUE_BYTES }),
};

/** Runs one job in a worker of its own. A channel carries it: the module that is measured listens for other messages. */
async function inWorker(script, job) {
  const channelName = crypto.randomUUID();
  const channel = new BroadcastChannel(channelName);
  const worker = new Worker(new URL(`${script}#${channelName}`, import.meta.url), { type: "module" });
  try {
    return await new Promise((resolve, reject) => {
      worker.onerror = (event) => reject(new Error(event.message));
      channel.onmessage = ({ data }) => {
        if (data.ready) channel.postMessage({ job });
        else if (data.error) reject(new Error(data.error));
        else if (data.result !== undefined) resolve(data.result);
      };
    });
  } finally {
    worker.terminate();
    channel.close();
  }
}
