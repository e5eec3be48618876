// Lessons as a learner goes through them: with the page's own panels, wrong at first, and to the end.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { browserTest } from "../lib/test.mjs";
import { problems } from "../lib/accessibility.mjs";
import { LessonPane } from "../lib/lesson.mjs";

const READERS = "lesson-readers";
const READINGS = "lesson-readings";

browserTest("the first lesson, as a learner does it, wrong answers too", async ({ open }) => {
  const playground = await open();
  const lesson = await LessonPane.open(playground, "first-stream");

  await lesson.at(1, "A place for records");
  assert.match(await lesson.wrong(), /no topic lesson-cars/);
  await createTopic(playground, "lesson-cars", 2);
  assert.match(await lesson.wrong(), /has 2 partition\(s\); it should have 3/);
  await playground.id("add-partitions-open-lesson-cars").click();
  await playground.id("add-partitions-count-lesson-cars").fill("3");
  await playground.id("add-partitions-lesson-cars").click();
  await playground.page.locator('[data-testid="partition-row-lesson-cars-2"]').waitFor();
  await lesson.right();

  await lesson.next(2, "The first record");
  await send(playground, { topic: "lesson-cars", key: "car12", value: "40 km/h" });
  assert.match(await lesson.wrong(), /Partition \d, offset 0: the key is "car12". It should be car-12/);
  assert.deepEqual(await send(playground, { topic: "lesson-cars", key: "car-12", value: "40 km/h" }), { partition: 0, offset: 0 });
  await lesson.right();

  await lesson.next(3, "Who chooses the partition?");
  await playground.id("lesson-choice-0").check();
  assert.match(await playground.id("lesson-verdict").innerText(), /^Not quite\. The producer turns the key/);
  await send(playground, { topic: "lesson-cars", key: "car-12", value: "41 km/h" });
  assert.match(await lesson.wrong(), /2 record\(s\) in lesson-cars have the key car-12; it should be 3/);
  await send(playground, { topic: "lesson-cars", key: "car-12", value: "43 km/h", partition: "2" });
  await send(playground, { topic: "lesson-cars", key: "car-2", value: "30 km/h" });
  assert.match(await lesson.wrong(), /Partition 2, offset \d: key car-12 went to partition 0 before \(offset 0\)/);
  await startsOver(playground, lesson);

  await lesson.next(4, "Order, and where it ends");
  await playground.id("lesson-choice-1").check();
  assert.match(await playground.id("lesson-verdict").innerText(), /^Right\./);
  assert.match(await lesson.wrong(), /no topic lesson-readings/);
  await lesson.press(1);
  assert.match(await lesson.wrong(), /Type your answer first/);
  const rows = await playground.read({ topic: READINGS, partition: 0 });
  assert.deepEqual(rows.map(({ value }) => Number(/\d+/.exec(value)[0])), [1, 4, 5, 8, 9, 11], "as the hint says");
  await playground.id("lesson-input-nine").fill("3");
  assert.match(await lesson.wrong(), /Offset 3 of partition 0 holds "reading 8: 47 km\/h"/);
  await playground.id("lesson-input-nine").fill(String(rows.find(({ value }) => value.startsWith("reading 9")).offset));
  await lesson.right();

  await readsInAGroup(playground, lesson);

  await lesson.next(8, "What is still there");
  assert.match(await lesson.wrong(), /has not been loaded again/);
  await playground.reload();
  await lesson.at(8, "What is still there");
  await playground.showsRecords(READINGS, 12);
  await lesson.right();
  await playground.id("lesson-list").click();
  assert.match(await playground.id("lesson").innerText(), /8 of 8 steps done/);
  await keepsProgressAsAFile(playground);
});

async function keepsProgressAsAFile(playground) {
  const [download] = await Promise.all([playground.page.waitForEvent("download"), playground.id("lessons-export").click()]);
  const saved = await readFile(await download.path());
  const load = (name, buffer) => playground.id("lessons-import").setInputFiles({ name, mimeType: "application/json", buffer });
  await load("photo.json", Buffer.from([0xff, 0xd8, 0x00]));
  await playground.page.getByText("photo.json does not hold the progress of lessons; nothing was changed.").waitFor();
  assert.match(await playground.id("lesson").innerText(), /8 of 8 steps done/);
  await load("none.json", Buffer.from('{"version":1,"open":null,"lessons":{}}'));
  await playground.page.getByText("0 of 8 steps done").waitFor();
  await load("mine.json", saved);
  await playground.page.getByText("8 of 8 steps done").waitFor();
}

