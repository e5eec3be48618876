// The cluster as the brokers' snapshots tell it, put together.

/** All topics by name: `{ name, leaders, configs, partitions }`, a partition as its leader tells it, or undefined where that is silent. */
export function topics(api) {
  const found = new Map();
  for (const broker of api.brokers.values()) {
    for (const { name, leaders, partitions, configs } of broker.topics) {
      const topic = found.get(name) ?? { name, leaders, configs, partitions: [] };
      // A broker that has not heard of new partitions yet knows fewer.
      if (leaders.length > topic.leaders.length) topic.leaders = leaders;
      for (const partition of partitions) topic.partitions[partition.partition] = partition;
      found.set(name, topic);
    }
  }
  for (const topic of found.values()) topic.partitions.length = topic.leaders.length;
  return new Map([...found].sort(([first], [second]) => (first < second ? -1 : 1)));
}

/** One topic, or undefined. */
export function topic(api, name) {
  return topics(api).get(name);
}

/** How many records a topic holds, as far as its leaders tell. */
export function recordsOf({ partitions }) {
  return sum(partitions, ({ high_watermark, log_start_offset }) => high_watermark - log_start_offset);
}

/** The bytes that a topic's logs have. */
export function bytesOf({ partitions }) {
  return sum(partitions, ({ size_bytes }) => size_bytes);
}

function sum(partitions, figure) {
  let total = 0n;
  // A hole is a partition whose leader is silent.
  for (const partition of partitions) if (partition !== undefined) total += BigInt(figure(partition));
  return total;
}

/** An import by its id. */
export function importOf(api, id) {
  return api.clients.imports.find((one) => String(one.import) === String(id));
}

/** A consumer by its id. */
export function consumerOf(api, id) {
  return api.clients.consumers.find((one) => String(one.consumer) === String(id));
}

/** A group by its name. */
export function groupOf(api, name) {
  return api.clients.groups?.find(({ group }) => group === name);
}

/** The state of a group as Kafka calls it, which is what the list of groups and every tool of Kafka's say. */
export function groupState(t, state) {
  return state ?? t("unknown_yet");
}

/** Whether an import has not ended. */
export function isRunning({ state }) {
  return state === "resuming" || state === "running";
}

/** Whether a consumer has not ended. */
export function isReading({ state }) {
  return state === "joining" || state === "assigned" || state === "leaving";
}

/** The records that a group still has to read in a partition; undefined where its end is not known. */
export function lagOf({ committed, log_start_offset, end_offset }) {
  if (end_offset === undefined || end_offset === null) return undefined;
  const lag = BigInt(end_offset) - BigInt(committed ?? log_start_offset);
  return lag > 0n ? lag : 0n;
}

/** The records that a group still has to read. */
export function totalLag({ offsets }) {
  return offsets.reduce((total, offset) => total + (lagOf(offset) ?? 0n), 0n);
}

/** How long the workers may take to do what was asked for. */
const PATIENCE_MS = 30_000;

/** Waits until snapshots of the clients show something: `find` gives it, or undefined as long as it is not there. */
export function shownByClients(api, find) {
  return new Promise((resolve, reject) => {
    const look = () => {
      const found = find();
      if (found === undefined) return;
      finish();
      resolve(found);
    };
    const finish = () => {
      clearTimeout(timer);
      api.removeEventListener("clients", look);
    };
    const timer = setTimeout(() => {
      finish();
      reject(new Error(api.t("inspect_not_shown")));
    }, PATIENCE_MS);
    api.addEventListener("clients", look);
    look();
  });
}
