// What the picture shows, out of what workers last said: plain values, bounded, nothing of the DOM.

import { variant } from "../variant.js";

/** How many of each are drawn; of the rest is said how many there are. */
export const LIMITS = { producers: 5, partitions: 16, groups: 4, consumers: 8, marks: 3 };

const LIVE = ["joining", "assigned", "leaving"];

/** The name of a partition within the picture. */
export const at = (topic, partition) => `${topic}/${partition}`;

/**
 * Producers, brokers with their partitions, and groups. `seen` are clients that only the trace knows: `{ kind, clientId,
 * topic }`; `rates` gives records a second by name (`at(…)` of partitions, keys of producers and consumers).
 */
export function modelOf({ brokers, clients, standing, seen = [], rates = new Map() }, limits = LIMITS) {
  const producers = producersOf(clients.imports, seen, rates);
  const nodes = nodesOf(brokers, standing, rates);
  const logs = new Map(nodes.flatMap(({ partitions }) => partitions.map((log) => [at(log.topic, log.partition), log])));
  const groups = groupsOf(clients, logs, rates);
  for (const [index, group] of groups.entries()) mark(group, index, logs, limits.marks);
  const busy = new Set([...producers, ...groups.flatMap(({ consumers }) => consumers.flatMap((each) => each.partitions))]
    .map(({ topic }) => topic));
  const shown = firsts([...logs.values()], limits.partitions, ({ topic }) => busy.has(topic));
  let room = limits.consumers;
  return {
    producers: firsts(producers, limits.producers, ({ state }) => state === "running" || state === "resuming"),
    moreProducers: Math.max(0, producers.length - limits.producers),
    brokers: nodes.map((node) => {
      const partitions = node.partitions.filter((log) => shown.includes(log));
      return { ...node, partitions, more: node.partitions.length - partitions.length };
    }),
    groups: groups.slice(0, limits.groups).map((group) => {
      const consumers = group.consumers.slice(0, room);
      room -= consumers.length;
      return { ...group, consumers, more: group.consumers.length - consumers.length };
    }),
    moreGroups: Math.max(0, groups.length - limits.groups),
    logs,
    lag: groups.reduce((sum, { lag }) => sum + lag, 0),
    behindMs: most(groups.flatMap(({ consumers }) => consumers.flatMap(({ partitions }) => partitions.map(({ lagMs }) => lagMs)))),
  };
}

function most(numbers) {
  const known = numbers.filter((number) => number !== undefined && number !== null);
  return known.length > 0 ? Math.max(...known) : undefined;
}

/** The first of them, those that matter before the others, in the order they had. */
function firsts(all, limit, matters) {
  if (all.length <= limit) return all;
  const chosen = new Set([...all.filter(matters), ...all.filter((one) => !matters(one))].slice(0, limit));
  return all.filter((one) => chosen.has(one));
}

function producersOf(imports, seen, rates) {
  // Of several of the same kind, the last one says how it stands.
  const last = new Map(imports.map((one) => [`${one.source} ${one.topic}`, one]));
  const own = [...last.values()].map((one) => ({
    key: `producer ${one.import}`, id: one.import, clientId: one.client_id, name: one.source, topic: one.topic,
    state: variant(one.state)[0], records: Number(one.acknowledged),
  }));
  const known = new Set(imports.map(({ client_id }) => client_id));
  const others = seen.filter(({ kind, clientId }) => kind === "append" && !known.has(clientId))
    .map(({ clientId, topic, records }) => (
      { key: `client ${clientId}`, clientId, name: clientId, topic, state: "running", records }));
  return [...own, ...others].map((one) => ({ ...one, rate: rates.get(one.key) ?? 0 }));
}