/** A step done wrong beyond repair: everything of the lesson goes, and only that; then the first steps are solved. */
async function startsOver(playground, lesson) {
  await createTopic(playground, "my-own", 1);
  await playground.id("lesson-reset").click();
  await lesson.at(1, "A place for records");
  await lesson.says("good", /Cleared/);
  assert.equal(await playground.id("topic-lesson-cars").count(), 0);
  assert.equal(await playground.id("topic-my-own").count(), 1, "what is not of the lesson stays");
  for (const [number, title] of [[1, "A place for records"], [2, "The first record"], [3, "Who chooses the partition?"]]) {
    await lesson.at(number, title);
    await lesson.solve();
    if (number < 3) await playground.id("lesson-next").click();
  }
}

async function readsInAGroup(playground, lesson) {
  await lesson.next(5, "Two who share the reading");
  await playground.consume({ group: READERS, topic: READINGS, count: 3 });
  await playground.groupWith(READERS, { state: "Stable", lag: 0, reading: ["0", "1", "2"] });
  assert.match(await lesson.wrong(), /has 3 member\(s\); it should have 2/);
  const [third] = (await playground.group(READERS)).members.slice(-1);
  await playground.id(`stop-${third.name}`).click();
  await playground.groupWith(READERS, { state: "Stable", lag: 0, reading: ["0,1", "2"] });
  await lesson.rightSoon();

  await lesson.next(6, "One of them leaves");
  assert.match(await lesson.wrong(), /has 2 member\(s\); it should have 1/);
  const [first] = (await playground.group(READERS)).members.filter(({ partitions }) => partitions === "0,1");
  await playground.id(`stop-${first.name}`).click();
  await playground.groupWith(READERS, { state: "Stable", lag: 0, reading: ["0,1,2"] });
  await lesson.rightSoon();

  await lesson.next(7, "Read it all again");
  assert.match(await lesson.wrong(), /No consumer of lesson-readers was started in this step/);
  const [last] = (await playground.group(READERS)).members.filter(({ state }) => state === "assigned");
  await playground.id(`stop-${last.name}`).click();
  await playground.groupWith(READERS, { state: "Empty" });
  await playground.id(`add-consumer-${READERS}`).click();
  await playground.groupWith(READERS, { state: "Stable", reading: ["0,1,2"] });
  assert.match(await lesson.wrong(), /has read 0 of 12 records: the group went on where it had been/);
  const [idle] = (await playground.group(READERS)).members.filter(({ state }) => state === "assigned");
  await playground.id(`stop-${idle.name}`).click();
  await playground.groupWith(READERS, { state: "Empty" });
  await playground.id(`reset-earliest-${READERS}`).click();
  await playground.groupWith(READERS, { lag: 12 });
  await playground.id(`add-consumer-${READERS}`).click();
  await playground.groupWith(READERS, { state: "Stable", lag: 0, reading: ["0,1,2"] });
  await lesson.rightSoon();
}

async function createTopic(playground, name, partitions) {
  await playground.id("create-topic-name").fill(name);
  await playground.id("create-topic-partitions").fill(String(partitions));
  await playground.id("create-topic").click();
  await playground.id(`partition-row-${name}-${partitions - 1}`).waitFor();
}

/** Sends one record with the form, and answers where it went. */
async function send(playground, { topic, key, value, partition = "auto" }) {
  await playground.id("send-topic").selectOption(topic);
  await playground.id("send-partition").selectOption(partition);
  await playground.id("send-key").fill(key);
  await playground.id("send-value").fill(value);
  const before = await playground.id("send-result").evaluateAll((all) => all.map(({ dataset }) => [dataset.partition, dataset.offset].join("/"))[0]);
  await playground.id("send-go").click();
  const result = await playground.page.waitForFunction((last) => {
    const found = document.querySelector('[data-testid="send-result"]')?.dataset;
    return found !== undefined && `${found.partition}/${found.offset}` !== last && { partition: +found.partition, offset: +found.offset };
  }, before);
  return result.jsonValue();
}

const PAYMENTS = "lesson-payments";
const TELLERS = "lesson-tellers";

