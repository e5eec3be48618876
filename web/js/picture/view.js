// The picture in SVG, described for `patch`: shapes and words out of a layout. Nothing of the DOM.

import { at } from "./model.js";
import { appendRoad, fetchRoad } from "./layout.js";

const REBALANCING = ["PreparingRebalance", "CompletingRebalance"];
/** States of brokers in which their partitions can be used. */
const UP = "running";

/**
 * `{ described, items }`: what is drawn, and by key what each thing that can be chosen is. `words` has `t`, `count` (a number,
 * grouped), `brief` (a short one) and `size` (of bytes); `chosen` and `current` are keys.
 */
export function viewOf(model, layout, words, { chosen, current }) {
  const items = new Map();
  const item = (detail, label, parts, more = {}) => {
    const key = more.key ?? keyOf(detail);
    items.set(key, detail);
    return [key, "g", {
      class: `item ${more.key ? "" : `k-${detail.kind}`} ${more.class ?? ""}`, role: "button", "data-key": key, ...more.data,
      "aria-pressed": String(key === chosen || keyOf(detail) === chosen), tabindex: key === current ? "0" : "-1",
    }, [["title", "title", {}, label], ...parts]];
  };
  const boxes = [
    ...layout.producerBoxes.map((box) => producer(box, words, item)),
    ...rest(layout.moreProducers, model.moreProducers, "producers", words),
    ...layout.brokerBoxes.flatMap((box) => broker(box, words, item)),
    ...layout.groupBoxes.flatMap((box) => group(box, words, item)),
    ...rest(layout.moreGroups, model.moreGroups, "groups", words),
  ];
  if (!items.has(current) && items.size > 0) {
    const first = boxes.find(([key]) => items.has(key));
    first[2].tabindex = "0";
  }
  return { described: [["roads", "g", { class: "roads", "aria-hidden": "true" }, roads(layout)], ...boxes], items };
}

/** The name of something that can be chosen. */
export function keyOf({ kind, import: produces, consumer: reads, topic, partition, nodeId, group }) {
  const shown = kind === "record" || kind === "segment" ? "partition" : kind;
  return [shown, produces ?? reads ?? nodeId ?? group ?? topic, partition].filter((part) => part !== undefined).join(" ");
}

const path = ([x0, y0, ...curve]) => `M${[x0, y0].map(Math.round)}C${curve.map(Math.round)}`;
const colour = (partition) => `p${partition % 8}`;
const box = ({ x, y, width, height }, more) => ["box", "rect", { class: "box", x, y, width, height, rx: 12, ...more }];
// A title says it in words; what only repeats that in figures, or was cut off, is not part of a button's name.
const text = (key, x, y, kind, content) => [key, "text", { x, y, class: kind, "aria-hidden": /^(mu|f|ti|nu)|…/.test(kind + content) }, content];

function roads(layout) {
  const all = [];
  for (const one of layout.producerBoxes) {
    for (const row of layout.logs.values()) {
      if (row.log.topic !== one.producer.topic) continue;
      const road = appendRoad(layout, one, row);
      all.push([`${one.producer.key} ${at(row.log.topic, row.log.partition)}`, "path",
        { class: `${colour(row.log.partition)} ${row.log.up && one.producer.state === UP ? "" : "idle"}`, d: path(road.curve) }]);
    }
  }
  for (const row of layout.consumers) {
    for (const { topic, partition } of row.consumer.partitions) {
      const log = layout.logs.get(at(topic, partition));
      if (log === undefined) continue;
      const road = fetchRoad(layout, log, row);
      all.push([`${row.consumer.key} ${at(topic, partition)}`, "path", { class: `${colour(partition)} ${log.log.up ? "" : "idle"}`, d: path(road.curve) }]);
    }
  }
  return all;
}

