// The checks of lessons that are about consumer groups, and about what outlives a reload.

import { everyRecord, missingTopic, problem } from "./problem.js";

const RUNNING = ["joining", "assigned", "leaving"];

/** See checks.js. */
export const GROUP_CHECKS = {
  /** So many members share all partitions of a topic, and have read all. */
  group(facts, { group, topic, members }) {
    const found = facts.groups[group];
    const elsewhere = facts.consumers.find((consumer) => consumer.group === group && consumer.topic !== topic && RUNNING.includes(consumer.state));
    if (elsewhere !== undefined) return problem("other_topic", { consumer: elsewhere.name, topic: elsewhere.topic, wanted: topic });
    if (found === undefined || found.members.length === 0) return problem("no_group", { group });
    if (found.state !== "Stable") return problem("not_stable", { group });
    if (found.members.length !== members) return problem("other_members", { group, has: found.members.length, wanted: members });
    return unread(facts, found, topic);
  },

  /** A consumer of the group has ended so: `left` or `killed`. */
  ended(facts, { group, how }) {
    const ended = facts.consumers.filter((consumer) => consumer.group === group && !RUNNING.includes(consumer.state));
    if (ended.some(({ state }) => state === how)) return undefined;
    if (ended.length > 0) return problem(`not_${how}`, { consumer: ended.at(-1).name, group });
    return problem(`none_${how}`, { group });
  },

  /** A consumer that was started in this step has read the topic from its first record on. */
  reread(facts, { group, topic }) {
    const total = everyRecord(facts, topic).length;
    const before = facts.notes.consumers ?? [];
    const fresh = facts.consumers.filter((consumer) => consumer.group === group && !before.includes(consumer.id));
    if (fresh.length === 0) return problem("no_fresh_consumer", { group });
    const most = fresh.reduce((one, other) => (other.records > one.records ? other : one));
    const sum = fresh.reduce((records, consumer) => records + consumer.records, 0);
    if (sum >= total) return undefined;
    const next = (facts.groups[group]?.offsets ?? []).find((offset) => offset.topic === topic && offset.committed !== offset.end);
    if (next !== undefined) return problem("behind", { partition: next.partition, offset: next.committed ?? 0 });
    return problem("read_too_few", { consumer: most.name, has: sum, wanted: total });
  },

  /** The page was loaded again since the step was entered. */
  reloaded(facts) {
    return facts.notes.visit === facts.visit ? problem("not_reloaded") : undefined;
  },

  /** Every record that was there when the step was entered is there now, where it was. */
  kept(facts, { topic }) {
    const missing = missingTopic(facts, topic);
    if (missing !== undefined) return missing;
    for (const [partition, offset, value] of facts.notes.records?.[topic] ?? []) {
      const record = facts.topics[topic].partitions[partition]?.find((each) => each.offset === offset);
      if (record === undefined || record.value !== value) return problem("not_kept", { partition, offset, value });
    }
    return undefined;
  },
};

/** A partition that nobody of the group reads, or that is not read to its end. */
function unread(facts, { members, offsets }, topic) {
  for (const [partition, records] of (facts.topics[topic]?.partitions ?? []).entries()) {
    if (!members.some((member) => member.partitions.some(([name, number]) => name === topic && number === partition))) {
      return problem("nobody_reads", { partition, topic });
    }
    const end = (records.at(-1)?.offset ?? -1) + 1;
    const committed = offsets.find((offset) => offset.topic === topic && offset.partition === partition)?.committed ?? 0;
    if (committed < end) return problem("behind", { partition, offset: committed });
  }
  return undefined;
}