browserTest("the second lesson, as a learner does it, wrong answers too", async ({ open }) => {
  const playground = await open({ workers: 2 });
  const lesson = await LessonPane.open(playground, "when-things-fail");

  await lesson.at(1, "A steady producer");
  assert.match(await lesson.wrong(), /No producer has sent to lesson-payments/);
  await lesson.press(1);
  await lesson.rightSoon();

  await lesson.next(2, "Pull the plug");
  assert.match(await lesson.wrong(), /No broker was terminated while the producer was at work/);
  await playground.id("terminate-worker-1").click();
  await playground.page.locator('[data-testid="broker-row-1"][data-state="stopped"]').waitFor();
  await lesson.right();

  await lesson.next(3, "Switch it on again");
  assert.match(await lesson.wrong(), /Broker \d is not running yet/);
  await playground.id("lesson-reset").click();
  await lesson.says("bad", /Broker 1 is not running\. Start it again under Brokers/);
  await playground.id("start-worker-1").click();
  await playground.running();
  assert.match(await lesson.wrong(), /is still at work: \d+ records are acknowledged/);
  await sendsAll(playground);
  await lesson.rightSoon();

  await losesAnAnswer(playground, lesson);
  await crashesAReader(playground, lesson);

  await lesson.next(7, "Exactly once");
  await playground.id("lesson-input-log").fill("10");
  await lesson.press(2);
  assert.match(await lesson.wrong(), /No receipt of lesson-receipts was written twice, so there was no crash/);
  await lesson.press(1);
  await lesson.press(2);
  await playground.id("lesson-input-log").fill("16");
  assert.match(await lesson.wrong(), /Nobody has counted the committed records/);
  await lesson.press(3);
  await playground.id("lesson-input-committed").fill("16");
  assert.match(await lesson.wrong(), /16 is what the log holds/);
  await playground.id("lesson-input-committed").fill("10");
  await lesson.right();
  const rows = await playground.read({ topic: "lesson-receipts", partition: 0 });
  assert.deepEqual(rows.map(({ offset }) => offset).filter((offset) => [6, 17].includes(offset)), [], "the marks take offsets and are not shown");
  assert.equal(rows.length, 16);
});

/** Waits until the producer of the lesson has sent all; it sends 30 a second. */
async function sendsAll(playground) {
  await playground.page.waitForFunction((prefix) => {
    const rows = [...document.querySelectorAll(`[data-testid^="${prefix}"]`)];
    return rows.reduce((sum, { dataset }) => sum + Number(dataset.end), 0) === 900;
  }, `partition-row-${PAYMENTS}-`, { timeout: 120_000 });
}

async function losesAnAnswer(playground, lesson) {
  await lesson.next(4, "The answer that got lost");
  await lesson.press(1);
  assert.match(await playground.id("lesson-log").innerText(), /payment 3: stored, but the connection was cut/);
  const plain = await playground.read({ topic: "lesson-plain", partition: 0 });
  assert.deepEqual(plain.map(({ value }) => value), ["payment 1", "payment 2", "payment 3", "payment 3", "payment 4", "payment 5"]);
  await playground.id("lesson-input-copy").fill("2");
  assert.match(await lesson.wrong(), /"payment 3" is at offset 2 of partition 0 indeed, but it is the other/);
  await playground.id("lesson-input-copy").fill("4");
  assert.match(await lesson.wrong(), /Offset 4 of partition 0 holds "payment 4"/);
  await playground.id("lesson-input-copy").fill("3");
  await lesson.right();

  await lesson.next(5, "Numbers that tell copies apart");
  await lesson.press(1);
  const idempotent = await playground.read({ topic: "lesson-idempotent", partition: 0 });
  assert.deepEqual(idempotent.map(({ value }) => value), ["payment 1", "payment 2", "payment 3", "payment 4", "payment 5"]);
  await playground.id("lesson-input-count").fill("6");
  assert.match(await lesson.wrong(), /Not 6\. The last record of lesson-idempotent is "payment 5" at partition 0, offset 4/);
  await playground.id("lesson-input-count").fill("5");
  await lesson.right();
}

async function crashesAReader(playground, lesson) {
  await lesson.next(6, "Read at least once");
  let again = 0;
  // A kill in the moment in which all that was read is committed shows nothing; the lesson says so, and one tries again.
  for (let tries = 0; again === 0; tries += 1) {
    assert.ok(tries < 5, "each time all that was read was committed");
    if (tries > 0) {
      assert.match(await lesson.wrong(), /just then all of them were committed\. Press "Forget the group" and try again/);
      await lesson.press(1);
    }
    again = await killsAReader(playground, lesson);
  }
  await playground.id("lesson-input-again").fill(String(again + 1));
  assert.match(await lesson.wrong(), new RegExp(`Not ${again + 1}\\. The consumers have read .*; the topic has 900 records`));
  await playground.id("lesson-input-again").fill(String(again));
  await lesson.rightSoon();
}

