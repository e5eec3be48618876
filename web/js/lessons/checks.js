// The checks of lessons: pure functions over facts (facts.js). Each gives what is wrong, as the key of a string and its
// places, or nothing. What is wrong names the record, partition or consumer that it is about.

import { GROUP_CHECKS } from "./checks-group.js";
import { FAULT_CHECKS, timesReadAgain } from "./checks-fault.js";
import { everyRecord, missingTopic, problem, twoOf, wrongNumber } from "./problem.js";

/** @typedef {{ offset: number, key: string | null, value: string | null }} FactRecord */
/** @typedef {{ topics: Record<string, { partitions: FactRecord[][] }>, groups: Record<string, any>, consumers: any[], imports: any[],
 *   brokers: any[], notes: any, inputs: Record<string, string> }} Facts */

/** The first thing that is wrong among the checks of a step, or nothing. */
export function firstProblem(checks, facts) {
  for (const entry of checks) {
    const [name, parameters] = Object.entries(entry)[0];
    const problem = ALL[name](facts, parameters ?? {});
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** What would be the right answer to the input of a check, or nothing while the engine has none. */
export function rightAnswer(entry, facts) {
  const [name, parameters] = Object.entries(entry)[0];
  return ANSWERS[name]?.(facts, parameters);
}

const BASICS = {
  topic(facts, { name, partitions }) {
    const has = facts.topics[name]?.partitions.length;
    if (has === undefined) return problem("no_topic", { topic: name });
    if (has < partitions) return problem("few_partitions", { topic: name, has, wanted: partitions });
    return has > partitions ? problem("many_partitions", { topic: name, has, wanted: partitions }) : undefined;
  },

  record(facts, { topic, key, count = 1 }) {
    const records = everyRecord(facts, topic);
    const found = records.filter((record) => record.key === key);
    if (found.length >= count) return undefined;
    const missing = missingTopic(facts, topic);
    if (missing !== undefined) return missing;
    if (records.length === 0) return problem("no_records", { topic });
    if (found.length > 0) return problem("few_with_key", { topic, key, has: found.length, wanted: count });
    const { partition, offset, key: other } = records.at(-1);
    if (other === null) return problem("no_key", { partition, offset, wanted: key });
    return problem("other_key", { partition, offset, key: other, wanted: key });
  },

  together(facts, { topic }) {
    const first = new Map();
    const inTime = everyRecord(facts, topic).filter(({ key }) => key !== null).sort((one, other) => one.timestamp - other.timestamp);
    for (const { key, partition, offset } of inTime) {
      const before = first.get(key);
      if (before === undefined) first.set(key, { partition, offset });
      else if (before.partition !== partition) {
        return problem("key_apart", { key, partition, offset, before: before.partition, beforeOffset: before.offset });
      }
    }
    return undefined;
  },

  holds(facts, { topic, records }) {
    const missing = missingTopic(facts, topic);
    if (missing !== undefined) return missing;
    const there = everyRecord(facts, topic);
    for (const [key, value] of records) {
      const found = there.filter((record) => record.value === value);
      if (found.length === 0) return problem("not_there", { topic, key, value });
      if (found.length > 1) return problem("there_twice", { value, ...twoOf(found) });
    }
    return undefined;
  },

  "offset-of"(facts, { input, topic, partition, value, last }) {
    const right = offsetOf(facts, { topic, partition, value, last });
    if (right === undefined) return missingTopic(facts, topic) ?? problem("not_in_partition", { topic, partition, value });
    return wrongNumber(facts, input, right, (offset) => {
      const record = facts.topics[topic].partitions[partition].find((each) => each.offset === offset);
      if (record === undefined) return problem("nothing_at", { partition, offset });
      return record.value === value ? problem("the_other_one", { partition, offset, value })
        : problem("other_at", { partition, offset, value: record.value ?? "null" });
    });
  },

  "record-count"(facts, { input, topic }) {
    const missing = missingTopic(facts, topic);
    if (missing !== undefined) return missing;
    const right = everyRecord(facts, topic).length;
    if (right === 0) return problem("no_records", { topic });
    return wrongNumber(facts, input, right, (number) => {
      const last = everyRecord(facts, topic).at(-1);
      return problem("other_count", { topic, number, partition: last.partition, offset: last.offset, value: last.value });
    });
  },
};

function offsetOf(facts, { topic, partition, value, last }) {
  const records = facts.topics[topic]?.partitions[partition] ?? [];
  return (last ? records.findLast((record) => record.value === value) : records.find((record) => record.value === value))?.offset;
}

const ALL = { ...BASICS, ...GROUP_CHECKS, ...FAULT_CHECKS };
const ANSWERS = {
  "offset-of": offsetOf,
  "record-count": (facts, { topic }) => everyRecord(facts, topic).length,
  "read-again": timesReadAgain,
  "committed-count": (facts, { topic }) => facts.notes.committed?.[topic],
};
