// What a lesson's buttons and "solve" do with the engine: the same requests that the page's own panels make.

import { firstProblem, rightAnswer } from "./checks.js";
import { gather, leadersOf, standing } from "./facts.js";
import { problem } from "./problem.js";

const PATIENCE_MS = 60_000;
const LOOK_MS = 150;
const CRASHES = 5;
const RUNNING = ["joining", "assigned", "leaving"];
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Does a list of actions, one after the other. `player` is `{ api, lesson, kept, t(key, places), tell(key, places) }`: `kept` are the notes
 * and answers of the step, `t` gives a string of the lessons, `tell` writes a line of what happened.
 */
export async function perform(actions, player) {
  for (const action of actions) {
    const [name, parameters] = Object.entries(action)[0];
    await DEEDS[name](player, parameters ?? {});
  }
}

/**
 * Looks again and again until `ready` gives something true. Patience goes by the workers' time: where that is slow, so are answers, and
 * while it stands there are none to be late.
 */
export async function waitFor(api, ready, why = "") {
  let left = PATIENCE_MS;
  for (let since = performance.now(); ; ) {
    const found = await ready();
    if (found) return found;
    if (left < 0) throw new Error(why);
    await pause(LOOK_MS);
    const now = performance.now();
    left -= (now - since) * Math.min(1, api.rate);
    since = now;
  }
}

const DEEDS = {
  async "create-topic"({ api }, { name, partitions }) {
    const has = leadersOf(api, name)?.length;
    if (has === partitions) return;
    if (has !== undefined && has > partitions) await deleteTopic(api, name);
    if (has !== undefined && has < partitions) await api.request({ "create-partitions": { name, count: partitions } });
    else await api.request({ "create-topic": { name, partitions, configs: [] } });
    await waitFor(api, () => leadersOf(api, name)?.length === partitions);
  },

  async send({ api }, { topic, records }) {
    for (const [key, value] of records) await sendOne(api, topic, key, value);
  },

  /** Records as the text of the lesson names them: what else is in the topic goes. */
  async seed(player, { topic, partitions, records }) {
    const { api, lesson, kept } = player;
    const facts = await gather(api, lesson, kept);
    const there = facts.topics[topic]?.partitions.flat() ?? [];
    const same = there.length === records.length && firstProblem([{ holds: { topic, records } }], facts) === undefined;
    if (same && facts.topics[topic].partitions.length === partitions) return player.tell("seeded_before", { topic, count: records.length });
    if (facts.topics[topic] !== undefined) await deleteTopic(api, topic);
    await DEEDS["create-topic"](player, { name: topic, partitions });
    await DEEDS.send(player, { topic, records });
    player.tell("seeded", { topic, count: records.length });
  },

  async consume({ api }, { group, topic, count, rate }) {
    const request = { group, topic, assignor: "range", reset: "earliest", records_per_s: rate, instance_id: undefined };
    for (let number = 0; number < count; number += 1) await api.request({ "start-consumer": request });
  },

  /**
   * Kills a consumer while it reads and has another go on, until records were read twice: a kill in the moment in which all that was
   * read is committed shows nothing.
   */
  async "crash-a-reader"(player, { group, topic, records }) {
    const check = { "crashed-reader": { group, topic } };
    const tooLate = problem("killed_after_commit").key;
    for (let tries = 0; tries < CRASHES; tries += 1) {
      await DEEDS["fresh-group"](player, { group });
      await DEEDS.consume(player, { group, topic, count: 1, rate: 100 });
      await waitFor(player.api, () => running(player.api, group).some((consumer) => consumer.records >= records));
      await DEEDS["stop-consumer"](player, { group, count: 1, how: "kill" });
      await DEEDS.consume(player, { group, topic, count: 1, rate: 400 });
      let wrong;
      await waitFor(player.api, async () => {
        wrong = firstProblem([check], await gather(player.api, player.lesson, player.kept));
        return wrong === undefined || wrong.key === tooLate;
      });
      if (wrong === undefined) return;
    }
    throw new Error();
  },

  async "stop-consumer"({ api }, { group, count, how }) {
    const mine = running(api, group).slice(0, count);
    for (const { number } of mine) await api.request({ "stop-consumer": { consumer: number, leave: how === "leave" } });
    await waitFor(api, () => mine.every(({ number }) => !running(api, group).some((other) => other.number === number)));
  },

  async "reset-offsets"({ api }, { group }) {
    await waitFor(api, () => standing(api).groups[group]?.state === "Empty");
    await api.request({ "reset-offsets": { group, to: "earliest" } });
  },

  /** As if the group had never been, and with it the topic that it wrote. */
  async "fresh-group"({ api, kept, tell }, { group, topic }) {
    if (standing(api).groups[group] === undefined && running(api, group).length === 0) return;
    await clearGroup(api, group);
    if (topic !== undefined && leadersOf(api, topic) !== undefined) await deleteTopic(api, topic);
    delete kept.notes.committed;
    kept.notes.forgotten = standing(api).consumers.map(({ id }) => id);
    tell("fresh_group", { group });
  },

  /** A producer of numbered payments. One that gave up goes on where it was; one that is done begins anew. */
  async import(player, { topic, partitions, records, rate }) {
    const { api } = player;
    const before = standing(api).imports.filter((each) => each.topic === topic).at(-1);
    if (before?.state === "running" || before?.state === "resuming") return player.tell("producer_runs", { topic });
    const goesOn = before?.state === "failed" || before?.state === "stopped";
    if (!goesOn && leadersOf(api, topic) !== undefined) await deleteTopic(api, topic);
    await DEEDS["create-topic"](player, { name: topic, partitions });
    const name = "payments.ndjson";
    const source = { file: { name } };
    const request = { source, topic, partitions, configs: [], key_field: "customer", records_per_s: rate, again: false };
    await api.request({ import: request }, new File([paymentsOf(records)], name));
    player.tell("producer_started", { topic, records, rate });
  },

  async "terminate-leader"({ api, t }, { topic }) {
    if (api.standing.hosts.length === 0) throw new Error(t("not_here"));
    const leaders = leadersOf(api, topic) ?? [];
    const { brokers } = api.standing;
    // Not the first broker where there is another: it is the controller.
    const victim = brokers.findLast(({ nodeId, host }) => leaders.includes(nodeId) && host !== null && host !== undefined);
    api.act("terminate-worker", victim.host);
    await waitFor(api, () => api.standing.brokers.some(({ nodeId, state }) => nodeId === victim.nodeId && state !== "running"));
  },

  async "start-workers"({ api, t }) {
    if (api.standing.hosts.length === 0) throw new Error(t("not_here"));
    for (const [host, state] of api.standing.hosts.entries()) if (state === "stopped") api.act("start-worker", host);
    await waitFor(api, () => api.standing.brokers.every(({ state }) => state === "running"));
  },

  async until(player, { check }) {
    await waitFor(player.api, async () => firstProblem([check], await gather(player.api, player.lesson, player.kept)) === undefined);
  },

  async answer(player, { input, check }) {
    const right = rightAnswer(check, await gather(player.api, player.lesson, player.kept));
    player.kept.inputs[input] = right === undefined ? "" : String(right);
  },

  reload(player) {
    player.kept.notes.isReloading = true;
    player.save();
    location.reload();
    // The page ends here; nothing after it is to be done by this one.
    return new Promise(() => {});
  },

  "lost-answer": async (player, parameters) =>
    (await experiments(player.api)).lostAnswer({ ...player, freshTopic: (name) => freshTopic(player.api, name) }, parameters),
  book: async (player, parameters) => {
    const ensureTopic = (name) => DEEDS["create-topic"](player, { name, partitions: 1 });
    const next = await (await experiments(player.api)).book({ ...player, ensureTopic }, parameters);
    const { from, group } = parameters;
    const committed = () => standing(player.api).groups[group]?.offsets.find(({ topic }) => topic === from)?.committed ?? 0;
    // Coordinators are asked now and then: what comes next is to find it.
    await waitFor(player.api, () => committed() >= next);
  },
  "count-committed": async (player, parameters) => (await experiments(player.api)).countCommitted(player, parameters),
};

