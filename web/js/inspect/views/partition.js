// A partition: how far its log goes, where to read, and what can be done with its records.

import { element } from "../../element.js";
import { topic as topicOf } from "../cluster.js";
import { bytes, count } from "../format.js";
import { action, actions, field, figures, form, input, link, section, wholeNumber } from "../kit.js";
import { segments } from "./segments.js";
import { go } from "./topic.js";

export function partition(ctx, { topic, partition, baseOffset }) {
  const { api, t, choose } = ctx;
  const figure = () => topicOf(api, topic)?.partitions[partition];
  const { list, update } = figures([
    [t("start"), () => count(figure()?.log_start_offset), "partition-start"],
    [t("end"), () => count(figure()?.high_watermark), "partition-end"],
    [t("segments"), () => count(figure()?.segments)],
    [t("bytes"), () => bytes(figure()?.size_bytes)],
  ]);
  const stored = segments(ctx, topic, partition, baseOffset);
  let known = figure()?.segments;
  const leader = topicOf(api, topic)?.leaders[partition] ?? 0;
  return {
    eyebrow: t("partition"),
    title: t("partition_of", { topic, partition }),
    body: [list, element("p", { class: "buttons" },
      link("go-topic", t("topic_named", { topic }), () => choose({ kind: "topic", topic })),
      link("go-leader", t("led_by", { nodeId: leader }), () => choose({ kind: "broker", nodeId: leader }))),
    lookUp(ctx, topic, partition, figure),
    ...actions(go(ctx, "send", topic, partition), go(ctx, "tail", topic, partition), go(ctx, "export", topic, partition),
      deleteBefore(ctx, topic, partition, figure)), section(t("as_stored"), true, stored.whole)],
    update: () => {
      update();
      // A roll or a deletion; what else changes is looked at when a person asks.
      if (figure()?.segments !== known) stored.look();
      known = figure()?.segments;
    },
  };
}

function lookUp(ctx, topic, partition, figure) {
  const { t, choose } = ctx;
  const last = () => {
    const end = figure()?.high_watermark;
    return end > 0n ? end - 1n : 0n;
  };
  const control = input("partition-offset", { inputmode: "numeric", value: last() });
  return form("partition-look", [field(t("offset"), control)], t("look_at_record"), async () => {
    choose({ kind: "record", topic, partition, offset: wholeNumber(ctx, control, { min: 0n }) });
  });
}

function deleteBefore(ctx, topic, partition, figure) {
  const { api, t } = ctx;
  const work = async () => {
    await api.request({ "delete-records": { topic, partition, before: figure().high_watermark } });
    return t("records_deleted");
  };
  const ask = () => ({ title: t("delete_records"), text: t("delete_records_ask", { topic: t("partition_of", { topic, partition }) }) });
  return action(ctx, "records-delete", t("delete_records"), work, { kind: "danger", ask });
}
