// Where everything of the picture is, in pixels, for a width. Nothing of the DOM.

import { at } from "./model.js";

/** From this width on producers, brokers and groups stand side by side. */
export const WIDE = 620;
const PRODUCER = 66;
const HEAD = 40;
const TOPIC = 22;
const ROW = 46;
const MORE = 24;
const GAP = 14;
const CHIP = { width: 62, height: 20, gap: 4 };

/**
 * Boxes with `x`, `y`, `width`, `height`, the logs' strips, and the roads that records take: a curve of eight numbers and
 * where along the strip it goes on.
 */
export function layoutOf(model, width) {
  const wide = width >= WIDE;
  const gap = wide ? Math.min(96, Math.max(34, width * 0.065)) : 30;
  const left = wide ? Math.min(190, Math.max(126, width * 0.17)) : width;
  const right = wide ? Math.min(236, Math.max(158, width * 0.19)) : width;
  const middle = wide ? width - left - right - 2 * gap : width - 28;
  const place = {
    producers: column(model.producers.map(() => PRODUCER), model.moreProducers, 0, left),
    brokers: column(model.brokers.map(brokerHeight), 0, wide ? left + gap : 14, middle),
    groups: column(model.groups.map((group) => groupHeight(group, right)), model.moreGroups, wide ? width - right : 0, right),
  };
  const all = [place.producers, place.brokers, place.groups];
  const height = wide ? Math.max(...all.map((one) => one.height)) : all.reduce((sum, one) => sum + one.height, 2 * gap);
  let top = 0;
  for (const one of all) {
    one.move(wide ? (height - one.height) / 2 : top);
    top += one.height + gap;
  }
  return finish(model, place, { wide, width, height });
}

/** Boxes of these heights below each other. */
function column(heights, more, x, width) {
  let y = 0;
  const boxes = heights.map((height) => {
    const box = { x, y, width, height };
    y += height + GAP;
    return box;
  });
  const rest = more > 0 ? { x, y: y - 4, width, height: MORE } : undefined;
  const height = Math.max(0, y - GAP) + (rest ? MORE : 0);
  const move = (by) => [...boxes, ...(rest ? [rest] : [])].forEach((box) => (box.y += by));
  return { boxes, rest, height, move };
}

function brokerHeight({ partitions, more }) {
  const topics = new Set(partitions.map(({ topic }) => topic)).size;
  return HEAD + topics * TOPIC + partitions.length * ROW + (more > 0 || partitions.length === 0 ? MORE : 4);
}

const chipsInRow = (width) => Math.max(1, Math.floor((width - 20 + CHIP.gap) / (CHIP.width + CHIP.gap)));

function consumerHeight({ partitions }, width) {
  const rows = Math.min(2, Math.ceil(partitions.length / chipsInRow(width)));
  return 30 + rows * (CHIP.height + CHIP.gap) + 4;
}

function groupHeight({ consumers, more }, width) {
  const rows = consumers.reduce((sum, one) => sum + consumerHeight(one, width), 0);
  return HEAD + rows + (more > 0 || consumers.length === 0 ? MORE : 4);
}

function finish(model, { producers, brokers, groups }, size) {
  const layout = {
    ...size, logs: new Map(), producers: new Map(), consumers: [], moreProducers: producers.rest, moreGroups: groups.rest,
  };
  layout.producerBoxes = model.producers.map((producer, index) => ({ producer, ...producers.boxes[index] }));
  for (const box of layout.producerBoxes) layout.producers.set(box.producer.clientId ?? box.producer.key, box);
  layout.brokerBoxes = model.brokers.map((broker, index) => brokerBox(broker, brokers.boxes[index], layout));
  layout.groupBoxes = model.groups.map((group, index) => groupBox(group, groups.boxes[index], layout));
  layout.roam = roamOf(layout);
  return layout;
}

/** The part of the picture where records move, as small as it can be: all of it is drawn anew in each frame. */
function roamOf({ wide, width, height, logs, producers, consumers }) {
  if (!wide || logs.size === 0) return { x: 0, y: 0, width, height };
  const places = [
    ...[...producers.values()].map((box) => [box.x + box.width, box.y + box.height / 2]),
    ...[...logs.values()].flatMap(({ strip }) => [[strip.x, strip.y + 9], [strip.x + strip.width, strip.y + 9]]),
    ...consumers.map((box) => [box.x, box.y + 16]),
  ];
  // What is drawn of a packet lies around its place.
  const [x, right] = span(places.map((place) => place[0]), 40);
  const [y, bottom] = span(places.map((place) => place[1]), 12);
  return { x, y, width: right - x, height: bottom - y };
}

const span = (all, around) => [Math.floor(Math.min(...all)) - around, Math.ceil(Math.max(...all)) + around];

