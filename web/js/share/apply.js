// Doing what a person has chosen of a link: making and starting only, nothing is deleted and no code is run.

import { DATA_SETS } from "./setup.js";

const READY_MS = 30_000;

const DEEDS = {
  language: (api, language) => api.setLanguage(language),

  async workers(api, count) {
    api.act("set-workers", count);
    await until(api, ({ hosts, brokers }) => hosts.length === count && allRun(brokers));
  },

  topic: (api, { name, partitions, configs = {} }) =>
    api.request({ "create-topic": { name, partitions, configs: Object.entries(configs) } }),

  producer: (api, { source, topic, partitions, key, rate, acks, compression, idempotence }) =>
    api.request({ import: {
      source: sourceOf(source), topic, partitions, configs: [], key_field: key, records_per_s: rate, again: false,
      ...(acks && { acks }), ...(compression && { compression }), idempotence,
    } }),

  async group(api, { group, topic, assignor, reset, rate, instance, sessionTimeout, consumers }) {
    const request = { group, topic, assignor, reset, records_per_s: rate, instance_id: instance, session_timeout_ms: sessionTimeout };
    for (let index = 0; index < consumers; index++) await api.request({ "start-consumer": request });
  },

  async code(api, text) {
    (await api.load("code")).showLinkedCode(api, text);
  },

  async lesson(api, id) {
    await (await api.load("lessons")).openLessons(api, id);
  },
};

/** Does the chosen items in their order, which is the one that they need; answers the failed ones: `{ item, error }`. */
export async function applyItems(api, items) {
  const failed = [];
  await until(api, ({ canAct, brokers }) => canAct && allRun(brokers));
  for (const item of items) {
    try {
      await DEEDS[item.kind](api, item.value);
    } catch (error) {
      failed.push({ item, error });
    }
  }
  return failed;
}

function sourceOf({ dataSet, synthetic }) {
  if (dataSet !== undefined) return { "data-set": { name: dataSet, url: DATA_SETS[dataSet] } };
  return { synthetic: { records: BigInt(synthetic.records), value_size: synthetic.valueSize } };
}

const allRun = (brokers) => brokers.length > 0 && brokers.every(({ state }) => state === "running");

/** Waits until the workers stand so; not for ever. */
function until(api, holds) {
  return new Promise((resolve, reject) => {
    const finish = (settle, value) => {
      clearTimeout(timer);
      api.removeEventListener("standing", look);
      settle(value);
    };
    const timer = setTimeout(() => finish(reject, new Error(api.t("share_not_ready"))), READY_MS);
    const look = () => {
      if (holds(api.standing)) finish(resolve);
    };
    api.addEventListener("standing", look);
    look();
  });
}