function nodesOf(brokers, standing, rates) {
  const up = new Set(standing.brokers.filter(({ state }) => state === "running").map(({ nodeId }) => nodeId));
  // Topics as brokers that run know them: one that was terminated may remember some that are gone.
  const known = new Map([...brokers.values()].filter(({ node_id }) => up.has(node_id))
    .flatMap(({ topics }) => topics.map((topic) => [topic.name, topic])));
  return standing.brokers.map(({ nodeId, host, state }) => {
    const own = brokers.get(nodeId)?.topics ?? [];
    const partitions = own.flatMap((topic) => (up.has(nodeId) || up.size === 0 || known.has(topic.name)
      ? topic.partitions.map((log) => logOf(topic.name, log, nodeId, up.has(nodeId), rates)) : []));
    const have = new Set(partitions.map(({ topic, partition }) => at(topic, partition)));
    for (const { name, leaders } of up.has(nodeId) ? [] : known.values()) {
      leaders.forEach((leader, partition) => {
        if (leader !== nodeId || have.has(at(name, partition))) return;
        partitions.push(logOf(name, { partition }, nodeId, false, rates));
      });
    }
    partitions.sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition));
    return { nodeId, host: host ?? undefined, state, act: actOf(nodeId, host, standing.hosts[host]), partitions };
  });
}

/** What can be done with the worker of a broker: a worker with several has its button at the first of them. */
function actOf(nodeId, host, worker) {
  if (host !== nodeId) return undefined;
  return worker === "running" ? "terminate" : ["stopped", "failed"].includes(worker) ? "start" : undefined;
}

function logOf(topic, log, leader, up, rates) {
  return {
    topic, partition: log.partition, leader, up, known: log.high_watermark !== undefined,
    start: Number(log.log_start_offset ?? 0), end: Number(log.high_watermark ?? 0),
    bytes: Number(log.size_bytes ?? 0), segments: log.segments ?? 0,
    rate: up ? rates.get(at(topic, log.partition)) ?? 0 : 0, marks: [],
  };
}

function groupsOf({ consumers, groups }, logs, rates) {
  const names = new Set([...(groups ?? []).map(({ group }) => group),
    ...consumers.filter(({ state }) => LIVE.includes(variant(state)[0])).map(({ request }) => request.group)]);
  return [...names].sort().map((name) => groupOf(name, groups?.find(({ group }) => group === name),
    consumers.filter(({ request }) => request.group === name), logs, rates));
}

function groupOf(name, snapshot, consumers, logs, rates) {
  const offsets = new Map((snapshot?.offsets ?? []).map((one) => [at(one.topic, one.partition), one]));
  const members = snapshot?.members ?? [];
  const read = ({ topic, partition, position, lag_ms: lagMs }) => {
    const end = logs.get(at(topic, partition))?.end ?? Number(offsets.get(at(topic, partition))?.end_offset ?? 0);
    const from = position ?? offsets.get(at(topic, partition))?.committed;
    const next = from === undefined || from === null ? undefined : Number(from);
    return { topic, partition, position: next, lag: next === undefined ? undefined : Math.max(0, end - next), lagMs };
  };
  const own = consumers.filter(({ state, member_id }) => LIVE.includes(variant(state)[0]) ||
    (variant(state)[0] !== "left" && members.some((member) => member.member_id === member_id)));
  const others = members.filter(({ member_id }) => !consumers.some((one) => one.member_id === member_id));
  const all = [
    ...own.map((one) => ({ key: `consumer ${one.consumer}`, id: one.consumer, clientId: one.client_id, group: name,
      state: variant(one.state)[0], records: Number(one.records), partitions: one.partitions.map(read) })),
    ...others.map((one) => ({ key: `member ${one.member_id}`, clientId: one.client_id, group: name, memberId: one.member_id,
      state: "assigned", partitions: one.partitions.map(([topic, partition]) => read({ topic, partition })) })),
  ].map((one) => ({ ...one, rate: rates.get(one.key) ?? 0, lag: total(one.partitions) }));
  const positions = new Map([...offsets.values()].map((one) => [at(one.topic, one.partition), read(one)]));
  for (const one of all.flatMap(({ partitions }) => partitions)) positions.set(at(one.topic, one.partition), one);
  return { name, state: snapshot?.state ?? "", consumers: all, positions, lag: total([...positions.values()]) };
}

const total = (partitions) => partitions.reduce((sum, { lag }) => sum + (lag ?? 0), 0);

/** Marks on each log how far the group is. */
function mark(group, index, logs, limit) {
  for (const [name, { position, lag }] of group.positions) {
    const marks = logs.get(name)?.marks;
    if (marks !== undefined && marks.length < limit && position !== undefined) marks.push({ group: group.name, index, position, lag });
  }
}
