// What checks are made of: what is wrong, and where.

/** Something wrong: the key of a string, and its places. */
export const problem = (key, places = {}) => ({ key: `lessons_check_${key}`, places });

/** All records of a topic with their partitions, by partition and offset. */
export function everyRecord(facts, topic) {
  const partitions = facts.topics[topic]?.partitions ?? [];
  return partitions.flatMap((records, partition) => records.map((record) => ({ ...record, partition })));
}

/** What is wrong with an answer to a question for a number. */
export function wrongNumber(facts, input, right, explain) {
  const text = (facts.inputs[input] ?? "").trim();
  if (text === "") return problem("no_answer");
  if (!/^\d{1,15}$/.test(text)) return problem("not_a_number", { text });
  return Number(text) === right ? undefined : explain(Number(text));
}

/** Where the first two of some records are. */
export function twoOf([one, other]) {
  return { partition: one.partition, offset: one.offset, otherPartition: other.partition, otherOffset: other.offset };
}

/** That a topic is missing, if it is. */
export const missingTopic = (facts, topic) => (facts.topics[topic] === undefined ? problem("no_topic", { topic }) : undefined);
