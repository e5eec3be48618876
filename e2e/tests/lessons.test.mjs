// Lessons as a learner goes through them: with the page's own panels, wrong at first, and to the end.

import assert from "node:assert/strict";
import { browserTest } from "../lib/test.mjs";
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
});

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
