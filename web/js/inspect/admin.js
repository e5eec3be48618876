// What is asked of brokers in Kafka's protocol: configs of topics and brokers, and offsets of groups.

import { topic as topicOf } from "./cluster.js";
import { Writer, ask, check } from "./wire.js";

const LIST_OFFSETS = 2;
const OFFSET_COMMIT = 8;
const FIND_COORDINATOR = 10;
const DESCRIBE_CONFIGS = 32;

/** The broker that is asked where any will do. */
const CONTROLLER = 0;

/** Kinds of what has configs. */
export const TOPIC = 2;
/** A broker's configs can be looked at. */
export const BROKER = 4;

// By Kafka's numbers (DescribeConfigsResponse.ConfigSource).
const OWN_SOURCES = new Set([1, 2]);
const DEFAULT_SOURCE = 5;

/**
 * The configs of a topic or broker: `{ name, value, own, byDefault, readOnly, documentation }`, where `own` is set on it itself and
 * `byDefault` what holds without that, or undefined.
 */
export async function describeConfigs(api, type, name) {
  const body = new Writer().array([name], (writer) => writer.i8(type).string(name).i32(-1)).i8(1).i8(1);
  const node = type === BROKER ? Number(name) : CONTROLLER;
  const response = await ask(api, node, DESCRIBE_CONFIGS, 3, body);
  response.i32();
  const [{ code, message, configs }] = response.array((reader) => {
    const [code, message] = [reader.i16(), reader.string()];
    reader.i8();
    reader.string();
    return { code, message, configs: reader.array(readConfig) };
  });
  check(api, code, message);
  return configs.sort((first, second) => (first.name < second.name ? -1 : 1));
}

function readConfig(reader) {
  const [name, value, readOnly, source] = [reader.string(), reader.string(), reader.i8() !== 0, reader.i8()];
  reader.i8();
  const synonyms = reader.array(() => ({ name: reader.string(), value: reader.string(), source: reader.i8() }));
  reader.i8();
  const documentation = reader.string();
  const inherited = synonyms.find((synonym) => !OWN_SOURCES.has(synonym.source));
  const byDefault = inherited?.value ?? (source === DEFAULT_SOURCE ? value : undefined);
  return { name, value, readOnly, own: OWN_SOURCES.has(source), byDefault, documentation };
}

/** The first offset whose record has this time or a later one; undefined where there is none. */
export async function offsetAt(api, topic, partition, timestamp) {
  const leader = topicOf(api, topic)?.leaders[partition] ?? CONTROLLER;
  const body = new Writer().i32(-1).array([topic], (writer) => writer.string(topic)
    .array([partition], (entry) => entry.i32(partition).i64(timestamp)));
  const response = await ask(api, leader, LIST_OFFSETS, 1, body);
  const [[found]] = response.array((reader) => {
    reader.string();
    return reader.array(() => {
      reader.i32();
      const code = reader.i16();
      reader.i64();
      return { code, offset: reader.i64() };
    });
  });
  check(api, found.code);
  return found.offset < 0n ? undefined : found.offset;
}

/** Commits offsets, `{ topic, partition, offset }`, for a group that has no members. */
export async function commitOffsets(api, group, offsets) {
  const found = await ask(api, CONTROLLER, FIND_COORDINATOR, 0, new Writer().string(group));
  check(api, found.i16());
  const coordinator = found.i32();
  const topics = [...new Set(offsets.map(({ topic }) => topic))];
  // Of no generation, and kept as long as the broker keeps offsets.
  const body = new Writer().string(group).i32(-1).string("").i64(-1).array(topics, (writer, topic) => writer.string(topic)
    .array(offsets.filter((one) => one.topic === topic), (entry, { partition, offset }) => entry.i32(partition).i64(offset).string(null)));
  const response = await ask(api, coordinator, OFFSET_COMMIT, 2, body);
  for (const codes of response.array((reader) => {
    reader.string();
    return reader.array(() => {
      reader.i32();
      return reader.i16();
    });
  })) codes.forEach((code) => check(api, code));
}
