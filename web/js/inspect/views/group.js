// A consumer group: its members, how far it is in each partition, and other offsets for it.

import { element } from "../../element.js";
import { commitOffsets, offsetAt } from "../admin.js";
import { groupOf, groupState, lagOf, totalLag } from "../cluster.js";
import { count, duration } from "../format.js";
import { action, actions, field, figures, form, keptRows, link, section, select, table, usable } from "../kit.js";
import { membersHere, oneMore } from "./consuming.js";
import { placeFields } from "./place.js";

export function group(ctx, { group: name }) {
  const { api, t, choose } = ctx;
  const now = () => groupOf(api, name) ?? { state: undefined, assignor: "", members: [], offsets: [] };
  const { list, update } = figures([
    [t("state"), () => groupState(t, now().state), "group-state"],
    [t("members"), () => now().members.length, "group-members"],
    [t("lag"), () => count(totalLag(now())), "group-lag"],
    ["partition.assignment.strategy", () => now().assignor || undefined],
  ]);
  const members = table(t("members"), [t("member"), t("reads")], "group-member-table");
  const fillMembers = keptRows(members.body, () => now().members.map((member) => memberRow(ctx, name, member)));
  const offsets = table(t("offsets"), [t("partition"), [t("committed"), "number"], [t("end"), "number"], [t("lag"), "number"], [t("lag_time"), "number"]], "group-offsets");
  const fillOffsets = keptRows(offsets.body, () => now().offsets.map((offset) => offsetRow(ctx, offset, lagTime(api, name, offset))));
  const stopAll = (leave) => async () => {
    for (const { consumer } of membersHere(api, name)) await api.request({ "stop-consumer": { consumer, leave } });
    return t("group_stopping");
  };
  const leave = action(ctx, "group-leave", t("all_leave"), stopAll(true));
  const more = action(ctx, "group-more", t("one_more"), async () => {
    const [like] = membersHere(api, name);
    if (like === undefined) choose({ kind: "add-consumers", group: name, topic: now().offsets[0]?.topic });
    else return t("started_consumer", { id: (await oneMore(api, like))[0] });
    return "";
  });
  return {
    eyebrow: t("group"),
    title: name,
    body: [list, members.whole, ...actions(more, leave, deletion(ctx, name)), section(t("offsets"), true, offsets.whole), section(t("reset_offsets"), false, reset(ctx, name, now))],
    update: () => {
      update();
      usable(leave.button, membersHere(api, name).length > 0);
      fillMembers(JSON.stringify([now().members, membersHere(api, name).map(({ consumer, member_id }) => [String(consumer), member_id])]));
      fillOffsets(JSON.stringify(now().offsets.map((offset) => [offset, lagTime(api, name, offset)]), (_, value) => (typeof value === "bigint" ? String(value) : value)));
    },
  };
}

function memberRow({ api, t, choose }, group, { member_id, instance_id, client_id, partitions }) {
  const here = membersHere(api, group).find((one) => one.member_id === member_id);
  const name = here ? link(`go-consumer-${here.consumer}`, t("consumer_name", { id: here.consumer }), () => choose({ kind: "consumer", consumer: here.consumer }))
    : element("span", {}, client_id);
  const reads = partitions.map(([topic, partition]) => element("span", { class: "tag" },
    element("span", { class: "swatch", "data-p": partition % 8, "aria-hidden": "true" }), t("short_partition", { topic, partition })));
  return element("tr", {}, element("th", { scope: "row" }, name, element("div", { class: "hint" }, instance_id ?? (here ? "" : t("not_of_this_page")))),
    element("td", {}, ...(reads.length > 0 ? reads : [element("span", { class: "hint" }, t("nothing"))])));
}

/** How far behind its reader is, if that is one of the page's own. */
function lagTime(api, group, { topic, partition }) {
  const read = membersHere(api, group).flatMap(({ partitions }) => partitions).find((one) => one.topic === topic && one.partition === partition);
  return read?.lag_ms;
}

function offsetRow({ t, choose }, offset, lag_ms) {
  const { topic, partition, committed, end_offset } = offset;
  const number = (value, name) => element("td", { class: "number", "data-testid": name }, value ?? "–");
  return element("tr", {}, element("th", { scope: "row" }, element("span", { class: "swatch", "data-p": partition % 8, "aria-hidden": "true" }),
    link(`go-partition-${topic}-${partition}`, t("short_partition", { topic, partition }), () => choose({ kind: "partition", topic, partition }))),
  number(count(committed), `committed-${topic}-${partition}`), number(count(end_offset)), number(count(lagOf(offset))), number(duration(lag_ms)));
}

/** Offsets can be set when nobody of the group reads. */
function reset(ctx, name, now) {
  const { t } = ctx;
  const to = select("reset-to", ["earliest", "latest", "offset", "time"].map((value) => [value, t(`reset_${value}`)]), "earliest");
  const which = select("reset-which", [["", t("all_partitions")], ...now().offsets.map(({ topic, partition }) => [`${topic} ${partition}`, t("partition_of", { topic, partition })])], "");
  const { fields, offset, time } = placeFields(ctx, "reset", to);
  return form("reset-go", [field(t("reset_to"), to), field(t("partition"), which), ...fields], t("reset_offsets"), async () => {
    const chosen = now().offsets.filter(({ topic, partition }) => which.value === "" || which.value === `${topic} ${partition}`);
    if (chosen.length === 0) throw new Error(t("no_offsets"));
    const targets = await Promise.all(chosen.map(async (one) => ({ topic: one.topic, partition: one.partition, offset: await target(ctx, one, to.value, { offset, time }) })));
    await commitOffsets(ctx.api, name, targets);
    return t("offsets_reset", { count: targets.length });
  });
}

async function target(ctx, { topic, partition, log_start_offset: start, end_offset: end }, to, controls) {
  if (to === "earliest") return start;
  if (to === "latest") return end ?? start;
  if (to === "time") return (await offsetAt(ctx.api, topic, partition, controls.time())) ?? end ?? start;
  const wanted = controls.offset();
  if (wanted < start || wanted > (end ?? start)) throw new Error(ctx.t("offset_outside", { topic, partition, start: count(start), end: count(end ?? start) }));
  return wanted;
}

function deletion(ctx, name) {
  const { api, t } = ctx;
  const work = async () => {
    await api.request({ "delete-group": { group: name } });
    ctx.back();
  };
  return action(ctx, "group-delete", t("delete_group"), work, { kind: "danger", ask: () => ({ title: t("delete_group"), text: t("delete_group_ask", { group: name }) }) });
}