/** A text that has room, with an ellipsis where it was cut; letters of East Asia are twice as wide. */
export function fit(content, width, size = 13) {
  let left = width / size;
  for (let i = 0; i < content.length; i++) {
    left -= content.charCodeAt(i) > 0x2e7f ? 1 : 0.6;
    if (left < 0) return `${content.slice(0, Math.max(1, i - 1))}…`;
  }
  return content;
}

function rest(place, count, what, { t, count: number }) {
  if (!place) return [];
  return [[`more ${what}`, "text", { class: "muted", x: place.x + 10, y: place.y + 16 }, t("picture_more", { n: number(count) })]];
}

function producer(place, words, item) {
  const { x, y, width, producer: one } = place;
  const state = words.t(`picture_import_${one.state}`);
  const how = one.state === UP ? `${words.brief(one.rate)}/s` : state;
  const label = words.t("picture_producer_label", { name: one.name, topic: one.topic, state, rate: words.brief(one.rate), n: words.count(one.records ?? 0) });
  // Of a client that only the trace knows there is nothing closer to see than what it writes to.
  const detail = one.id === undefined ? { kind: "topic", topic: one.topic } : { kind: "producer", import: one.id, topic: one.topic };
  return item(detail, label, [
    box(place),
    ["bar", "rect", { class: "bar", x: x + 8, y: y + 14, width: 4, height: place.height - 28, rx: 2 }],
    ["dot", "circle", { class: "state", cx: x + width - 16, cy: y + 20, r: 4 }],
    text("name", x + 22, y + 24, "name", fit(one.name, width - 56, 14)),
    text("topic", x + 22, y + 41, "muted", fit(`→ ${one.topic}`, width - 30, 12)),
    text("rate", x + 22, y + 57, "figure", fit(`${how} · ${words.brief(one.records ?? 0)}`, width - 30, 12)),
  ], { key: one.key, class: `k-producer ${one.state}`, data: { "data-records": one.records } });
}

function broker(place, words, item) {
  const { x, y, width, broker: one } = place;
  const state = words.t(`picture_state_${one.state}`);
  const label = words.t("picture_broker_label", { n: one.nodeId, worker: one.host ?? "–", state, partitions: one.partitions.length + one.more });
  const title = words.t("picture_broker", { n: one.nodeId });
  const buttonWidth = one.act ? words.width(words.t(`picture_${one.act}`)) : 0;
  const room = width - 40 - buttonWidth - title.length * 8;
  const where = one.host === undefined || room < 90 ? state : `${state} · ${words.t("picture_worker", { n: one.host })}`;
  const parts = [
    item({ kind: "broker", nodeId: one.nodeId, host: one.host }, label, [
      box(place),
      ["bar", "rect", { class: "bar", x: x + 12, y: y - 1, width: 36, height: 3, rx: 1.5 }],
      ["dot", "circle", { class: "state", cx: x + 18, cy: y + 21, r: 4.5 }],
      text("name", x + 32, y + 26, "name", title),
      text("where", x + 40 + title.length * 8, y + 26, "muted", fit(where, room, 12)),
    ], { class: one.state, data: { "data-state": one.state } }),
  ];
  if (one.act) parts.push(hostButton(place, buttonWidth, words, item));
  for (const topic of place.topics) parts.push(topicLine(topic, one.nodeId, words, item));
  for (const log of one.partitions) parts.push(partition(place.rows.get(log), words, item));
  const note = one.more > 0 ? words.t("picture_more_partitions", { n: words.count(one.more) })
    : one.partitions.length === 0 ? words.t("picture_no_partitions") : undefined;
  if (note) parts.push([`note ${one.nodeId}`, "text", { class: "muted", x: x + 18, y: place.moreY + 13 }, note]);
  return parts;
}

