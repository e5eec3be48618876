// Gathers what the engine holds, as plain values for the checks: records are read by Kafka requests, the rest is what
// brokers and clients last said.

const PAGE = 500;
/** No topic of a lesson has more records in a partition. */
const MAX_RECORDS = 5000;

/** When this page was loaded; ids of consumers are counted anew by every page. */
export const VISIT = String(Math.round(performance.timeOrigin));

/** All that is known of the topics and groups of a lesson. `kept` is what was noted in the step, and the answers typed. */
export async function gather(api, lesson, { notes = {}, inputs = {} } = {}) {
  const topics = {};
  for (const name of lesson.topics) {
    const leaders = leadersOf(api, name);
    if (leaders === undefined) continue;
    const partitions = await Promise.all(leaders.map((leader, partition) => readAll(api, name, partition, leader)));
    topics[name] = { leaders, partitions };
  }
  return { topics, ...standing(api), notes, inputs, visit: VISIT };
}

/** The part of the facts that needs no reading. */
export function standing(api) {
  const { consumers = [], imports = [], groups = [] } = api.clients;
  return {
    brokers: api.standing.brokers,
    groups: Object.fromEntries((groups ?? []).map((group) => [group.group, groupOf(group)])),
    consumers: consumers.map(consumerOf),
    imports: imports.map(importOf),
  };
}

/** Who leads each partition of a topic; nothing if no broker knows the topic. */
export function leadersOf(api, topic) {
  const known = [...api.brokers.values()].flatMap(({ topics }) => topics).filter(({ name }) => name === topic);
  // Brokers hear of a topic one after the other.
  return known.reduce((most, { leaders }) => (leaders.length > (most?.length ?? 0) ? leaders : most), undefined);
}

async function readAll(api, topic, partition, leader) {
  const broker = api.standing.brokers.find(({ nodeId }) => nodeId === leader);
  // A broker that is down would be waited for; the checks say that it is.
  if (broker?.state !== "running") return [];
  const all = [];
  let from = "start";
  while (all.length < MAX_RECORDS) {
    const { records: page } = await api.request({ read: { topic, partition, from, max_records: PAGE } });
    all.push(...page.records.map(recordOf));
    if (page.records.length === 0 || page.next_offset >= page.high_watermark) break;
    from = { offset: page.next_offset };
  }
  return all;
}

function recordOf({ offset, timestamp, key, value }) {
  return { offset: Number(offset), timestamp: Number(timestamp), key: key?.text ?? null, value: value?.text ?? null };
}

function groupOf({ state, members, offsets }) {
  return {
    state,
    members: members.map(({ member_id, client_id, partitions }) => ({ memberId: member_id, clientId: client_id, partitions })),
    offsets: offsets.map(({ topic, partition, committed, end_offset }) => ({
      topic, partition, committed: numberOr(committed), end: numberOr(end_offset),
    })),
  };
}

function consumerOf({ consumer, client_id, request, state, records, partitions }) {
  return {
    id: `${VISIT}/${consumer}`,
    number: consumer,
    name: client_id ?? `consumer-${consumer}`,
    group: request.group,
    topic: request.topic,
    state: nameOf(state),
    records: Number(records),
    partitions: partitions.map(({ partition }) => partition),
  };
}

function importOf({ import: number, topic, state, acknowledged, already_there }) {
  const name = nameOf(state);
  return {
    number, topic, state: name, acknowledged: Number(acknowledged) + Number(already_there),
    message: name === "failed" ? state.failed.message : "",
  };
}

const nameOf = (state) => (typeof state === "string" ? state : Object.keys(state)[0]);
const numberOr = (offset) => (offset === undefined || offset === null ? undefined : Number(offset));
