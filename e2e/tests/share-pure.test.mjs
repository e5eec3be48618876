// Links without a page: what goes in comes out, and what somebody else made of one is refused or left out.

import assert from "node:assert/strict";
import { test } from "node:test";
import { LinkError, MAX_FRAGMENT, PREFIX, pack, unpack } from "../../web/js/share/pack.js";
import { planOf } from "../../web/js/share/plan.js";
import { checkSetup, currentSetup } from "../../web/js/share/setup.js";

const SETUP = {
  language: "zh",
  workers: 2,
  topics: [{ name: "orders", partitions: 3, configs: { "retention.ms": "60000" } }, { name: "plain", partitions: 1 }],
  producers: [
    { source: { dataSet: "vehicles" }, topic: "orders", partitions: 3, key: "id", rate: 20, acks: "all", compression: "gzip", idempotence: true },
    { source: { synthetic: { records: 1000, valueSize: 64 } }, topic: "plain", partitions: 1 },
    { source: { file: "mine.csv" }, topic: "plain", partitions: 1 },
  ],
  groups: [{ group: "readers", topic: "orders", assignor: "range", reset: "earliest", consumers: 2, rate: 5 }],
  code: "console.log('汉字 and emoji 🚗')",
  lesson: "first-stream",
};
const WORLD = { language: "en", workers: 2, isGuest: false, topics: new Map(), linkedCode: undefined };

const code = async (promise) => {
  const error = await promise.then(() => assert.fail("it was read"), (thrown) => thrown);
  assert.ok(error instanceof LinkError, String(error));
  return error.code;
};

test("a set-up comes back from its link as it was", async () => {
  const { setup, problems } = checkSetup(await unpack(await pack(SETUP)));
  assert.deepEqual(setup, SETUP);
  assert.deepEqual(problems, []);
});

test("a link that was cut off anywhere, or has one letter wrong, is never read", async () => {
  const fragment = await pack(SETUP);
  for (let length = PREFIX.length; length < fragment.length; length++) {
    assert.equal(await code(unpack(fragment.slice(0, length))), "damaged", `${length} letters`);
  }
  for (let at = PREFIX.length + 2; at < fragment.length; at++) {
    const letter = fragment[at] === "A" ? "B" : "A";
    // The last letter of base64 may hold bits that mean nothing.
    const read = await unpack(fragment.slice(0, at) + letter + fragment.slice(at + 1)).catch((error) => error.code);
    if (typeof read === "string") assert.equal(read, "damaged");
    else assert.deepEqual(read, SETUP);
  }
  assert.equal(await code(unpack(`${fragment}%20and`)), "damaged");
});

test("a link of a newer version, a giant one and a bomb say so", async () => {
  assert.equal(await code(unpack(`${PREFIX}2.whatever.it-is`)), "newer");
  assert.equal(await code(unpack(`${PREFIX}${"A".repeat(MAX_FRAGMENT)}`)), "too-long");
  assert.equal(await code(pack({ code: Array.from({ length: 300_000 }, () => Math.random().toString(36)[5]).join("") })), "too-long");
  assert.equal(await code(unpack(await pack({ code: "x".repeat(5_000_000) }))), "too-long");
  assert.equal(await code(unpack("#somewhere")), "not-ours");
});

test("what is wrong in a set-up is left out and said, and the rest stays", () => {
  const { setup, problems } = checkSetup({
    language: "toString",
    workers: 2.5,
    topics: [
      { name: "good", partitions: 1 }, { name: "../etc", partitions: 1 }, { name: "__consumer_offsets", partitions: 1 },
      { name: "many", partitions: 1e9 }, { name: "set", partitions: 1, configs: { "a b": "c" } }, "topic", null,
      { name: "more", partitions: 2, color: "red" },
    ],
    producers: [
      { source: { dataSet: "vehicles", url: "https://elsewhere.example" }, topic: "good", partitions: 1 },
      { source: { dataSet: "constructor" }, topic: "good", partitions: 1 },
      { source: { synthetic: { records: -1, valueSize: 1 } }, topic: "good", partitions: 1 },
    ],
    groups: { length: 1 },
    code: 7,
    __proto__x: {},
  });
  assert.deepEqual(setup, { topics: [{ name: "good", partitions: 1 }, { name: "more", partitions: 2 }], producers: [], groups: [] });
  const said = problems.map(({ key, what }) => `${key} ${what}`);
  for (const part of ["share_bad language", "share_bad workers", "share_bad topics 2, name", "share_bad topics 3, name",
    "share_bad topics 4, partitions", "share_bad topics 5, configs", "share_bad topics 6", "share_unknown topics 8, color",
    "share_bad producers 1, source", "share_bad producers 2, source", "share_bad groups", "share_bad code", "share_unknown __proto__x"]) {
    assert.ok(said.includes(part), `${part} is said; ${said.join("; ")}`);
  }
});

