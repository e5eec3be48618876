// What of the inspector is pure: filters, rows of files, payloads, following a topic's end.

import assert from "node:assert/strict";
import { test } from "node:test";
import { partitionOf as oracle } from "../lib/playground.mjs";
import { exportRecords } from "../../web/js/inspect/exporting.js";
import { filterOf } from "../../web/js/inspect/filter.js";
import { count, duration, isoTime } from "../../web/js/inspect/format.js";
import { partitionOf } from "../../web/js/inspect/murmur2.js";
import { hexDump, isCut, prettyJson } from "../../web/js/inspect/payload.js";
import { FORMATS, csvLine, guard } from "../../web/js/inspect/rows.js";
import { Tail, inTime } from "../../web/js/inspect/tailing.js";

const text = (value) => ({ text: value, hex: false, length: BigInt(new TextEncoder().encode(value).length) });
const bytes = (digits) => ({ text: digits, hex: true, length: BigInt(digits.length / 2) });
const record = (offset, value, key) => ({ offset, timestamp: 1_700_000_000_000n, key: key && text(key), value: value && text(value), headers: [] });

test("a filter finds text in key and value, and fields of JSON", () => {
  const one = record(0n, '{"road":"D0","kmh":80,"at":{"x":1},"none":null}', "Vehicle-7");
  const passes = (typed) => filterOf(typed)(one);
  assert.deepEqual(["", "vehicle-7", "ROAD", "nowhere"].map(passes), [true, true, true, false]);
  assert.deepEqual(["kmh=80", "kmh = 80", "kmh=8", "kmh!=8", "road=d0", 'road="D0"', "at.x=1", "at.y=1", "none=null"].map(passes),
    [true, true, false, true, true, true, true, false, true]);
  assert.equal(filterOf("a=b")(record(0n, "x?a=b&c")), true, "what is no JSON is looked through as text");
  assert.equal(filterOf("x")(record(0n, undefined)), false, "a tombstone without a key has no text");
  assert.equal(filterOf("constructor=x")(one), false, "only fields of its own");
});

test("CSV is quoted as RFC 4180 has it, and a field that looks like a formula only guarded when asked", () => {
  assert.equal(csvLine(["a", 'says "x"', "b,c", "d\ne", " f", 5n]), 'a,"says ""x""","b,c","d\ne"," f",5\r\n');
  assert.deepEqual(["=1+1", "-2", "+3", "@x", "plain", 7n].map(guard), ["'=1+1", "'-2", "'+3", "'@x", "plain", 7n]);
  const row = (options) => FORMATS.csv.row(0, record(9_007_199_254_740_993n, "=SUM(A1)", "k"), options);
  assert.equal(row(), "0,9007199254740993,1700000000000,k,utf8,=SUM(A1),utf8,[]\r\n");
  assert.equal(row({ guarded: true }), "0,9007199254740993,1700000000000,k,utf8,'=SUM(A1),utf8,[]\r\n");
});