/** KafkaJS is not small: it comes when a step needs it, and before what uses it. */
async function experiments(api) {
  await api.module("kafkajs");
  return api.module("lessons-kafka");
}

/** Payments of twenty customers, a JSON object a line; `n` counts them from 0. */
export function paymentsOf(count) {
  const payment = (n) => ({ n, customer: `customer-${((n * 7) % 20) + 1}`, cents: 500 + ((n * 137) % 4000) });
  return Array.from({ length: count }, (_, n) => JSON.stringify(payment(n))).join("\n");
}

async function sendOne(api, topic, key, value) {
  await api.request({ send: { topic, partition: undefined, key: key ?? undefined, value, headers: [] } });
}

const running = (api, group) => standing(api).consumers.filter((consumer) => consumer.group === group && RUNNING.includes(consumer.state));

/** Deletes a topic, and waits until no broker knows it. */
export async function deleteTopic(api, name) {
  await api.request({ "delete-topic": { name } });
  await waitFor(api, () => leadersOf(api, name) === undefined);
}

/** A topic of one partition with nothing in it. */
export async function freshTopic(api, name) {
  if (leadersOf(api, name) !== undefined) await deleteTopic(api, name);
  await DEEDS["create-topic"]({ api }, { name, partitions: 1 });
}

/** Ends a group's consumers and deletes it. One whose consumer was killed is waited for. */
export async function clearGroup(api, group) {
  for (const { number } of running(api, group)) await api.request({ "stop-consumer": { consumer: number, leave: true } });
  await waitFor(api, () => running(api, group).length === 0 && standing(api).groups[group]?.state !== "Stable" &&
    (standing(api).groups[group]?.members.length ?? 0) === 0);
  if (standing(api).groups[group] !== undefined) await api.request({ "delete-group": { group } });
  await waitFor(api, () => standing(api).groups[group] === undefined);
}

/** Deletes what a lesson has made: ends its producers and consumers, then its groups and topics, and nothing else. */
export async function clearLesson(api, { topics, groups }) {
  for (const { number, topic, state } of standing(api).imports) {
    if (topics.includes(topic) && ["running", "resuming"].includes(state)) await api.request({ "stop-import": { import: number } });
  }
  for (const group of groups) await clearGroup(api, group);
  for (const topic of topics) if (leadersOf(api, topic) !== undefined) await deleteTopic(api, topic);
}

/** The topics and groups of all lessons that there are. */
export function leftovers(api) {
  const topics = [...api.brokers.values()].flatMap((broker) => broker.topics.map(({ name }) => name));
  const isLesson = (name) => name.startsWith("lesson-");
  return { topics: [...new Set(topics)].filter(isLesson).sort(), groups: Object.keys(standing(api).groups).filter(isLesson).sort() };
}
