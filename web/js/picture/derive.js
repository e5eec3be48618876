// What moved, where no broker tells: the differences between what was and what is.

const RUNS = ["running", "resuming"];

/** The places of records by now, out of a model: how far each log goes, and how far each consumer is in it. */
export function placesOf({ logs, producers, groups }, others) {
  const places = new Map();
  for (const [name, { topic, partition, end, up, known }] of logs) {
    if (!up || !known) continue;
    const by = producers.find((one) => one.topic === topic && RUNS.includes(one.state) && one.id !== undefined);
    places.set(`append ${name}`, { kind: "append", client_id: by?.clientId ?? others, topic, partition, offset: end });
  }
  for (const consumer of groups.flatMap(({ consumers }) => consumers)) {
    for (const { topic, partition, position } of consumer.partitions) {
      if (position === undefined) continue;
      places.set(`${consumer.key} ${topic} ${partition}`, { kind: "fetch", client_id: consumer.clientId, topic, partition, offset: position });
    }
  }
  return places;
}

/** Moves as a trace would tell them, of what went forward between the two; `atMs` is when. */
export function movesBetween(before, after, atMs) {
  return [...after].flatMap(([name, { offset, ...place }]) => {
    const from = before.get(name)?.offset;
    if (from === undefined || offset <= from) return [];
    return [{ ...place, first_offset: BigInt(from), records: offset - from, bytes: 0, at_ms: atMs }];
  });
}
