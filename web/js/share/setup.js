// What a link holds, and how it is looked at: it comes from somebody else, so each value is known, of its kind and within its
// limits, or it is left out and said.

import { MAX_CODE } from "../code/kept.js";
import { LANGUAGES } from "../language.js";
import { variant } from "../variant.js";

const MAX_PROBLEMS = 20;

const text = (most, pattern = /^/) => (value) => typeof value === "string" && value.length <= most && pattern.test(value);
const whole = (least, most) => (value) => Number.isSafeInteger(value) && value >= least && value <= most;
const oneOf = (...values) => (value) => values.includes(value);
const topicName = (value) => text(249, /^(?!__)(?!\.{1,2}$)[\w.-]+$/)(value);
const group = text(249, /^[^\u0000-\u001f]+$/);
const rate = whole(1, 10_000_000);
const list = (most, fields) => ({ most, fields });
const REQUIRED = Symbol("required");
const required = (check) => Object.assign((value) => check(value), { [REQUIRED]: true });

const configs = (value) => isObject(value) && Object.keys(value).length <= 40 &&
  Object.entries(value).every(([key, one]) => text(80, /^[a-z][a-z0-9.]*$/)(key) && text(200)(one));

function source(value) {
  if (!isObject(value) || Object.keys(value).length !== 1) return false;
  const { dataSet, synthetic, file } = value;
  if (dataSet !== undefined) return typeof dataSet === "string" && dataSet in DATA_SETS;
  if (file !== undefined) return text(255)(file);
  return isObject(synthetic) && Object.keys(synthetic).length === 2 &&
    whole(1, 1_000_000_000)(synthetic.records) && whole(1, 1_000_000)(synthetic.valueSize);
}

/** The data sets of the page, by name: where they are is never said by a link. */
export const DATA_SETS = Object.freeze(Object.assign(Object.create(null), { vehicles: "data/vehicles.ndjson.gz" }));

const SHAPE = {
  language: (value) => typeof value === "string" && Object.hasOwn(LANGUAGES, value),
  workers: whole(1, 64),
  topics: list(100, { name: required(topicName), partitions: required(whole(1, 1000)), configs }),
  producers: list(20, {
    source: required(source), topic: required(topicName), partitions: required(whole(1, 1000)), key: text(100), rate,
    acks: oneOf("0", "1", "all"), compression: oneOf("none", "gzip", "snappy", "lz4", "zstd"), idempotence: oneOf(true, false),
  }),
  groups: list(50, {
    group: required(group), topic: required(topicName), consumers: required(whole(1, 8)), rate, instance: text(249, /./),
    assignor: required(oneOf("range", "round-robin", "sticky", "cooperative-sticky")),
    reset: required(oneOf("earliest", "latest")), sessionTimeout: whole(1000, 3_600_000),
  }),
  code: text(MAX_CODE),
  lesson: text(60, /^[a-z0-9-]+$/),
};

/** `{ setup, problems }`: what of a value can be used, and where it is no set-up; a problem is `{ key, what }`. */
export function checkSetup(value) {
  const problems = [];
  const setup = { topics: [], producers: [], groups: [] };
  const complain = (key, what) => {
    if (problems.length < MAX_PROBLEMS) problems.push({ key, what: what.slice(0, 80) });
  };
  if (!isObject(value)) return { setup, problems: [{ key: "share_bad", what: "{}" }] };
  for (const [name, one] of Object.entries(value)) {
    const shape = Object.hasOwn(SHAPE, name) ? SHAPE[name] : undefined;
    if (shape === undefined) complain("share_unknown", name);
    else if (typeof shape !== "function") setup[name] = checkList(name, one, shape, complain);
    else if (shape(one)) setup[name] = one;
    else complain("share_bad", name);
  }
  return { setup, problems };
}

function checkList(name, values, { most, fields }, complain) {
  if (!Array.isArray(values)) {
    complain("share_bad", name);
    return [];
  }
  if (values.length > most) complain("share_too_many", `${name}: ${values.length} > ${most}`);
  return values.slice(0, most).filter((value, index) => {
    const at = `${name} ${index + 1}`;
    if (!isObject(value)) return complain("share_bad", at);
    const wrong = Object.entries(fields).find(([field, check]) =>
      value[field] === undefined ? check[REQUIRED] : !check(value[field]));
    if (wrong) return complain("share_bad", `${at}, ${wrong[0]}`);
    for (const field of Object.keys(value).filter((field) => !Object.hasOwn(fields, field))) {
      complain("share_unknown", `${at}, ${field}`);
      delete value[field];
    }
    return true;
  });
}

/** The set-up that the page has now, from what workers said; `code` and `lesson` where there are any. */
export function currentSetup({ language, standing, brokers, clients }, { code, lesson }) {
  const topics = new Map([...brokers.values()].flatMap((broker) => broker.topics).map((topic) => [topic.name, topic]));
  return withoutNothing({
    language,
    workers: standing.hosts.length || undefined,
    topics: [...topics.values()].map(({ name, leaders, configs: pairs }) =>
      ({ name, partitions: leaders.length, ...(pairs.length > 0 && { configs: Object.fromEntries(pairs) }) })),
    producers: clients.imports.filter(({ state }) => ["running", "resuming"].includes(variant(state)[0]))
      .map(({ request }) => producer(request)),
    groups: groups(clients.consumers),
    code,
    lesson,
  });
}

function producer(request) {
  const [kind, content] = variant(request.source);
  const from = kind === "data-set" ? { dataSet: content.name } : kind === "file" ? { file: content.name }
    : { synthetic: { records: Number(content.records), valueSize: content.value_size } };
  const { topic, partitions, key_field: key, records_per_s, acks, compression, idempotence } = request;
  return withoutNothing({ source: from, topic, partitions, key, rate: records_per_s, acks, compression, idempotence });
}

function groups(consumers) {
  const found = new Map();
  for (const { request, state } of consumers) {
    if (!["joining", "assigned"].includes(variant(state)[0])) continue;
    const one = withoutNothing({
      group: request.group, topic: request.topic, assignor: request.assignor, reset: request.reset,
      rate: request.records_per_s, instance: request.instance_id, sessionTimeout: request.session_timeout_ms,
    });
    const same = JSON.stringify(one);
    if (!found.has(same)) found.set(same, { ...one, consumers: 0 });
    found.get(same).consumers++;
  }
  return [...found.values()];
}

function withoutNothing(values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== null));
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
