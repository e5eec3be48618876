// A topic: its partitions, its settings, and what can be done with all of it.

import { element } from "../../element.js";
import { bytesOf, recordsOf, topic as topicOf } from "../cluster.js";
import { bytes, count } from "../format.js";
import { action, actions, field, figures, form, input, keptRows, link, section, table, wholeNumber } from "../kit.js";
import { configs } from "./configs.js";

export function topic(ctx, { topic: name }) {
  const { api, t, choose } = ctx;
  const now = () => topicOf(api, name) ?? { leaders: [], partitions: [], configs: [] };
  const { list, update } = figures([
    [t("partitions"), () => now().leaders.length, "topic-partitions"],
    [t("records"), () => count(recordsOf(now())), "topic-records"],
    [t("bytes"), () => bytes(bytesOf(now()))],
  ]);
  const gone = element("p", { class: "problem", hidden: true }, t("topic_gone"));
  const { whole, body } = table(t("partitions"), [t("partition"), t("leader"), [t("start"), "number"], [t("end"), "number"], [t("segments"), "number"], [t("bytes"), "number"]], "topic-table");
  const fill = keptRows(body, (found) => found.leaders.map((leader, partition) => partitionRow(ctx, name, found, partition, leader)));
  return {
    eyebrow: t("topic"),
    title: name,
    body: [gone, list, whole, ...actions(
      go(ctx, "send", name), go(ctx, "tail", name), go(ctx, "export", name), deleteRecords(ctx, name), deleteTopic(ctx, name),
    ), section(t("settings"), true, configs(ctx, name)), section(t("add_partitions"), false, addPartitions(ctx, name, now))],
    update: () => {
      const found = now();
      gone.hidden = found.leaders.length > 0;
      update();
      fill(JSON.stringify([found.leaders, found.partitions], (_, value) => (typeof value === "bigint" ? String(value) : value)), found);
    },
  };
}

/** A button to another view of the same topic. */
export function go({ t, choose }, kind, topic, partition) {
  return { button: element("button", { type: "button", "data-testid": `go-${kind}`, onclick: () => choose({ kind, topic, partition }) }, t(kind)), said: "" };
}

function partitionRow({ t, choose }, name, { partitions }, partition, leader) {
  const figure = partitions[partition];
  const number = (value) => element("td", { class: "number" }, value ?? "–");
  return element("tr", {},
    element("th", { scope: "row" }, element("span", { class: "swatch", "data-p": partition % 8, "aria-hidden": "true" }),
      link(`go-partition-${partition}`, t("partition_name", { partition }), () => choose({ kind: "partition", topic: name, partition }))),
    element("td", {}, link(`go-leader-${partition}-${leader}`, t("broker_name", { nodeId: leader }), () => choose({ kind: "broker", nodeId: leader }))),
    number(count(figure?.log_start_offset)), number(count(figure?.high_watermark)), number(count(figure?.segments)), number(bytes(figure?.size_bytes)));
}

function addPartitions(ctx, name, now) {
  const { api, t } = ctx;
  const control = input("partitions-count", { type: "number", min: 1, value: now().leaders.length + 1, required: true });
  return form("partitions-add", [field(t("partitions_afterwards"), control, t("add_partitions_hint"))], t("add_partitions"), async () => {
    const wanted = Number(wholeNumber(ctx, control, { min: 1n, max: 2147483647n }));
    await api.request({ "create-partitions": { name, count: wanted } });
    return t("partitions_added", { count: wanted });
  });
}

function deleteRecords(ctx, name) {
  const { api, t } = ctx;
  const work = async () => {
    const found = topicOf(api, name);
    for (const [partition, figure] of (found?.partitions ?? []).entries()) {
      if (figure === undefined) throw new Error(t("leader_silent", { partition }));
      await api.request({ "delete-records": { topic: name, partition, before: figure.high_watermark } });
    }
    return t("records_deleted");
  };
  const ask = () => ({ title: t("delete_records"), text: t("delete_records_ask", { topic: name }) });
  return action(ctx, "records-delete", t("delete_records"), work, { kind: "danger", ask });
}

function deleteTopic(ctx, name) {
  const { api, t } = ctx;
  const work = async () => {
    await api.request({ "delete-topic": { name } });
    ctx.back();
  };
  const ask = () => ({ title: t("delete_topic"), text: t("delete_topic_ask", { topic: name }) });
  return action(ctx, "topic-delete", t("delete_topic"), work, { kind: "danger", ask });
}