function hostButton({ x, y, width, broker: one }, wide, words, item) {
  const place = { x: x + width - wide - 10, y: y + 9, width: wide, height: 24 };
  const label = words.t(`picture_${one.act}_label`, { n: one.host });
  return item({ kind: one.act, host: one.host }, label, [
    ["box", "rect", { class: "box", ...place, rx: 6 }],
    text("name", place.x + wide / 2, place.y + 16, "middle", words.t(`picture_${one.act}`)),
  ], { key: `${one.act} ${one.nodeId}`, class: `act ${one.act}` });
}

function topicLine(place, nodeId, words, item) {
  const shown = fit(place.name, place.width - 40, 12);
  return item({ kind: "topic", topic: place.name }, words.t("picture_topic_label", { topic: place.name }), [
    ["box", "rect", { class: "touch", x: place.x + 12, y: place.y, width: Math.min(place.width - 24, shown.length * 8 + 16), height: place.height, rx: 6 }],
    text("name", place.x + 18, place.y + 15, "topic-name", shown),
  ], { key: `topic ${place.name} ${nodeId}`, class: "k-topic" });
}

function partition(row, words, item) {
  const { log, x, y, width, strip, scale } = row;
  const { count, t } = words;
  const figures = {
    topic: log.topic, n: log.partition, start: count(log.start), end: count(log.end), records: count(log.end - log.start),
    size: words.size(log.bytes), segments: log.segments, rate: words.brief(log.rate),
  };
  const label = log.known ? t("picture_partition_label", figures) : t("picture_partition_unknown", figures);
  const right = strip.x + strip.width;
  const below = strip.y + strip.height;
  const figure = strip.width < 180 ? figures.size : t(log.segments === 1 ? "picture_log" : "picture_log_segments", figures);
  return item({ kind: "partition", topic: log.topic, partition: log.partition }, label, [
    ["touch", "rect", { class: "touch", x: x + 6, y: y + 1, width: width - 12, height: row.height - 2, rx: 8 }],
    ["chip", "rect", { class: "chip", x: x + 12, y: strip.y, width: 22, height: strip.height, rx: 5 }],
    text("number", x + 23, strip.y + 13, "middle number", String(log.partition)),
    ["track", "rect", { class: "track", x: strip.x, y: strip.y, width: strip.width, height: strip.height, rx: 4 }],
    ["older", "rect", { class: "older", x: strip.x, y: strip.y, width: r(scale.older), height: strip.height, rx: 4 }],
    ["divisions", "path", { class: "divisions", d: divisions(row) }],
    ["cells", "path", { class: "cells", d: cells(row) }],
    ["head", "path", { class: "head", d: log.end > log.start ? cell(strip, scale, log.end - 1) : "" }],
    ...log.marks.flatMap((mark) => marker(mark, row)),
    text("start", strip.x, below + 18, "tiny", log.known ? count(log.start) : "?"),
    text("size", right, below + 18, "tiny end", fit(figure, strip.width - 60, 11)),
    text("end", x + width - 14, strip.y + 13, "figure end", log.known ? count(log.end) : "?"),
    text("rate", x + width - 14, below + 18, "tiny end", log.rate > 0 ? `+${words.brief(log.rate)}/s` : ""),
  ], {
    class: `${colour(log.partition)} ${log.up ? "" : "down"} ${log.rate > 0 ? "hot" : ""}`,
    data: { "data-start": log.start, "data-end": log.end },
  });
}

const r = (number) => Math.round(number * 10) / 10;

function cell({ x, y, height }, scale, offset) {
  return `M${r(x + scale.x(offset) + 0.75)} ${y + 1.5}h${r(scale.cell - 1.5)}v${height - 3}h${-r(scale.cell - 1.5)}z`;
}

function cells({ log, strip, scale }) {
  return Array.from({ length: scale.cells }, (_, i) => cell(strip, scale, scale.split + i)).join("");
}

function divisions({ log, strip, scale }) {
  return (log.bases ?? []).filter((base) => base > log.start).map((base) => `M${r(strip.x + scale.x(base))} ${strip.y - 2}v${strip.height + 4}`).join("");
}

