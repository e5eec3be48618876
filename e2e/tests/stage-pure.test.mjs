// The picture's figures and geometry, without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";
import { along, appendRoad, fetchRoad, layoutOf, readerOf, scaleOf } from "../../web/js/picture/layout.js";
import { modelOf } from "../../web/js/picture/model.js";
import { tell } from "../../web/js/figures/events.js";
import { History, SAMPLES, line } from "../../web/js/figures/history.js";
import { Since, bound, percentile } from "../../web/js/figures/latency.js";
import { FLIGHT_MS, Flights, Rates, TraceClock, packetWidth } from "../../web/js/picture/motion.js";
import { tables } from "../../web/js/figures/twin.js";
import { fit, viewOf } from "../../web/js/picture/view.js";

const log = (partition, end, start = 0) => ({
  partition, log_start_offset: BigInt(start), high_watermark: BigInt(end), size_bytes: 1000n, segments: 1,
});
const snapshot = (node_id, topics) => [node_id, {
  node_id, topics: topics.map(([name, leaders, ...partitions]) => ({ name, leaders, partitions })),
}];
const consumer = (number, position, state = "assigned") => ({
  consumer: BigInt(number), client_id: `consumer-${number}`, request: { group: "g", topic: "t" }, state,
  member_id: `m${number}`, records: 0n, partitions: [{ topic: "t", partition: number, position }],
});
const world = (down = false) => ({
  brokers: new Map([snapshot(0, [["t", [0, 1], log(0, 10)]]), snapshot(1, [["t", [0, 1], log(1, 7, 2)], ["gone", [1], log(0, 3)]])]),
  standing: {
    hosts: ["running", down ? "stopped" : "running"],
    brokers: [{ nodeId: 0, host: 0, state: "running" }, { nodeId: 1, host: 1, state: down ? "stopped" : "running" }],
  },
  clients: {
    imports: [{ import: 1n, client_id: "producer-1", source: "s", topic: "t", state: "running", acknowledged: 17n }],
    consumers: [consumer(0, 4n), consumer(1, 7n)],
    groups: [{ group: "g", state: "Stable", members: [], offsets: [
      { topic: "t", partition: 0, committed: 3n, end_offset: 9n }, { topic: "t", partition: 1, committed: 6n, end_offset: 6n },
    ] }],
  },
});
const words = { t: (key, places = {}) => `${key} ${Object.values(places).join(" ")}`, count: String, brief: String, size: String, width: () => 60 };

test("lag is from where a consumer reads to the end of the log, not from what it has committed", () => {
  const model = modelOf(world());
  assert.deepEqual(model.groups[0].consumers.map(({ lag }) => lag), [6, 0]);
  assert.equal(model.lag, 6);
  assert.deepEqual(model.logs.get("t/0").marks, [{ group: "g", index: 0, position: 4, lag: 6 }]);
});

test("a broker that was terminated keeps its partitions, but not topics that are gone", () => {
  const model = modelOf(world(true));
  assert.equal(model.brokers[1].act, "start");
  assert.deepEqual(model.brokers[1].partitions.map(({ topic, up, end }) => [topic, up, end]), [["t", false, 7]]);
  assert.deepEqual(modelOf(world()).brokers[1].partitions.map(({ topic }) => topic), ["gone", "t"]);
});

test("of a broker that nobody heard of since the page was opened, partitions are drawn without figures", () => {
  const before = world(true);
  before.brokers.delete(1);
  const [only] = modelOf(before).brokers[1].partitions;
  assert.deepEqual([only.topic, only.partition, only.known], ["t", 1, false]);
});

