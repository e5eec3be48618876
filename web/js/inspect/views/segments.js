// A partition's log as it is stored: its segments by size, their indexes, and the producers that it knows.

import { element } from "../../element.js";
import { bytes, count, isoTime } from "../format.js";
import { figures, link, reason, table } from "../kit.js";

/** The segments of a partition; `chosen` is the first offset of the one that is shown at first, else the active one. `look` brings it up to date. */
export function segments(ctx, topic, partition, chosen) {
  const { api, t } = ctx;
  const place = element("div", { class: "stack" }, element("p", { class: "hint" }, t("loading")));
  let wanted = chosen === undefined ? undefined : BigInt(chosen);
  const choose = (base) => {
    wanted = base;
    return look();
  };
  const look = async () => {
    try {
      const log = await api.describeLog(topic, partition);
      const focused = place.contains(document.activeElement) ? document.activeElement.dataset.testid : undefined;
      place.replaceChildren(...shown(ctx, log, wanted, choose, look));
      if (focused) place.querySelector(`[data-testid="${CSS.escape(focused)}"]`)?.focus();
    } catch (error) {
      place.replaceChildren(element("p", { class: "problem", role: "alert" }, reason(error)), link("segments-again", t("try_again"), look));
    }
  };
  look();
  return { whole: place, look };
}

function shown(ctx, log, wanted, choose, look) {
  const { t } = ctx;
  const active = log.segments.at(-1);
  const chosen = log.segments.find(({ base_offset }) => base_offset === wanted) ?? active;
  const bar = element("div", { class: "segments", role: "group", "aria-label": t("segments"), "data-p": log.partition % 8 },
    ...log.segments.map((one) => button(ctx, one, one === active, one === chosen, choose)));
  const left = log.segment_count - log.segments.length;
  const { list, update } = figures([
    [t("leader_epoch"), () => log.leader_epoch],
    [t("last_stable_offset"), () => count(log.last_stable_offset)],
    [t("segments"), () => count(log.segment_count), "log-segments"],
  ]);
  update();
  return [list, bar, ...(left > 0 ? [element("p", { class: "hint" }, t("older_segments", { count: left }))] : []),
    ...(chosen === undefined ? [] : oneSegment(ctx, chosen, chosen === active)), link("segments-look", t("look_again"), look), ...producers(ctx, log)];
}

function button({ t }, one, isActive, isChosen, choose) {
  const label = t(isActive ? "segment_active" : "segment_label", { start: count(one.base_offset), end: count(one.end_offset), bytes: bytes(one.size_bytes) });
  const made = element("button", {
    type: "button", "aria-pressed": String(isChosen), "data-testid": `segment-${one.base_offset}`, "aria-label": label, title: label,
    class: isActive ? "active" : "", onclick: () => choose(one.base_offset),
  }, count(one.base_offset));
  // As wide as it is large, and never too small to touch.
  made.style.flexGrow = String(Math.max(1, Number(one.size_bytes)));
  return made;
}

/** The name of a segment's file, as Kafka has it. */
export function fileName(base) {
  return `${String(base).padStart(20, "0")}.log`;
}

function oneSegment({ t }, one, isActive) {
  const { list, update } = figures([
    [t("segment"), () => fileName(one.base_offset), "segment-name"],
    [t("offsets"), () => `${count(one.base_offset)} – ${count(one.end_offset > one.base_offset ? one.end_offset - 1n : one.base_offset)}`],
    [t("bytes"), () => bytes(one.size_bytes)],
    [t("latest_timestamp"), () => (one.max_timestamp === undefined || one.max_timestamp === null ? undefined : isoTime(one.max_timestamp))],
    [t("state"), () => [isActive ? t("is_active") : t("is_closed"), one.is_compacted ? t("is_compacted") : ""].filter(Boolean).join(", ")],
  ]);
  update();
  const numbers = (...cells) => element("tr", {}, ...cells.map((cell) => element("td", { class: "number" }, cell)));
  const offsets = table(t("offset_index"), [[t("offset"), "number"], [t("position"), "number"]], "offset-index");
  offsets.body.append(...one.offset_index.map(([offset, position]) => numbers(count(offset), count(position))));
  const times = table(t("time_index"), [[t("timestamp"), "number"], [t("offset"), "number"]], "time-index");
  times.body.append(...one.time_index.map(([timestamp, offset]) => {
    const whole = isoTime(timestamp);
    return numbers(element("time", { title: whole ?? "" }, whole?.slice(11, 23) ?? String(timestamp)), count(offset));
  }));
  const more = one.index_entries - one.offset_index.length;
  const titled = (title, { whole }) => element("div", {}, element("h4", {}, title), whole);
  return [list, element("p", { class: "hint" }, t("index_hint")), element("div", { class: "indexes" }, titled(t("offset_index"), offsets), titled(t("time_index"), times)),
    ...(more > 0 ? [element("p", { class: "hint" }, t("more_entries", { count: count(more) }))] : [])];
}

function producers({ t }, log) {
  if (log.producers.length === 0) return [];
  const { whole, body } = table(t("known_producers"), [["producer.id", "number"], [t("epoch"), "number"], [t("last_sequence"), "number"], t("last_seen")], "log-producers");
  body.append(...log.producers.map((one) => element("tr", {},
    ...[one.producer_id, one.producer_epoch, one.last_sequence].map((cell) => element("td", { class: "number" }, String(cell))),
    element("td", { class: "time" }, isoTime(one.last_timestamp) ?? "–"))));
  return [element("h4", {}, t("known_producers")), whole];
}