/** Kills a consumer while it reads, has another read the rest, and returns how many records were read twice. */
async function killsAReader(playground, lesson) {
  const before = ((await playground.group(TELLERS))?.members ?? []).map(({ name }) => name);
  await playground.consume({ group: TELLERS, topic: PAYMENTS, rate: 100 });
  const group = await playground.groupWith(TELLERS, { state: "Stable", consumed: 330 });
  assert.match(await lesson.wrong(), /No consumer of lesson-tellers was killed/);
  const first = group.members.find(({ name }) => !before.includes(name));
  await playground.id(`kill-${first.name}`).click();
  await playground.page.locator(`[data-testid="${first.name}"][data-state="killed"]`).waitFor();
  assert.match(await lesson.wrong(), /was killed, and nobody has taken its place/);
  await playground.id(`add-consumer-${TELLERS}`).click();
  await playground.groupWith(TELLERS, { state: "Stable", lag: 0 });
  const { members } = await playground.group(TELLERS);
  return members.filter(({ name }) => !before.includes(name)).reduce((sum, { records }) => sum + records, 0) - 900;
}

browserTest("what was left with other partitions is mended, and a step that waits for time says so", async ({ open }) => {
  const playground = await open();
  await createTopic(playground, "lesson-cars", 5);
  await createTopic(playground, READINGS, 1);
  const lesson = await LessonPane.open(playground, "first-stream");
  await playground.page.getByText("Left from another lesson or an earlier try: lesson-cars, lesson-readings.").waitFor();
  await playground.id("lesson-keep").click();
  assert.match(await lesson.wrong(), /lesson-cars has 5 partitions; it should have 3/);
  await playground.id("speed").selectOption("10");
  await playground.id("lesson-note").filter({ hasText: /^Time goes slowly/ }).waitFor();
  await playground.id("pause").click();
  await playground.id("lesson-solve").click();
  await playground.id("lesson-result").filter({ hasText: /^Time stands still/ }).waitFor();
  // What is under way cannot be called off, but the lesson has time go on.
  await playground.id("lesson-time").click();
  await lesson.says("good", /Done/);
  assert.equal(await playground.id("speed").inputValue(), "1000");
  assert.equal((await playground.partitions("lesson-cars")).length, 3);
  await playground.id("lesson-go-4").click();
  await lesson.press(1);
  assert.equal((await playground.partitions(READINGS)).length, 3);
});

browserTest("every step can be solved by the lesson itself, in either language, and what is left over is cleared", async ({ open }) => {
  const playground = await open();
  for (const id of ["first-stream", "when-things-fail"]) {
    const lesson = await LessonPane.open(playground, id);
    const count = await playground.page.locator(".lesson-dot").count();
    for (let number = 1; number <= count; number += 1) {
      await playground.page.locator(`[data-testid="lesson-go-${number}"][aria-current="step"]`).waitFor();
      await playground.id("lesson-hint").click();
      await lesson.solve();
      await playground.page.emulateMedia({ colorScheme: number % 2 === 0 ? "dark" : "light" });
      assert.deepEqual(await problems(playground.page), [], `step ${number} of ${id} can be used by everybody`);
      // The other language keeps the step and what was done.
      if (number === 1 || number === count) await showsChinese(playground, number);
      if (number < count) await playground.id("lesson-next").click();
    }
    await playground.id("lessons-close").click();
  }

  // Another try, with what the last one left.
  await playground.page.evaluate(() => localStorage.removeItem("headwater.lessons"));
  await playground.reload();
  const lesson = await LessonPane.open(playground, "first-stream");
  await playground.id("lesson-clear").click();
  await lesson.says("good", /Cleared/);
  assert.equal(await playground.id("topic-list").getAttribute("data-count"), "0");
  assert.equal(await playground.id("group-list").getAttribute("data-count"), "0");
}, { launchOptions: { reducedMotion: "reduce" } });

async function showsChinese(playground, number) {
  await playground.id("language").selectOption("zh");
  await playground.page.locator(`[data-testid="lesson-go-${number}"][aria-current="step"][aria-label*="已完成"]`).waitFor();
  assert.match(await playground.id("lesson-result").innerText(), /完成/);
  assert.match(await playground.id("lesson-done").innerText(), /[\u4e00-\u9fff]/);
  await playground.id("language").selectOption("en");
  await playground.page.locator(`[data-testid="lesson-go-${number}"][aria-current="step"][aria-label*="done"]`).waitFor();
}
