// Starting consumers: the fields for it, and as many as wanted.

import { element } from "../../element.js";
import { consumerOf, isReading, shownByClients, topics } from "../cluster.js";
import { field, input, select, wholeNumber } from "../kit.js";

const ASSIGNORS = [["range", "range"], ["round-robin", "roundrobin"], ["sticky", "sticky"], ["cooperative-sticky", "cooperative-sticky"]];

/** The fields of consumers to start; `read` gives how many, and a `ConsumerRequest`. */
export function consumerFields(ctx, { group, topic }) {
  const { api, t } = ctx;
  const groupField = input("consumers-group", { value: group ?? "group-1", spellcheck: "false" });
  const names = [...topics(api).keys()];
  const topicField = select("consumers-topic", names.map((name) => [name, name]), topic);
  const number = input("consumers-count", { type: "number", min: 1, max: 16, value: 1 });
  const assignor = select("consumers-assignor", ASSIGNORS, "range");
  const reset = select("consumers-reset", [["earliest", t("earliest")], ["latest", t("latest")]], "earliest");
  const rate = input("consumers-rate", { type: "number", min: 1, placeholder: t("no_limit") });
  const instance = input("consumers-instance", { spellcheck: "false" });
  const read = () => {
    const limit = wholeNumber(ctx, rate, { min: 1n, max: 4294967295n, empty: null });
    return {
      count: Number(wholeNumber(ctx, number, { min: 1n, max: 16n })),
      request: {
        group: groupField.value.trim(), topic: topicField.value, assignor: assignor.value, reset: reset.value,
        records_per_s: limit === null ? undefined : Number(limit), instance_id: instance.value.trim() || undefined,
      },
    };
  };
  const pair = (...fields) => element("div", { class: "pair" }, ...fields);
  const whole = element("div", { class: "stack" }, pair(field(t("group"), groupField), field(t("topic"), topicField)),
    pair(field(t("how_many"), number), field(t("rate_each"), rate)),
    field("partition.assignment.strategy", assignor), field("auto.offset.reset", reset),
    field("group.instance.id", instance, t("instance_hint")));
  return { whole, read };
}

/** Starts so many consumers. Static members of one group get names of their own: `id`, then `id-2` and so on. */
export async function startConsumers(api, request, count = 1) {
  const started = [];
  for (let number = 1; number <= count; number++) {
    const instance_id = request.instance_id && number > 1 ? `${request.instance_id}-${number}` : request.instance_id;
    const reply = await api.request({ "start-consumer": { ...request, instance_id } });
    started.push(reply["consumer-started"].consumer);
  }
  await shownByClients(api, () => consumerOf(api, started.at(-1)));
  return started;
}

/** One more like another: a static member's name is its own, so the new one has none. */
export function oneMore(api, { request }) {
  return startConsumers(api, { ...request, instance_id: undefined });
}

/** The page's own consumers of a group that have not ended. */
export function membersHere(api, group) {
  return api.clients.consumers.filter((one) => one.request.group === group && isReading(one));
}