function brokerBox(broker, box, layout) {
  let y = box.y + HEAD;
  const topics = [];
  const rows = new Map();
  for (const log of broker.partitions) {
    if (topics.at(-1)?.name !== log.topic) {
      topics.push({ name: log.topic, x: box.x, y, width: box.width, height: TOPIC });
      y += TOPIC;
    }
    const row = { log, x: box.x, y, width: box.width, height: ROW };
    row.strip = { x: box.x + 40, y: y + 6, width: box.width - 40 - 78, height: 18 };
    row.scale = scaleOf(log.start, log.end, row.strip.width);
    layout.logs.set(at(log.topic, log.partition), row);
    rows.set(log, row);
    y += ROW;
  }
  return { broker, topics, rows, moreY: y, ...box };
}

function groupBox(group, box, layout) {
  let y = box.y + HEAD;
  const rows = group.consumers.map((consumer) => {
    const row = { consumer, x: box.x, y, width: box.width, height: consumerHeight(consumer, box.width) };
    const inRow = chipsInRow(box.width);
    const fits = consumer.partitions.length <= 2 * inRow ? consumer.partitions.length : 2 * inRow - 1;
    row.chips = consumer.partitions.slice(0, fits).map((read, index) => ({ read, ...chipAt(row, index, inRow) }));
    if (fits < consumer.partitions.length) row.more = { count: consumer.partitions.length - fits, ...chipAt(row, fits, inRow) };
    y += row.height;
    layout.consumers.push(row);
    return row;
  });
  return { group, rows, moreY: y, ...box };
}

function chipAt(row, index, inRow) {
  return {
    x: row.x + 10 + (index % inRow) * (CHIP.width + CHIP.gap), y: row.y + 28 + Math.floor(index / inRow) * (CHIP.height + CHIP.gap),
    width: CHIP.width, height: CHIP.height,
  };
}

/** About how wide a record's cell is. */
const CELL = 11;

/**
 * How offsets lie along a strip. As long as all records have room each is a cell, and the log grows to the right. Later the
 * right half has a cell for each of the newest, and all that is older shares the left half.
 */
export function scaleOf(start, end, width) {
  const room = Math.max(2, Math.floor(width / CELL));
  const cell = width / room;
  const cells = end - start <= room ? end - start : Math.floor(room / 2);
  const split = end - cells;
  const older = split > start ? width - cells * cell : 0;
  const x = (offset) => {
    const inside = Math.min(Math.max(offset, start), end);
    return inside >= split ? older + (inside - split) * cell : ((inside - start) / (split - start)) * older;
  };
  return { cell, cells, split, older, x };
}

/** Where who reads a partition under this client id is drawn: members of a group may all have the same one. */
export function readerOf({ consumers }, clientId, topic, partition) {
  const all = consumers.filter(({ consumer }) => consumer.clientId === clientId);
  return all.find(({ consumer }) => consumer.partitions.some((one) => one.topic === topic && one.partition === partition)) ?? all[0];
}

/** The road of a record that is appended, to the end of its log; `words` are the `x` between which it passes over some. None if an end is not drawn. */
export function appendRoad(layout, box, row) {
  if (box === undefined || row === undefined) return undefined;
  const y = row.strip.y + row.strip.height / 2;
  const to = row.strip.x - 6;
  const curve = layout.wide ? sideways(box.x + box.width, box.y + box.height / 2, to, y)
    : [box.x + 20, box.y + box.height, 2, box.y + box.height + 26, -14, y, to, y];
  return { curve, from: undefined, to: row.strip.x + row.scale.x(row.log.end) - row.scale.cell / 2, y, words: [row.x + 6, to] };
}

/** The road of a record that is read, from its place in the log. */
export function fetchRoad(layout, row, box, offset) {
  if (box === undefined || row === undefined) return undefined;
  const y = row.strip.y + row.strip.height / 2;
  const from = row.x + row.width;
  const curve = layout.wide ? sideways(from, y, box.x, box.y + 16)
    : [from - 4, y, layout.width + 12, y, layout.width - 2, box.y - 26, box.x + box.width - 20, box.y + 8];
  const end = row.strip.x + row.strip.width;
  return { curve, from: row.strip.x + row.scale.x(offset ?? row.log.end) + row.scale.cell / 2, to: undefined, y, words: [end + 6, from] };
}

function sideways(x0, y0, x1, y1) {
  const bend = Math.max(18, (x1 - x0) * 0.5);
  return [x0, y0, x0 + bend, y0, x1 - bend, y1, x1, y1];
}

/** Where on its road something is that has gone `part` of it, from 0 to 1. */
export function along({ curve, from, to, y }, part) {
  const inCurve = 0.62;
  if (to !== undefined) {
    if (part < inCurve) return onCurve(curve, part / inCurve);
    return [curve[6] + (to - curve[6]) * ((part - inCurve) / (1 - inCurve)), y];
  }
  if (part >= 1 - inCurve) return onCurve(curve, (part - 1 + inCurve) / inCurve);
  return [from + (curve[0] - from) * (part / (1 - inCurve)), y];
}

function onCurve([x0, y0, x1, y1, x2, y2, x3, y3], t) {
  const u = 1 - t;
  const [a, b, c, d] = [u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t];
  return [a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3];
}