test("any JSON is looked at without an error, and what is left fits", () => {
  // A generator of numbers with a fixed seed: a failure comes back.
  let seed = 7;
  const random = (below) => (seed = (seed * 48271) % 2147483647) % below;
  const odd = [null, true, 0, -1, 1e308, "", "x".repeat(300), "__proto__", [], {}, "earliest", "range", 3];
  const names = ["language", "workers", "topics", "producers", "groups", "code", "lesson", "name", "partitions", "configs",
    "source", "topic", "synthetic", "records", "group", "consumers", "toString", "x".repeat(100)];
  const value = (depth) => {
    const kind = depth > 3 ? 0 : random(4);
    if (kind === 1) return Array.from({ length: random(4) }, () => value(depth + 1));
    if (kind >= 2) return Object.fromEntries(Array.from({ length: random(6) }, () => [names[random(names.length)], value(depth + 1)]));
    return odd[random(odd.length)];
  };
  for (let round = 0; round < 5000; round++) {
    const { setup, problems } = checkSetup(random(3) > 0 ? { ...structuredClone(SETUP), [names[random(names.length)]]: value(0) } : value(0));
    assert.deepEqual(checkSetup(structuredClone(setup)), { setup, problems: [] }, "what is left is right");
    assert.ok(problems.length <= 20 && problems.every(({ what }) => what.length <= 80));
    planOf(setup, WORLD);
  }
  const many = checkSetup({ topics: Array.from({ length: 500 }, (_, index) => ({ name: `t${index}`, partitions: 1 })) });
  assert.equal(many.setup.topics.length, 100);
  assert.deepEqual(many.problems, [{ key: "share_too_many", what: "topics: 500 > 100" }]);
});

test("what a link would do here depends on what is here", () => {
  const setup = { ...SETUP, workers: 9 };
  const world = { ...WORLD, topics: new Map([["orders", 4], ["plain", 1]]), linkedCode: "of an earlier link" };
  const { items, problems, there } = planOf(setup, world);
  assert.deepEqual(items.map(({ kind, chosen }) => `${kind} ${chosen}`),
    ["language true", "producer true", "producer true", "group true", "code false", "lesson true"]);
  assert.deepEqual(problems.map(({ key }) => key), ["share_workers_many", "share_other_partitions", "share_file"]);
  assert.deepEqual(there, ["plain"]);
  const gateway = planOf(setup, { ...world, isGateway: true });
  assert.ok(gateway.problems.some(({ key }) => key === "share_lesson_gateway") && gateway.items.every(({ kind }) => kind !== "lesson"));
  assert.deepEqual(planOf({ ...setup, workers: 4 }, { ...world, isGuest: true }).problems[0], { key: "share_workers_guest", wanted: 4 });
});

test("the set-up of a page is what runs in it", () => {
  const request = { group: "g", topic: "t", assignor: "range", reset: "earliest", records_per_s: undefined, instance_id: undefined };
  const source = { synthetic: { records: 5n, value_size: 3 } };
  const setup = currentSetup({
    language: "en",
    standing: { hosts: ["running"] },
    brokers: new Map([[0, { topics: [{ name: "t", leaders: [0, 0], configs: [["retention.ms", "5"]] }] }]]),
    clients: {
      imports: [
        { state: "running", request: { source, topic: "t", partitions: 2, key_field: undefined, records_per_s: 9, acks: "all", compression: "none" } },
        { state: "done", request: { source, topic: "t", partitions: 2 } },
      ],
      consumers: [{ state: "assigned", request }, { state: "joining", request }, { state: "left", request }, { state: { failed: {} }, request }],
    },
  }, { code: "1", lesson: undefined });
  const checked = checkSetup(structuredClone(setup));
  assert.deepEqual(checked.problems, []);
  assert.deepEqual(checked.setup, {
    language: "en", workers: 1, code: "1",
    topics: [{ name: "t", partitions: 2, configs: { "retention.ms": "5" } }],
    producers: [{ source: { synthetic: { records: 5, valueSize: 3 } }, topic: "t", partitions: 2, rate: 9, acks: "all", compression: "none" }],
    groups: [{ group: "g", topic: "t", assignor: "range", reset: "earliest", consumers: 2 }],
  });
});