test("of many partitions those that clients use are drawn, and it is said how many are left out", () => {
  const many = world();
  const logs = Array.from({ length: 40 }, (_, i) => log(i, 1));
  many.brokers.set(0, snapshot(0, [["a", logs.map(() => 0), ...logs], ["t", [0, 1], log(0, 10)]])[1]);
  const model = modelOf(many);
  const shown = model.brokers.flatMap(({ partitions }) => partitions);
  assert.equal(shown.length, 16);
  assert.equal(shown.filter(({ topic }) => topic === "t").length, 2);
  assert.equal(model.brokers.reduce((sum, { more }) => sum + more, 0), 43 - 16);
});

test("a log grows to the right as long as every record has a cell, and then shares its left half", () => {
  const few = scaleOf(5, 15, 220);
  assert.deepEqual([few.cells, few.cell, few.x(5), few.x(15)], [10, 11, 0, 110]);
  const many = scaleOf(0, 1_000_000, 220);
  assert.deepEqual([many.cells, many.x(0), many.x(1_000_000), many.x(999_999)], [10, 0, 220, 209]);
  let before = -1;
  for (let offset = 0; offset <= 1_000_000; offset += 997) {
    assert.ok(many.x(offset) > before, `offset ${offset} lies right of the one before`);
    before = many.x(offset);
  }
});

test("nothing overlaps and nothing is outside, at any width", () => {
  for (const width of [300, 619, 620, 1000, 1400]) {
    const layout = layoutOf(modelOf(world()), width);
    const boxes = [...layout.producerBoxes, ...layout.brokerBoxes, ...layout.groupBoxes];
    for (const one of boxes) {
      assert.ok(one.x >= 0 && one.y >= 0 && one.x + one.width <= width && one.y + one.height <= layout.height, `inside ${width}`);
      for (const other of boxes) {
        const apart = one === other || one.x + one.width <= other.x || other.x + other.width <= one.x ||
          one.y + one.height <= other.y || other.y + other.height <= one.y;
        assert.ok(apart, `boxes lie apart at ${width}`);
      }
    }
  }
});

test("a record goes from its producer to the end of its log, and from its place there to its consumer", () => {
  const layout = layoutOf(modelOf(world()), 1000);
  const row = layout.logs.get("t/0");
  const append = appendRoad(layout, layout.producers.get("producer-1"), row);
  const [from, to] = [along(append, 0), along(append, 1)];
  assert.equal(from[0], layout.producerBoxes[0].width);
  assert.ok(Math.abs(to[0] - (row.strip.x + 9.5 * row.scale.cell)) < 1e-6);
  const fetch = fetchRoad(layout, row, readerOf(layout, "consumer-0", "t", 0), 3);
  assert.ok(Math.abs(along(fetch, 0)[0] - (row.strip.x + 3.5 * row.scale.cell)) < 1e-6);
  assert.equal(along(fetch, 1)[0], layout.groupBoxes[0].x);
  // Words of a partition stand left and right of its strip: the number, and how far it goes.
  const { strip, x, width } = row;
  const inside = [append.words[0] > x, append.words[1] <= strip.x, fetch.words[0] >= strip.x + strip.width, fetch.words[1] <= x + width];
  assert.deepEqual(inside, [true, true, true, true]);
});

test("records move within the part of the picture that is drawn anew, and that is not all of it", () => {
  for (const width of [300, 620, 1000, 1400]) {
    const layout = layoutOf(modelOf(world()), width);
    const { roam } = layout;
    const roads = [...layout.logs.values()].flatMap((row) => [
      ...[...layout.producers.values()].map((box) => appendRoad(layout, box, row)),
      ...layout.consumers.flatMap((box) => [row.log.start, row.log.end].map((offset) => fetchRoad(layout, row, box, offset))),
    ]);
    assert.ok(roads.length > 0);
    for (const road of roads) {
      for (let part = 0; part <= 1; part += 0.05) {
        const [x, y] = along(road, part);
        const within = [x - 5 >= roam.x, y - 9 >= roam.y, x + 5 <= roam.x + roam.width, y + 9 <= roam.y + roam.height];
        if (layout.wide) assert.deepEqual(within, [true, true, true, true], `${x}, ${y} at ${width}`);
      }
    }
    assert.equal(roam.width * roam.height < layout.width * layout.height, layout.wide, `less than all of ${width}`);
  }
});

