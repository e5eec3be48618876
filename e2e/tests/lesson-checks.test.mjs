// Lessons without a browser: the compiler and what it refuses, the checks over made-up facts, and where seeded records go.

import assert from "node:assert/strict";
import { mkdtemp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { compileLesson, compileLessons } from "../../web/js/tutorials.mjs";
import { paymentsOf } from "../../web/js/lessons/actions.js";
import { firstProblem, rightAnswer } from "../../web/js/lessons/checks.js";
import { Progress } from "../../web/js/lessons/progress.js";
import { ACTIONS, CHECKS } from "../../web/js/lessons/vocabulary.js";
import { fill } from "../../web/js/language.js";
import { partitionOf } from "../lib/playground.mjs";

const root = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const strings = async (language) => JSON.parse(await readFile(root(`web/js/lessons/strings/${language}.json`)));
const LESSON = `---
title: A
summary: B
minutes: 1
order: 1
topics: [lesson-a]
groups: []
data: { two: [[k, v], [k, w]] }
---

## One

Press {=send_go} and look at {p2}, <script>alert(1)</script>.

\`\`\`question
ask: Why?
choices: [No, { text: Yes, right: true }]
because: So.
\`\`\`

\`\`\`task
Do it.
\`\`\`

\`\`\`check
- holds: { topic: lesson-a, records: $two }
\`\`\`

\`\`\`hint
Look.
\`\`\`

\`\`\`solve
- send: { topic: lesson-a, records: $two }
\`\`\`
`;
const ENGLISH = { language: "en", words: { send_go: "Send <it>" } };

test("a lesson becomes safe HTML, with what is asked and checked", () => {
  const { steps: [step], data } = compileLesson(LESSON, "en.md", ENGLISH);
  assert.equal(data, undefined, "data is put where it is used");
  assert.match(step.html, /Press <b>Send &lt;it&gt;<\/b>/);
  assert.match(step.html, /<span class="lesson-partition" data-partition="2">partition 2<\/span>/);
  assert.match(step.html, /&lt;script&gt;/);
  assert.deepEqual(step.question, { ask: "Why?", choices: ["No", "Yes"], right: 1, because: "So." });
  assert.deepEqual(step.check, [{ holds: { topic: "lesson-a", records: [["k", "v"], ["k", "w"]] } }]);
});

test("what is wrong in a lesson is said with file and line", () => {
  const refused = (change, pattern) => assert.throws(() => compileLesson(change(LESSON), "x/en.md", ENGLISH), pattern);
  refused((text) => text.replace("title: A\n", ""), /^Error: x\/en\.md:1: the front matter has no title/);
  refused((text) => text.replace("{=send_go}", "{=nothing}"), /x\/en\.md:13: the page has no string "nothing"/);
  refused((text) => text.replace("- holds:", "- hold:"), /x\/en\.md:25: there is no "hold"; there are topic, /);
  refused((text) => text.replace(/- holds: .*/, "- holds: { topic: lesson-a }"), /x\/en\.md:25: "holds" needs records/);
  refused((text) => text.replace(/- holds: .*/, "- holds: { topic: [lesson-a"), /x\/en\.md:2[67]: /);
  refused((text) => text.replace("$two", "$three"), /x\/en\.md:25: the front matter has no data "three"/);
  refused((text) => text.replace(", right: true", ""), /x\/en\.md:15: one of the choices is right/);
  refused((text) => text.replace("```hint\nLook.\n```\n", ""), /x\/en\.md:11: step "One" has no hint/);
  refused((text) => text.replace("```task", "```tusk"), /x\/en\.md:21: there is no block "tusk"/);
  refused((text) => text.replace("topics: [lesson-a]", "topics: [mine]"), /x\/en\.md:1: "mine" has to begin with lesson-/);
});

test("languages differ in words alone", async () => {
  const folder = await mkdtemp(join(tmpdir(), "headwater-lessons-"));
  const words = { en: ENGLISH.words, zh: { send_go: "发送" } };
  const build = async (chinese) => {
    await mkdir(join(folder, "in/a"), { recursive: true });
    await writeFile(join(folder, "in/a/en.md"), LESSON);
    await writeFile(join(folder, "in/a/zh.md"), chinese);
    return compileLessons(join(folder, "in"), join(folder, "out"), words);
  };
  try {
    await build(LESSON.replace("## One", "## 一").replace("Why?", "为什么？"));
    assert.match(await readFile(join(folder, "out/a.zh.json"), "utf8"), /分区 2/);
    await assert.rejects(build(LESSON.replace("- holds: { topic: lesson-a", "- holds: { topic: lesson-b")), /zh\.md:11: not as in en\.md: the check of step 1/);
    await assert.rejects(build(LESSON.replace("[No, { text: Yes, right: true }]", "[{ text: Yes, right: true }, No]")), /the question of step 1/);
    await assert.rejects(build(`${LESSON}\n\`\`\`hint\nMore.\n\`\`\`\n`), /the hints of step 1/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("the lessons that there are compile, and their seeded records go where the texts say", async () => {
  for (const id of (await readdir(root("tutorials"), { withFileTypes: true })).filter((entry) => entry.isDirectory() && entry.name !== "data")) {
    for (const language of ["en", "zh"]) {
      const path = root(`tutorials/${id.name}/${language}.md`);
      const anyWord = new Proxy({}, { get: (_, key) => String(key) });
      assert.ok(compileLesson(await readFile(path, "utf8"), path, { language, words: anyWord }).steps.length >= 7);
    }
  }
  assert.deepEqual(["car-12", "car-7", "car-2", "car-4"].map((key) => partitionOf(key, 3)), [0, 0, 1, 2]);
  const payments = paymentsOf(900).split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(payments.map(({ n }) => n), Array.from({ length: 900 }, (_, n) => n));
  const going = payments.map(({ customer }) => partitionOf(customer, 4));
  assert.deepEqual([0, 1, 2, 3].map((partition) => going.filter((each) => each === partition).length > 100), [true, true, true, true]);
});

test("every problem that a check can name has words in both languages, with the same places", async () => {
  const [english, chinese] = [await strings("en"), await strings("zh")];
  assert.deepEqual(Object.keys(english).sort(), Object.keys(chinese).sort());
  const places = (text) => [...new Set([...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name))].sort();
  for (const [key, text] of Object.entries(english)) assert.deepEqual(places(chinese[key]), places(text), key);
  const code = await Promise.all(["checks.js", "checks-group.js", "checks-fault.js", "problem.js"].map((name) => readFile(root(`web/js/lessons/${name}`), "utf8")));
  const named = [...code.join("\n").matchAll(/problem\("(\w+)"/g)].map(([, key]) => `lessons_check_${key}`);
  assert.ok(named.length > 30);
  for (const key of named) assert.ok(english[key] !== undefined, key);
  assert.ok(Object.keys(CHECKS).length > 0 && Object.keys(ACTIONS).length > 0);
});

const record = (offset, key, value, timestamp = offset) => ({ offset, key, value, timestamp });
const facts = (more = {}) => ({ topics: {}, groups: {}, consumers: [], imports: [], brokers: [], notes: {}, inputs: {}, visit: "1", ...more });
const topic = (...partitions) => ({ t: { leaders: partitions.map((_, index) => index), partitions } });
/** What a learner reads. */
const said = async (check, given) => {
  const found = firstProblem([check], facts(given));
  return found && fill((await strings("en"))[found.key], found.places);
};

test("checks of records name the record that is wrong", async () => {
  const together = { together: { topic: "t" } };
  const apart = { topics: topic([record(0, "a", "1", 10)], [record(0, "b", "2", 5), record(1, "a", "3", 20)]) };
  assert.match(await said(together, apart), /Partition 1, offset 1: key a went to partition 0 before \(offset 0\)/);
  assert.equal(await said(together, { topics: topic([record(0, "a", "1"), record(1, "a", "3")], [record(0, "b", "2")]) }), undefined);
  const keyed = { record: { topic: "t", key: "a" } };
  assert.equal(await said(keyed, {}), "There is no topic t yet.");
  assert.equal(await said(keyed, { topics: topic([]) }), "There is no record in t yet.");
  assert.match(await said(keyed, { topics: topic([record(0, null, "1")]) }), /Partition 0, offset 0: this record has no key/);
  assert.match(await said(keyed, { topics: topic([], [record(3, "A", "1")]) }), /Partition 1, offset 3: the key is "A"/);
  const holds = { holds: { topic: "t", records: [["a", "1"], ["b", "2"]] } };
  assert.match(await said(holds, { topics: topic([record(0, "a", "1")]) }), /The record "2" of b is not in t/);
  assert.match(await said(holds, { topics: topic([record(0, "a", "1"), record(1, "b", "2"), record(2, "b", "2")]) }),
    /"2" is there twice: partition 0, offset 1, and partition 0, offset 2/);
  const sent = { state: "done", acknowledged: 2, topic: "t" };
  const number = (offset, n) => record(offset, null, `{"n": ${n}}`);
  const lost = { "nothing-lost": { topic: "t" } };
  assert.equal(await said(lost, { imports: [sent], topics: topic([number(0, 0)], [number(0, 1)]) }), undefined);
  assert.match(await said(lost, { imports: [sent], topics: topic([number(0, 0)], []) }), /Record number 1 was acknowledged, and is not in t/);
  assert.match(await said(lost, { imports: [sent], topics: topic([number(0, 0)], [number(0, 1), number(1, 1)]) }), /is there twice: partition 1, offset 0/);
});

test("answers are compared with what the engine holds", async () => {
  const topics = topic([record(0, "a", "x"), record(2, "a", "y"), record(3, "a", "x")]);
  const check = { "offset-of": { input: "i", topic: "t", partition: 0, value: "x", last: true } };
  const answered = (text) => said(check, { topics, inputs: { i: text } });
  assert.equal(await answered(" 3 "), undefined);
  assert.match(await answered("0"), /it is the other of the two/);
  assert.match(await answered("2"), /Offset 2 of partition 0 holds "y"/);
  assert.match(await answered("1"), /no record at offset 1/);
  assert.match(await answered("two"), /"two" is not a whole number/);
  assert.match(await answered(""), /Type your answer first/);
  assert.equal(rightAnswer(check, facts({ topics })), 3);
  assert.equal(rightAnswer(check, facts()), undefined);
});

test("checks of groups name the partition or the consumer", async () => {
  const topics = topic([record(0, "a", "1")], [record(0, "b", "2"), record(1, "b", "3")]);
  const member = (...partitions) => ({ memberId: "m", clientId: "c", partitions: partitions.map((number) => ["t", number]) });
  const offset = (partition, committed) => ({ topic: "t", partition, committed, end: 2 });
  const group = (members, offsets, state = "Stable") => ({ topics, groups: { g: { state, members, offsets } } });
  const check = { group: { group: "g", topic: "t", members: 1 } };
  assert.match(await said(check, { topics }), /Nobody is in the group g/);
  assert.match(await said(check, group([member(0, 1)], [], "PreparingRebalance")), /still sharing out/);
  assert.match(await said(check, group([member(0), member(1)], [])), /has 2 member\(s\); it should have 1/);
  assert.match(await said(check, group([member(0)], [offset(0, 1)])), /Nobody in the group reads partition 1/);
  assert.match(await said(check, group([member(0, 1)], [offset(0, 1), offset(1, 1)])), /Partition 1: the group has read up to offset 1/);
  assert.equal(await said(check, group([member(0, 1)], [offset(0, 1), offset(1, 2)])), undefined);

  const consumer = (id, state, records) => ({ id, name: `consumer-${id}`, group: "g", topic: "t", state, records });
  const crashed = { "crashed-reader": { group: "g", topic: "t" } };
  const all = group([member(0, 1)], [offset(0, 1), offset(1, 2)]);
  assert.match(await said(crashed, { ...all, consumers: [consumer("1", "killed", 2)] }), /consumer-1 was killed, and nobody/);
  assert.match(await said(crashed, { ...all, consumers: [consumer("1", "killed", 2), consumer("2", "assigned", 1)] }), /all of them were committed/);
  const twice = { ...all, consumers: [consumer("1", "killed", 2), consumer("2", "assigned", 2)] };
  assert.equal(await said(crashed, twice), undefined);
  const again = { "read-again": { input: "i", group: "g", topic: "t" } };
  assert.equal(await said(again, { ...twice, inputs: { i: "1" } }), undefined);
  assert.match(await said(again, { ...twice, inputs: { i: "2" } }), /Not 2\. The consumers have read consumer-1: 2, consumer-2: 2; the topic has 3/);
  const forgotten = { ...twice, notes: { forgotten: ["1"] }, inputs: { i: "1" } };
  assert.match(await said(crashed, forgotten), /No consumer of g was killed/, "those of an earlier try do not count");
});

test("checks of faults look at what happened while the producer was at work", async () => {
  const topics = topic([], []);
  const check = { "went-down": { topic: "t" } };
  assert.match(await said(check, { topics }), /No broker was terminated .* 0, 1/);
  assert.match(await said(check, { topics, imports: [{ topic: "t", state: "done" }] }), /had finished before/);
  assert.match(await said(check, { topics, notes: { down: [7] } }), /Broker 7 was terminated, but it leads no partition of t/);
  assert.equal(await said(check, { topics, notes: { down: [1] } }), undefined);
  const kept = { kept: { topic: "t" } };
  const notes = { records: { t: [[1, 4, "v"]] } };
  assert.match(await said(kept, { topics, notes }), /Partition 1, offset 4: "v" was there before/);
  assert.equal(await said(kept, { topics: topic([], [record(4, null, "v")]), notes }), undefined);
});

test("progress is kept, and what is no progress is not taken", () => {
  const kept = new Map();
  const storage = { recall: (key) => kept.get(key), remember: (key, value) => kept.set(key, value).has(key) };
  const progress = Progress.load(storage);
  progress.open = "a";
  progress.of("a").step = 3;
  progress.inStep("a", 3).choice = 1;
  assert.equal(progress.save(), true);
  const again = Progress.load(storage);
  assert.deepEqual([again.open, again.of("a").step, again.inStep("a", 3).choice], ["a", 3, 1]);
  for (const text of ["{", "[]", "null", '{"version":2,"lessons":{}}', '{"version":1,"lessons":{"a":{"step":-1,"done":[],"steps":{}}}}', '{"version":1,"lessons":{"a":null}}']) {
    assert.throws(() => again.take(text), text);
    assert.equal(again.of("a").step, 3, "nothing is changed");
  }
  const full = Progress.load({ recall: () => undefined, remember: () => false });
  assert.equal(full.save(), false);
});
