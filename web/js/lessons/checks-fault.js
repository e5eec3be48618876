// The checks of lessons that are about faults: brokers that are terminated, retries, consumers that crash, transactions.

import { everyRecord, missingTopic, problem, twoOf, wrongNumber } from "./problem.js";

/** See checks.js. */
export const FAULT_CHECKS = {
  /** A producer sends, or has sent, into the topic. */
  producing(facts, { topic }) {
    const running = lastImport(facts, topic);
    if (running === undefined) return problem("no_producer", { topic });
    if (running.state === "failed") return problem("producer_failed", { topic, message: running.message });
    return running.acknowledged === 0 ? problem("nothing_yet", { topic }) : undefined;
  },

  /** A broker that leads a partition of the topic was terminated while the producer had something to send. */
  "went-down"(facts, { topic }) {
    const missing = missingTopic(facts, topic);
    if (missing !== undefined) return missing;
    const down = facts.notes.down ?? [];
    const leaders = facts.topics[topic].leaders;
    if (down.some((nodeId) => leaders.includes(nodeId))) return undefined;
    const [other] = down;
    if (other !== undefined) return problem("other_broker_down", { broker: other, topic, leaders: [...new Set(leaders)].join(", ") });
    if (lastImport(facts, topic)?.state === "done") return problem("producer_done", { topic });
    return problem("none_down", { leaders: [...new Set(leaders)].join(", ") });
  },

  "all-running"(facts) {
    const down = facts.brokers.find(({ state }) => state !== "running");
    return down === undefined ? undefined : problem("still_down", { broker: down.nodeId });
  },

  /** Every record that was acknowledged to the producer is in the topic, once. */
  "nothing-lost"(facts, { topic }) {
    const missing = missingTopic(facts, topic);
    if (missing !== undefined) return missing;
    const sent = lastImport(facts, topic);
    if (sent?.state === "failed") return problem("producer_failed", { topic, message: sent.message });
    if (sent !== undefined && sent.state !== "done") return problem("not_done", { acknowledged: sent.acknowledged, topic });
    const found = new Map();
    for (const record of everyRecord(facts, topic)) {
      const number = numberOf(record);
      const before = found.get(number);
      if (before !== undefined) return problem("there_twice", { value: record.value, ...twoOf([before, record]) });
      found.set(number, record);
    }
    // After a reload nobody knows the producer any more; then what is there has no hole.
    const acknowledged = sent?.acknowledged ?? found.size;
    for (let number = 0; number < acknowledged; number += 1) {
      if (!found.has(number)) return problem("lost", { number, topic });
    }
    return found.size === 0 ? problem("no_records", { topic }) : undefined;
  },

  /** The value is so many times in the topic. */
  times(facts, { topic, value, count }) {
    const missing = missingTopic(facts, topic);
    if (missing !== undefined) return missing;
    const found = everyRecord(facts, topic).filter((record) => record.value === value);
    if (found.length === count) return undefined;
    if (found.length === 0) return problem("value_missing", { topic, value });
    return problem("other_times", { value, has: found.length, wanted: count, partition: found[0].partition, offset: found.at(-1).offset });
  },

  /** No value is in the topic twice. */
  once(facts, { topic }) {
    const found = new Map();
    for (const record of everyRecord(facts, topic)) {
      const before = found.get(record.value);
      if (before !== undefined) return problem("there_twice", { value: record.value, ...twoOf([before, record]) });
      found.set(record.value, record);
    }
    return missingTopic(facts, topic) ?? (found.size === 0 ? problem("no_records", { topic }) : undefined);
  },

  /** A consumer was killed, others have read all that is left, and some records were read twice. */
  "crashed-reader"(facts, { group, topic }) {
    const missing = missingTopic(facts, topic);
    if (missing !== undefined) return missing;
    const mine = consumersOf(facts, group, topic);
    const killed = mine.find(({ state }) => state === "killed");
    if (killed === undefined) return problem(mine.length === 0 ? "no_group" : "none_killed", { group });
    if (mine.at(-1) === killed) return problem("no_successor", { consumer: killed.name });
    const behind = behindIn(facts, group, topic);
    if (behind !== undefined) return problem("behind", behind);
    if (timesReadAgain(facts, { group, topic }) <= 0) return problem("killed_after_commit", { consumer: killed.name, records: killed.records });
    return undefined;
  },

  /** The learner's count of records that were read twice. */
  "read-again"(facts, { input, group, topic }) {
    const right = timesReadAgain(facts, { group, topic });
    const counts = consumersOf(facts, group, topic).map(({ name, records }) => `${name}: ${records}`).join(", ");
    return wrongNumber(facts, input, right, (number) =>
      problem("other_read_again", { number, counts, total: everyRecord(facts, topic).length }));
  },

  /** The program crashed once and got through later: every bill is committed, and some receipts are there twice. */
  booked(facts, { from, to, group }) {
    const behind = behindIn(facts, group, from);
    if (behind !== undefined) return problem("not_booked", { ...behind, topic: from });
    const seen = new Set(everyRecord(facts, to).map(({ value }) => value));
    const twice = everyRecord(facts, to).length > seen.size;
    return twice ? undefined : problem("never_crashed", { topic: to });
  },

  /** The learner's count of records that a reader of committed records gets. */
  "committed-count"(facts, { input, topic }) {
    const right = facts.notes.committed?.[topic];
    if (right === undefined) return problem("not_counted", { topic });
    const all = everyRecord(facts, topic).length;
    return wrongNumber(facts, input, right, (number) => problem(number === all ? "counted_all" : "other_committed", { number, all }));
  },
};

/** How many records consumers of the group have read beyond those there are. */
export function timesReadAgain(facts, { group, topic }) {
  return consumersOf(facts, group, topic).reduce((sum, { records }) => sum + records, 0) - everyRecord(facts, topic).length;
}

/** The consumers of the group, without those of an earlier try. */
function consumersOf(facts, group, topic) {
  const forgotten = facts.notes.forgotten ?? [];
  return facts.consumers.filter((consumer) => consumer.group === group && consumer.topic === topic && !forgotten.includes(consumer.id));
}

function lastImport(facts, topic) {
  return facts.imports.filter((each) => each.topic === topic).at(-1);
}

/** The first partition that the group has not read to its end. */
function behindIn(facts, group, topic) {
  const offsets = facts.groups[group]?.offsets ?? [];
  for (const [partition, records] of facts.topics[topic].partitions.entries()) {
    const committed = offsets.find((offset) => offset.topic === topic && offset.partition === partition)?.committed ?? 0;
    if (committed < (records.at(-1)?.offset ?? -1) + 1) return { partition, offset: committed };
  }
  return undefined;
}

/** The number in the value of a record that the producer made up: `{"n":12,…}`. */
function numberOf({ value }) {
  return Number(/"n":\s*(\d+)/.exec(value ?? "")?.[1] ?? Number.NaN);
}