const move = (at_ms, records, more = {}) => (
  { kind: "append", client_id: "p", topic: "t", partition: 0, first_offset: 0n, records, bytes: 1, at_ms, ...more });

test("few records have a dot each, at a place that is a function of time", () => {
  const flights = new Flights();
  flights.add([move(1000, 3)]);
  assert.deepEqual(flights.flying(1000 + FLIGHT_MS / 2).map(({ flight }) => flight.offset), [0, 1, 2]);
  assert.equal(flights.flying(1000 + FLIGHT_MS / 2)[0].part, 0.5);
  assert.deepEqual(flights.flying(1000 + FLIGHT_MS / 2), flights.flying(1000 + FLIGHT_MS / 2));
  assert.deepEqual(flights.flying(5000), []);
  assert.equal(flights.some, false);
});

test("a million records a second are a few packets that count every one", () => {
  const flights = new Flights();
  for (let ms = 0; ms < 1000; ms += 100) {
    flights.add(Array.from({ length: 4 }, (_, partition) => move(ms, 25_000, { partition, first_offset: BigInt(ms * 250) })));
  }
  const flying = flights.flying(700);
  assert.ok(flying.length <= 16, `${flying.length} packets`);
  assert.ok(flying.every(({ flight }) => flight.records >= 25_000));
  const all = new Flights();
  all.add([move(0, 999_999), move(10, 1)]);
  assert.equal(all.flying(100).reduce((sum, { flight }) => sum + flight.records, 0), 1_000_000);
  assert.ok(packetWidth(1_000_000) < 4 * packetWidth(1));
});

test("what is read leaves the log only when it has arrived there", () => {
  const flights = new Flights();
  flights.add([move(0, 1), move(5, 1, { kind: "fetch", client_id: "c" })]);
  assert.deepEqual(flights.flying(400).map(({ flight }) => flight.kind), ["append"]);
  assert.deepEqual(flights.flying(1000).map(({ flight }) => flight.kind), ["fetch"]);
});

test("the clock runs evenly a little behind what traces say, and stands when time does", () => {
  const clock = new TraceClock();
  clock.heard(10_000, 500);
  assert.equal(clock.now(600), 9_800);
  clock.rate = 0;
  assert.equal(clock.now(5_000), 9_800);
  clock.rate = 0.5;
  assert.equal(clock.now(5_100), 9_850);
});

test("faster time has longer flights, so that one can follow them", () => {
  const flights = new Flights();
  flights.speed = 10;
  flights.add([move(0, 1)]);
  assert.equal(flights.end, 10 * FLIGHT_MS);
  assert.equal(flights.flying(5 * FLIGHT_MS)[0].part, 0.5);
});

test("rates fall to nothing when nothing comes any more", () => {
  const rates = new Rates();
  for (let ms = 0; ms <= 4000; ms += 500) rates.heard("x", Math.min(ms, 2000) / 10, ms);
  assert.equal(rates.rates.get("x"), 0);
  rates.heard("y", 0, 0);
  rates.heard("y", 30, 1000);
  assert.equal(rates.rates.get("y"), 30);
});

test("everything that can be chosen has a label and a key of its own, and one stop for the tab key", () => {
  const model = modelOf(world());
  const { described, items } = viewOf(model, layoutOf(model, 1000), words, {});
  const buttons = described.filter(([, , { role }]) => role === "button");
  assert.equal(buttons.length, items.size);
  assert.equal(new Set(buttons.map(([key]) => key)).size, buttons.length);
  assert.ok(buttons.every(([, , , [[, element, , label]]]) => element === "title" && label.length > 3));
  assert.equal(buttons.filter(([, , { tabindex }]) => tabindex === "0").length, 1);
  assert.deepEqual(items.get("partition t 1"), { kind: "partition", topic: "t", partition: 1 });
});