test("NDJSON has all of a record: bytes in base64, no value told from an empty one, offsets beyond doubles", () => {
  const binary = { ...record(9_007_199_254_740_993n), value: bytes("ff00fe"), headers: [["h", bytes("80")], ["h", undefined], ["e", text("")]] };
  const line = FORMATS.ndjson.row(3, binary);
  assert.match(line, /^\{"partition":3,"offset":9007199254740993,/);
  const { key, key_encoding, value, value_encoding, headers } = JSON.parse(line);
  assert.deepEqual([key, key_encoding, value, value_encoding], [null, "null", "/wD+", "base64"]);
  assert.deepEqual(headers, [{ name: "h", value: "gA==", encoding: "base64" }, { name: "h", value: null, encoding: "null" }, { name: "e", value: "", encoding: "utf8" }]);
  assert.equal(FORMATS.values.row(0, record(0n, '{"a":\n1}')), '{"a": 1}\n');
  assert.deepEqual([FORMATS.values.row(0, record(0n, "no JSON")), FORMATS.values.row(0, record(0n)), FORMATS.values.row(0, record(0n, "[1]"))], [undefined, undefined, undefined]);
});

test("payloads: JSON keeps its numbers as written, bytes are dumped, what is cut is known", () => {
  assert.equal(prettyJson('{"a":1.50,"b":[],"c":{"d":"x, {y}"}}'), '{\n  "a": 1.50,\n  "b": [],\n  "c": {\n    "d": "x, {y}"\n  }\n}');
  assert.deepEqual([prettyJson("{oops"), prettyJson("7"), prettyJson("text")], [undefined, undefined, undefined]);
  assert.equal(hexDump("48690aff"), "000000  48 69 0a ff                                      Hi..");
  assert.deepEqual([isCut(text("é")), isCut({ text: "é", hex: false, length: 3n }), isCut(bytes("ff")), isCut({ ...bytes("ff"), length: 2n })], [false, true, false, true]);
});

test("a span of time is told in its two largest units", () => {
  const spans = [0, 999, 1000, 59_949, 60_000, 3_599_999, 3_600_000, 86_399_999, 86_400_000, 3_481_200_000n];
  const told = ["0 ms", "999 ms", "1.0 s", "59.9 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "23 h 59 min", "1 d 0 h", "40 d 7 h"];
  assert.deepEqual(spans.map(duration), told);
  assert.equal(duration(undefined), undefined);
});

test("keys go where an independent murmur2 says; figures and times as text", () => {
  for (const key of ["", "a", "ab", "abc", "abcd", "vehicle-17", "键", "\u{1F30A}"]) assert.equal(partitionOf(key, 7), oracle(key, 7), key);
  assert.deepEqual([count(1234567n), count(0), count(undefined)], ["1,234,567", "0", undefined]);
  assert.equal(isoTime(0n, 60), "1970-01-01T01:00:00.000+01:00");
  assert.equal(isoTime(0n, -210), "1969-12-31T20:30:00.000-03:30");
  assert.deepEqual([isoTime(-1n, 0), isoTime(2n ** 62n, 0)], [undefined, undefined]);
});

/** A log in memory, read as `Request::Read` reads. */
function log(length) {
  const found = { start: 0n, end: BigInt(length), reads: 0 };
  found.read = async (_partition, from, max) => {
    found.reads += 1;
    const at = from === "last" ? found.end - BigInt(max) : from === "start" ? found.start : from.offset;
    const begin = at < found.start ? found.start : at;
    const end = begin + BigInt(max) < found.end ? begin + BigInt(max) : found.end;
    const records = Array.from({ length: Number(end - begin) }, (_, index) => record(begin + BigInt(index), `{"n":${begin + BigInt(index)}}`));
    return { records, next_offset: end, log_start_offset: found.start, high_watermark: found.end };
  };
  return found;
}

test("a tail gives each record once, in order; what it skips or what was deleted is counted", async () => {
  const one = log(10);
  const seen = [];
  const tail = new Tail({ read: one.read, ends: () => new Map([[0, one.end]]), onRecords: (_, records) => seen.push(...records.map(({ offset }) => Number(offset))) });
  await tail.seek([0], { offset: 4n });
  one.end = 2500n;
  // Two at once: the second must not read what the first reads.
  await Promise.all([tail.look(), tail.look()]);
  await tail.look();
  assert.deepEqual(seen, Array.from({ length: 2496 }, (_, index) => index + 4));
  assert.equal(tail.skipped, 0n);

  one.end = 102_500n;
  await tail.look();
  assert.equal(seen.at(-1), 102_499);
  assert.equal(BigInt(seen.length) + tail.skipped, 102_496n, "what was read and what was skipped is all");
  one.start = 102_600n;
  one.end = 102_610n;
  await tail.look();
  assert.equal(BigInt(seen.length) + tail.skipped, 102_606n, "what was deleted before it was read counts too");
});

test("the tail puts partitions together by time, and never turns a partition's order around", () => {
  const one = (partition, offset, timestamp) => ({ partition, offset, timestamp });
  const read = [one(0, 0n, 50n), one(0, 1n, 30n), one(0, 2n, 90n), one(1, 0n, 40n), one(1, 1n, 60n), one(1, 2n, 60n)];
  assert.deepEqual(inTime(read).map(({ partition, offset }) => `${partition}:${offset}`), ["1:0", "0:0", "0:1", "1:1", "1:2", "0:2"]);
});

test("an export ends where the log ended when it began, leaves out what the format has not, and can be cancelled", async () => {
  const one = log(2500);
  const run = (format, signal = new AbortController().signal, progress = () => undefined) => {
    const lines = [];
    const done = exportRecords({ read: one.read, write: (part) => lines.push(part), progress, signal, partitions: [{ partition: 1, start: 0n, end: 2300n }], format });
    return done.then((result) => ({ ...result, lines: lines.join("").trim().split("\n") }));
  };
  const { records, leftOut, lines } = await run("ndjson");
  assert.deepEqual([records, leftOut, lines.length, JSON.parse(lines.at(-1)).offset], [2300, 0, 2300, 2299]);
  const stop = new AbortController();
  await assert.rejects(run("csv", stop.signal, () => stop.abort(new Error("enough"))), /enough/);
  const cut = { ...one, read: async () => ({ records: [{ ...record(0n, "x"), value: { text: "x", hex: false, length: 9n } }], next_offset: 1n }) };
  await assert.rejects(exportRecords({ ...cut, write: () => undefined, progress: () => undefined, signal: new AbortController().signal, partitions: [{ partition: 0, start: 0n, end: 1n }], format: "csv" }), /only there in part/);
});