/** How far a group is: a pointer below the log, and a line from it to the end. */
function marker({ group, index, position, lag }, { log, strip, scale }) {
  const x = r(strip.x + scale.x(position));
  const y = strip.y + strip.height + 2 + index * 2;
  return [
    [`lag ${group}`, "path", { class: "lag", d: lag > 0 ? `M${x} ${y}H${r(strip.x + scale.x(log.end))}` : "" }],
    [`at ${group}`, "path", { class: "mark", d: `M${x} ${y - 1}l4 7h-8z` }],
  ];
}

function group(place, words, item) {
  const { x, y, width, group: one } = place;
  const { t, count, brief } = words;
  const rebalancing = REBALANCING.includes(one.state) || one.consumers.some(({ state }) => state === "joining");
  const state = t(rebalancing ? "picture_group_rebalancing" : one.state === "Empty" ? "picture_group_empty" : "picture_group_stable");
  const lag = t("picture_lag", { n: brief(one.lag) });
  const parts = [
    item({ kind: "group", group: one.name }, t("picture_group_label", { group: one.name, state, lag: count(one.lag), n: one.consumers.length + one.more }), [
      box(place),
      ["bar", "rect", { class: "bar", x: x + 12, y: y - 1, width: 36, height: 3, rx: 1.5 }],
      text("name", x + 14, y + 20, "name", fit(one.name, width - 34 - lag.length * 7)),
      text("lag", x + width - 12, y + 20, "figure end", lag),
      text("state", x + 14, y + 35, "tiny", state),
    ], { class: rebalancing ? "rebalancing" : "", data: { "data-lag": one.lag } }),
  ];
  for (const row of place.rows) parts.push(consumer(row, words, item, rebalancing));
  const note = one.more > 0 ? t("picture_more", { n: count(one.more) }) : one.consumers.length === 0 ? t("picture_no_consumers") : undefined;
  if (note) parts.push([`note ${one.name}`, "text", { class: "muted", x: x + 14, y: place.moreY + 14 }, note]);
  return parts;
}

function consumer(row, words, item, rebalancing) {
  const { x, y, width, consumer: one } = row;
  const { t, count, brief } = words;
  const name = one.id === undefined ? one.clientId : t("picture_consumer", { n: String(one.id) });
  const state = t(`picture_consumer_${one.state}`);
  const how = one.state === "assigned" ? `${brief(one.rate)}/s` : state;
  const label = t("picture_consumer_label", {
    name, state, lag: count(one.lag), partitions: one.partitions.map(({ topic, partition }) => `${topic} ${partition}`).join(", ") || "–",
  });
  const chip = ({ read, ...place }) => [`chip ${at(read.topic, read.partition)}`, "g", { class: colour(read.partition) }, [
    ["box", "rect", { class: "chip", ...place, rx: 5 }],
    text("number", place.x + 7, place.y + 14, "number", String(read.partition)),
    text("lag", place.x + place.width - 6, place.y + 14, "tiny end", read.lag === undefined ? "?" : brief(read.lag)),
  ]];
  const detail = one.id === undefined ? { kind: "group", group: one.group } : { kind: "consumer", consumer: one.id, group: one.group };
  return item(detail, label, [
    ["touch", "rect", { class: "touch", x: x + 6, y: y + 1, width: width - 12, height: row.height - 2, rx: 8 }],
    text("name", x + 14, y + 19, "label", fit(name, width * 0.55, 12)),
    text("how", x + width - 14, y + 19, "tiny end", how),
    ...row.chips.map(chip),
    ...(row.more ? [text("more", row.more.x + 6, row.more.y + 14, "tiny", `+${row.more.count}`)] : []),
  ], { key: one.key, class: `k-consumer ${one.state} ${rebalancing ? "waits" : ""}`, data: { "data-lag": one.lag } });
}