test("a name is cut where it has no room", () => {
  assert.equal(fit("short", 100), "short");
  assert.equal(fit("a-very-long-name-of-a-topic", 80), "a-very-lo…");
  assert.equal(fit("主题名称很长很长", 60), "主题名…");
});

test("charts keep two minutes and nothing before", () => {
  const history = new History();
  for (let second = 0; second < 500; second++) history.add({ in: second, behind: second % 2 ? undefined : 1 });
  assert.equal(history.of("in").length, SAMPLES);
  assert.equal(history.peak("in"), 499);
  const path = line([1, undefined, 2], 2, 119, 10);
  assert.equal(path, "M117.0 5.0M119.0 0.0", "what was not measured is a gap, and the newest is at the right");
});

test("latencies are counted by buckets, of which percentiles are taken", () => {
  // As worker/protocol has it: sixteenths of a millisecond, then four buckets for each doubling.
  assert.deepEqual([0, 1, 4, 7, 8, 9, 12, 16, 40].map((bucket) => bound(bucket) * 16), [0, 1, 4, 7, 8, 10, 16, 32, 2048]);
  const counts = [];
  counts[24] = 98;
  counts[40] = 2;
  const all = Array.from(counts, (count = 0) => count);
  assert.ok(percentile(all, 0.5) >= bound(24) && percentile(all, 0.5) <= bound(25));
  assert.ok(percentile(all, 0.99) >= bound(40) && percentile(all, 0.99) <= bound(41));
  assert.equal(percentile([0, 0], 0.5), undefined, "of nothing there is none");
});

test("what was counted before the first look, or begun anew by another worker, is not of the last second", () => {
  const since = new Since();
  assert.deepEqual(since.look([5]), []);
  assert.deepEqual(since.look([5, 2]), [0, 2]);
  assert.deepEqual(since.look([5, 2]), [0, 0]);
  assert.deepEqual(since.look([1]), []);
  assert.deepEqual(since.look([3]), [2]);
  assert.deepEqual(since.look(undefined), [], "an older worker tells none");
});

test("the tables say what the picture says", () => {
  const [producers, partitions, consumers] = tables(modelOf(world(true)), words);
  assert.deepEqual(producers.rows.map(({ key }) => key), ["producer 1"]);
  assert.deepEqual(partitions.rows.map(({ cells }) => cells.slice(2, 4)), [["0", "10"], ["2", "7"]]);
  assert.match(partitions.rows[1].cells[1], /picture_state_stopped/);
  assert.deepEqual(consumers.rows.map(({ cells }) => cells.at(-1)), ["6", "0"]);
});

test("of members with the same client id, the one that has the partition gets its records", () => {
  const alike = world();
  for (const one of alike.clients.consumers) one.client_id = "kafkajs";
  const layout = layoutOf(modelOf(alike), 1000);
  assert.deepEqual([0, 1].map((partition) => readerOf(layout, "kafkajs", "t", partition).consumer.key), ["consumer 0", "consumer 1"]);
  assert.equal(readerOf(layout, "somebody", "t", 0), undefined);
});

test("what is told again and again within two seconds is one line of the events, which counts", () => {
  const events = [];
  const failed = (client, wall_ms) => tell(events, { source: "group", group: "g", kind: "commit-failed", args: [["client", client]], wall_ms: BigInt(wall_ms) });
  for (const at of [0, 10, 20]) failed("consumer-1", at);
  failed("consumer-2", 25);
  failed("consumer-1", 30);
  assert.deepEqual(events.map(({ args, times, wall_ms }) => [args[0][1], times, Number(wall_ms)]), [["consumer-1", 4, 30], ["consumer-2", 1, 25]]);
  failed("consumer-1", 3000);
  assert.deepEqual(events.map(({ times }) => times), [1, 4, 1], "later it is another");
});
