// A new producer, a new topic, new consumers.

import { topics } from "../cluster.js";
import { field, form, input, select, wholeNumber } from "../kit.js";
import { consumerFields, startConsumers } from "./consuming.js";
import { sourceFields, start } from "./source.js";

export function addProducer(ctx, { topic } = {}) {
  const { api, t, choose } = ctx;
  const known = { source: { "data-set": { name: "vehicles" } }, topic: topic ?? "vehicles", partitions: 4, key_field: "id" };
  const { whole, read } = sourceFields(ctx, known);
  const rate = input("producer-rate", { type: "number", min: 1, value: 100, placeholder: t("no_limit") });
  const again = select("producer-again", [["no", t("again_no")], ["yes", t("again_yes")]], "no");
  const body = form("producer-start", [whole, field(t("rate"), rate, t("rate_hint")), field(t("again"), again)], t("start_producer"), async () => {
    const limit = wholeNumber(ctx, rate, { min: 1n, max: 4294967295n, empty: null });
    const request = { ...read(), configs: [], records_per_s: limit === null ? undefined : Number(limit), again: again.value === "yes" };
    choose({ kind: "producer", import: await start(api, request) });
  });
  return { eyebrow: t("producer"), title: t("add_producer"), body: [body] };
}

export function addTopic(ctx) {
  const { api, t, choose } = ctx;
  const name = input("new-topic-name", { spellcheck: "false" });
  const partitions = input("new-topic-partitions", { type: "number", min: 1, value: 3 });
  const policy = select("new-topic-policy", ["delete", "compact", "compact,delete"].map((value) => [value, value]), "delete");
  const body = form("new-topic-create", [
    field(t("name"), name), field(t("partitions"), partitions), field("cleanup.policy", policy, t("other_settings_later")),
  ], t("create_topic"), async () => {
    const request = {
      name: name.value.trim(),
      partitions: Number(wholeNumber(ctx, partitions, { min: 1n, max: 2147483647n })),
      configs: policy.value === "delete" ? [] : [["cleanup.policy", policy.value]],
    };
    await api.request({ "create-topic": request });
    choose({ kind: "topic", topic: request.name });
  });
  return { eyebrow: t("topic"), title: t("add_topic"), body: [body] };
}

export function addConsumers(ctx, { group, topic } = {}) {
  const { api, t, choose } = ctx;
  if (topics(api).size === 0) return { eyebrow: t("group"), title: t("add_consumers"), body: [t("no_topic_to_consume")] };
  const { whole, read } = consumerFields(ctx, { group, topic });
  const body = form("consumers-start", [whole], t("start_consumers"), async () => {
    const { count, request } = read();
    await startConsumers(api, request, count);
    choose({ kind: "group", group: request.group });
  });
  return { eyebrow: t("group"), title: t("add_consumers"), body: [body] };
}
