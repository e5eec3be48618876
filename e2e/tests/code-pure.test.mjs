// What of the editor needs no page: values as text, lines of errors, output with limits, what is kept.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { commentsOf, withComments } from "../../web/js/code/comments.js";
import { MAX_CODE, keepCode, keptCode } from "../../web/js/code/kept.js";
import { lineBreaks, placeAt, placeIn } from "../../web/js/code/sandbox/lines.js";
import { ASK, namesIn } from "../../web/js/code/sandbox/names.js";
import { Output } from "../../web/js/code/sandbox/output.js";
import { render, renderAll } from "../../web/js/code/sandbox/render.js";

const loop = { name: "loop" };
loop.self = loop;
class Car {
  id = 7;
  get speed() {
    throw new Error("a getter is not run");
  }
}
const RENDERED = [
  ["text", '"text"'], [undefined, "undefined"], [null, "null"], [-0, "-0"], [5n, "5n"], [Symbol("s"), "Symbol(s)"],
  [[1, "two", [3]], '[1, "two", [3]]'],
  [{ a: 1, "b c": { d: [] } }, '{ a: 1, "b c": { d: [] } }'],
  [loop, '{ name: "loop", self: [circular] }'],
  [new Car(), "Car { id: 7 }"],
  [{ get now() { return 1; } }, "{ now: [getter] }"],
  [new Map([["a", 1]]), 'Map(1) { "a" => 1 }'], [new Set([1, 2]), "Set(2) { 1, 2 }"],
  [new Date(0), "1970-01-01T00:00:00.000Z"], [new Date(NaN), "Invalid Date"],
  [new TypeError("no"), "TypeError: no"], [Object.assign(new Error("gone"), { code: "ECONNREFUSED" }), "Error: gone (ECONNREFUSED)"],
  [Buffer.from("héllo"), 'Buffer("héllo")'], [new Uint8Array([0, 255]), "Buffer(00 ff)"], [new Float64Array([1.5]), "Float64Array(1) [ 1.5 ]"],
  [{ a: { b: { c: { d: { e: 1 } } } } }, "{ a: { b: { c: { d: [Object] } } } }"],
  [Object.create(null), "{}"], [() => 1, "[function without a name]"], [Math.max, "[function max]"],
  [new Proxy({}, { ownKeys() { throw new Error("closed"); } }), "[not shown: closed]"],
];

test("values are shown as people know them", () => {
  for (const [value, text] of RENDERED) assert.equal(render(value), text);
  assert.equal(renderAll(["a", 1, { b: 2 }]), "a 1 { b: 2 }");
});

test("no value is shown longer than people read", () => {
  const giants = ["x".repeat(1e7), Array.from({ length: 1e6 }, (_, n) => n), Object.fromEntries(Array.from({ length: 1e5 }, (_, n) => [`k${n}`, n])),
    new Uint8Array(1e7), new Map(Array.from({ length: 1e5 }, (_, n) => [n, n]))];
  for (const giant of giants) {
    assert.ok(renderAll([giant]).length < 4100);
    assert.match(renderAll([giant]), /more|bytes/);
  }
  // Wide at each level.
  const wide = (depth) => depth === 0 ? "leaf" : Object.fromEntries(Array.from({ length: 50 }, (_, n) => [n, wide(depth - 1)]));
  assert.ok(renderAll([wide(3)]).length < 4100);
});

test("an error's place is that of the code, not of what is around it", () => {
  const url = "blob:null/5a1e";
  const chromium = `Error: x\n    at f (blob:null/other:9:9)\n    at async eval (${url}:4:11)\n    at ${url}:2:1`;
  assert.deepEqual(placeIn(chromium, url, 10), { line: 3, column: 11 });
  assert.deepEqual(placeIn(`f@blob:null/other:1:7\nasync*g@${url}:2:5\n`, url, 10), { line: 1, column: 5 });
  assert.equal(placeIn("Error: x\n    at https://elsewhere.example/a.js:4:1", url, 10), undefined);
  assert.deepEqual(placeAt(12, 3, 10), { line: 10, column: 1 }, "a bracket of ours closes one of theirs");
  assert.equal(placeAt(1, 3, 10), undefined);
  assert.equal(lineBreaks("a\nb\r\nc\rd\u2028e"), 4);
});

test("output waits for the page, and its oldest lines go when there are too many", () => {
  const sent = [];
  const output = new Output((lines, dropped) => sent.push({ lines, dropped }));
  for (let n = 0; n < 10_000; n++) output.push({ level: "log", text: String(n) });
  assert.equal(sent.length, 1, "one piece until it is acknowledged");
  assert.equal(sent[0].lines[0].text, "0");
  output.flush();
  const all = sent.flatMap(({ lines }) => lines);
  assert.equal(all.at(-1).text, "9999");
  assert.ok(all.length <= 1200, `${all.length}`);
  assert.equal(all.length + sent.reduce((sum, { dropped }) => sum + dropped, 0), 10_000, "each line is shown or counted");
});

test("kept code comes back, and what is no such thing is nothing", () => {
  const storage = new Map();
  globalThis.localStorage = { getItem: (key) => storage.get(key) ?? null, setItem: (key, value) => storage.set(key, value) };
  try {
    const names = ["keys", "count"];
    assert.deepEqual(keptCode(names), { chosen: "keys", texts: {} });
    assert.equal(keepCode({ chosen: "count", texts: { count: "1", keys: "x".repeat(MAX_CODE + 1) } }), false, "too long is said");
    assert.deepEqual(keptCode(names), { chosen: "count", texts: { count: "1" } });
    for (const odd of ["{", "null", "7", '{"chosen":"toString","texts":{"keys":5}}', '{"texts":"x"}']) {
      storage.set("headwater.code", odd);
      assert.deepEqual(keptCode(names), { chosen: "keys", texts: {} }, odd);
    }
  } finally {
    delete globalThis.localStorage;
  }
});

test("every comment of an example has words in the other language, and none is left over", async () => {
  const read = (name) => readFile(new URL(`../../web/js/code/examples/${name}`, import.meta.url), "utf8");
  const examples = await Promise.all(["keys.js", "count.js", "exactly-once.js"].map(read));
  const words = JSON.parse(await read("zh.json"));
  assert.deepEqual(examples.flatMap(commentsOf), Object.keys(words));
  const [keys] = examples;
  const [first, ...rest] = keys.split("\n");
  assert.ok(withComments(keys, words).startsWith(`// ${words[first.slice(3)]}\n${rest[0]}`));
  assert.equal(withComments("a(); // b\n", { b: "c" }), "a(); // c\n");
});

test("brokers are known by their addresses, as Metadata says them", () => {
  const bytes = (text) => [0, text.length, ...Buffer.from(text)];
  const answer = [0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, ...bytes("localhost"), 0, 0, 0x23, 0x84, 0xff, 0xff,
    0, 0, 0, 1, ...bytes("10.0.0.2"), 0, 0, 0x23, 0x85, ...bytes("rack"), 0, 0, 0, 0, 0, 0, 0, 0];
  assert.deepEqual([...namesIn(Uint8Array.from(answer))], [["localhost:9092", 0], ["10.0.0.2:9093", 1]]);
  // Metadata, version 1, no client id, no topics.
  assert.deepEqual([...ASK], [0, 3, 0, 1, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0]);
});
