// A consumer: what it reads and how fast; it can leave, be killed, and get company.

import { element } from "../../element.js";
import { consumerOf, groupOf, isReading, lagOf } from "../cluster.js";
import { bytes, count, duration, rate } from "../format.js";
import { action, actions, figures, keptRows, link, section, setText, table, usable } from "../kit.js";
import { Meter } from "../meter.js";
import { oneMore } from "./consuming.js";
import { rateForm } from "./rate.js";

export function consumer(ctx, { consumer: id }) {
  const { api, t, choose } = ctx;
  const now = () => consumerOf(api, id);
  const first = now();
  if (first === undefined) return { eyebrow: t("consumer"), title: "", body: [element("p", { class: "empty" }, t("consumer_gone"))] };
  const { request } = first;
  const meter = new Meter();
  const { list, update } = figures([
    [t("state"), () => stateOf(ctx, now()), "consumer-state"],
    [t("records"), () => count(now()?.records), "consumer-records"],
    [t("bytes"), () => bytes(now()?.bytes)],
    [t("records_per_s"), () => (now() && isReading(now()) ? rate(meter.rate()) : undefined)],
    [t("lag"), () => count(lag(api, now())), "consumer-lag"],
    [t("lag_time"), () => duration(lagTime(now()))],
    [t("generation"), () => now()?.generation],
    ["member.id", () => now()?.member_id || undefined],
    ["group.instance.id", () => request.instance_id],
    ["partition.assignment.strategy", () => request.assignor.replace("round-robin", "roundrobin")],
  ]);
  const problem = element("p", { class: "problem", hidden: true });
  const reads = table(t("what_it_reads"), [t("partition"), [t("position"), "number"], [t("lag_time"), "number"]], "consumer-reads");
  const fillReads = keptRows(reads.body, (partitions) => partitions.map(({ topic, partition, position, lag_ms }) => element("tr", {},
    element("th", { scope: "row" }, element("span", { class: "swatch", "data-p": partition % 8, "aria-hidden": "true" }),
      link(`go-partition-${topic}-${partition}`, t("short_partition", { topic, partition }), () => choose({ kind: "partition", topic, partition }))),
    element("td", { class: "number" }, count(position) ?? "–"), element("td", { class: "number" }, duration(lag_ms) ?? "–"))));
  const seen = element("ul", { class: "things" });
  const fillSeen = keptRows(seen, (records) => records.map(({ partition, offset, value }) => element("li", {},
    link(`go-record-${partition}-${offset}`, t("record_short", { partition, offset: count(offset) }), () => choose({ kind: "record", topic: request.topic, partition, offset })),
    element("code", { class: "shortened" }, value))));
  const ending = ends(ctx, id);
  const pace = rateForm(ctx, "consumer", request.records_per_s, (records_per_s) => api.request({ "set-rate": { consumer: BigInt(id), records_per_s } }));
  return {
    eyebrow: t("consumer"),
    title: t("consumer_name", { id }),
    body: [list, problem, ...actions(...ending.all, one(ctx, now)),
      link("go-group", t("group_named", { group: request.group }), () => choose({ kind: "group", group: request.group })),
      section(t("pace"), true, pace), section(t("what_it_reads"), true, reads.whole), section(t("last_records"), false, seen)],
    update: () => {
      const found = now();
      if (found === undefined) return;
      meter.see(Number(found.records));
      update();
      ending.all.forEach(({ button }) => { usable(button, isReading(found)); });
      const failed = found.state?.failed;
      problem.hidden = failed === undefined;
      if (failed) setText(problem, `${failed.kind}: ${failed.message}`);
      fillReads(found.partitions.map(({ topic, partition, position, lag_ms }) => `${topic}-${partition}@${position}@${lag_ms}`).join(), found.partitions);
      fillSeen(found.last_records.map(({ partition, offset }) => `${partition}:${offset}`).join(), found.last_records);
    },
  };
}

function ends(ctx, id) {
  const { api, t } = ctx;
  const end = (leave, said) => async () => {
    await api.request({ "stop-consumer": { consumer: BigInt(id), leave } });
    return t(said);
  };
  return { all: [action(ctx, "consumer-leave", t("leave"), end(true, "has_left")), action(ctx, "consumer-kill", t("kill"), end(false, "was_killed"), { kind: "danger" })] };
}

function one(ctx, now) {
  const { api, t } = ctx;
  return action(ctx, "consumer-more", t("one_more"), async () => {
    const [id] = await oneMore(api, now());
    return t("started_consumer", { id });
  });
}

function stateOf({ t }, found) {
  if (found === undefined) return t("consumer_gone");
  return t(`consumer_${typeof found.state === "string" ? found.state : Object.keys(found.state)[0]}`);
}

/** How far behind it is in the partition where it is most. */
function lagTime(found) {
  const known = (found?.partitions ?? []).map(({ lag_ms }) => lag_ms).filter((lag) => lag !== undefined && lag !== null);
  return known.length > 0 ? Math.max(...known) : undefined;
}

/** How many records of its partitions lie ahead of it, by its own position. */
function lag(api, found) {
  const known = found && groupOf(api, found.request.group);
  if (known === undefined) return undefined;
  return found.partitions.reduce((total, { topic, partition, position }) => {
    const offset = known.offsets.find((one) => one.topic === topic && one.partition === partition);
    return total + (offset === undefined ? 0n : lagOf({ ...offset, committed: position ?? offset.committed }) ?? 0n);
  }, 0n);
}
