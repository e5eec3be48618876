// Time that stands still, goes on by a step, or goes slowly.

import assert from "node:assert/strict";
import { bound } from "../../web/js/figures/latency.js";
import { browserTest } from "../lib/test.mjs";

const TOPIC = "numbers";

browserTest("while time stands still nothing is appended; a step goes on by one event", async ({ open }) => {
  const playground = await open();
  await produce(playground, 50);
  await ends(playground, (end) => end >= 20);

  await playground.id("pause").click();
  const end = await highWatermark(playground);
  await playground.page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 1_500)));
  assert.equal(await highWatermark(playground), end, "nothing is appended without a step");

  // A batch comes in by a request, and is there when the storage has it.
  const steps = [];
  let [from, now] = [end, end];
  for (let produced = false; !produced || now === from;) {
    assert.ok(steps.length < 100, steps.join("\n"));
    await playground.id("step").click();
    now = await highWatermark(playground);
    steps.push(await playground.id("step-done").innerText());
    produced ||= /Produce of producer-1/.test(steps.at(-1));
    // What was on its way to the storage when time stopped.
    if (!produced) from = now;
  }
  assert.ok(now - from <= 50n, `${now - from} records in ${steps.length} steps`);
  assert.match(steps.at(-1), /storage has done/);

  await playground.id("pause").click();
  await ends(playground, (later) => later > Number(now) + 100);
});

browserTest("what waits in a pause takes no time of the workers'", async ({ open }) => {
  const playground = await open();
  await produce(playground, 50);
  await ends(playground, (end) => end >= 20);
  await playground.id("pause").click();
  // A Produce that the broker has, and whose answer waits for the storage.
  for (let steps = 0; !/Produce of producer-1/.test(await playground.id("step-done").innerText()); steps++) {
    assert.ok(steps < 200, "no Produce came");
    await playground.id("step").click();
  }
  const latencies = () => playground.page.evaluate(() => globalThis.headwater.api.clients.produce_latencies);
  const pauseMs = 5_000;
  await playground.page.evaluate((ms) => new Promise((resolve) => setTimeout(resolve, ms)), pauseMs);
  const before = await latencies();
  const sum = (counts) => counts.reduce((all, count) => all + count, 0);
  await playground.id("pause").click();
  await playground.page.waitForFunction((seen) => (
    globalThis.headwater.api.clients.produce_latencies.reduce((all, count) => all + count, 0) > seen), sum(before));
  const longer = (await latencies()).filter((_, bucket) => bound(bucket) >= pauseMs);
  assert.equal(sum(longer), 0, "no request took as long as the pause");
});

browserTest("keys pause and step from anywhere but where one types, and the buttons tell them", async ({ open }) => {
  const playground = await open();
  const { keyboard } = playground.page;
  await produce(playground, 50);
  await playground.page.evaluate(() => globalThis.headwater.api.addEventListener("clients", ({ detail: { name } }) => {
    globalThis.__due ||= name === "due";
  }));
  const stands = (paused) => playground.page.locator(`.time[data-paused="${paused}"]`).waitFor();
  await playground.page.locator('[data-testid="pause"][aria-keyshortcuts="Alt+Shift+P"][title="Alt+Shift+P"]').waitFor();
  assert.equal(await playground.id("step").getAttribute("aria-keyshortcuts"), "Alt+Shift+S");
  await playground.id("share").focus();
  await keyboard.press("Alt+Shift+KeyP");
  await stands(true);
  assert.equal(await playground.id("time-said").innerText(), "Time stands still.");
  assert.equal(await playground.page.evaluate(() => document.activeElement.dataset.testid), "share", "the focus stays");
  // There is something to do when workers have told what is due.
  await playground.page.waitForFunction(() => globalThis.__due, undefined, { timeout: 30_000 });
  await keyboard.press("Alt+Shift+KeyS");
  await playground.page.locator('[data-testid="step-done"]:not(:empty)').waitFor();
  await playground.id("topic-name").focus();
  await keyboard.press("Alt+Shift+KeyP");
  await stands(true);
  assert.equal(await playground.id("time-said").innerText(), "Time stands still.", "in a field the keys are the field's");
  await playground.id("share").focus();
  await keyboard.press("Alt+Shift+KeyP");
  await stands(false);
  assert.equal(await playground.id("time-said").innerText(), "Time goes on.");
});

browserTest("while time stands still records are read, and what a person sends waits for its step", async ({ open }) => {
  const playground = await open({ workers: 1 });
  await produce(playground, 50);
  await ends(playground, (end) => end >= 20);
  await playground.id("pause").click();
  await playground.id("time-note").filter({ hasText: /^Time stands still\. Records can be looked at/ }).waitFor();
  const rows = await playground.read({ topic: TOPIC, partition: 0 });
  assert.equal(rows[0].offset, 0);
  await playground.id("send-topic").selectOption(TOPIC);
  await playground.id("send-value").fill("by hand");
  await playground.id("send-go").click();
  await playground.page.waitForFunction(() => Number(document.querySelector(".time").dataset.waiting) > 0);
  assert.equal(await playground.id("send-result").count(), 0);
  assert.deepEqual(await playground.read({ topic: TOPIC, partition: 0 }), rows, "also behind what waits");
  for (let steps = 0; (await playground.id("send-result").count()) === 0; steps += 1) {
    assert.ok(steps < 100, "it is stored by a step");
    await playground.id("step").click();
  }
  await playground.id("pause").click();
  await playground.id("time-note").filter({ hasText: /^$/ }).waitFor({ state: "attached" });
});

// Whatever is under way when time stops: a Produce that the broker has not, one whose answer waits for the storage, a new topic.
browserTest("a pause at any moment keeps nobody from looking", async ({ open }) => {
  const playground = await open({ workers: 1 });
  await produce(playground, 200);
  await ends(playground, (end) => end >= 20);
  const seen = await playground.page.evaluate(async (topic) => {
    const { api } = globalThis.headwater;
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const pause = document.querySelector('[data-testid="pause"]');
    const read = { topic, partition: 0, from: "start", max_records: 1, whole: false };
    const first = () => Promise.race([
      api.request({ read }).then(({ records }) => Number(records.records[0].offset)),
      wait(20_000).then(() => "nothing came"),
    ]);
    const offsets = [];
    const made = [];
    for (let round = 0; round < 60 && !offsets.includes("nothing came"); round += 1) {
      await wait((round * 7) % 23);
      pause.click();
      if (round % 10 === 5) made.push(api.request({ "create-topic": { name: `made-${round}`, partitions: 1, configs: [] } }));
      offsets.push(await first());
      pause.click();
    }
    await Promise.all(made);
    return { offsets, topics: made.length };
  }, TOPIC);
  assert.deepEqual(seen, { offsets: Array(60).fill(0), topics: 6 });
});

browserTest("a broker that ends in a pause is missed, and read from again when it is back", async ({ open }) => {
  const playground = await open({ workers: 1 });
  await produce(playground, 50);
  await ends(playground, (end) => end >= 20);
  await playground.id("pause").click();
  await playground.id("terminate-worker-0").click();
  await playground.id("start-worker-0").waitFor();
  const read = () => playground.page.evaluate((topic) => globalThis.headwater.api
    .request({ read: { topic, partition: 0, from: "start", max_records: 1, whole: false } })
    .then(({ records }) => Number(records.records[0].offset), ({ message }) => message), TOPIC);
  assert.match(await read(), /^Time stands still, and no broker has answered\./);
  await playground.id("start-worker-0").click();
  await playground.running();
  assert.equal(await read(), 0);
});

browserTest("what was sent without acknowledgement before a pause is written after it, though its producer is gone", async ({ open }) => {
  const playground = await open({ workers: 1 });
  await playground.page.evaluate(async (topic) => {
    const { api } = globalThis.headwater;
    await api.request({ "create-topic": { name: topic, partitions: 1, configs: [] } });
    document.querySelector('[data-testid="pause"]').click();
    const source = { synthetic: { records: 100, value_size: 50 } };
    await api.request({ import: { source, topic, partitions: 1, acks: "0" } });
  }, TOPIC);
  // It has a turn for each step; then it is done, and its connection is closed.
  const state = () => playground.page.evaluate(() => globalThis.headwater.api.clients.imports[0]?.state);
  for (let steps = 0; (await state()) !== "done"; steps += 1) {
    assert.ok(steps < 100, `after ${steps} steps it is ${await state()}`);
    await playground.id("step").click();
    await playground.page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 100)));
  }
  await playground.id("pause").click();
  await ends(playground, (end) => end === 100);
});

browserTest("a second tab sees that time stands, has it go on and step, and time goes when it takes over", async ({ open }) => {
  const first = await open({ workers: 1 });
  await produce(first, 50);
  await ends(first, (end) => end >= 20);
  const second = await open();
  await second.isGuest();
  await first.id("pause").click();
  await second.id("other-pause").filter({ hasText: "Go on" }).waitFor();
  await second.id("time-note").filter({ hasText: /^Time stands still/ }).waitFor();
  await second.id("other-step").click();
  await second.id("other-step-done").filter({ hasText: /\S/ }).waitFor();
  assert.equal(await second.id("other-step-done").innerText(), await first.id("step-done").innerText());
  await second.id("other-pause").click();
  await first.id("pause").filter({ hasText: "Pause" }).waitFor();
  await second.id("other-speed").selectOption("2000");
  await first.page.waitForFunction(() => globalThis.headwater.api.rate === 2);
  assert.equal(await first.id("speed").inputValue(), "2000");
  await second.id("other-pause").click();
  await first.id("pause").filter({ hasText: "Go on" }).waitFor();
  await first.page.close();
  await second.isGuest(false);
  await second.page.waitForFunction(() => globalThis.headwater.api.rate === 1);
  assert.equal(await second.id("other-pause").isVisible(), false);
  await produce(second, 50, "later");
  await second.page.locator('[data-testid="partition-row-later-0"]:not([data-end="0"])').waitFor();
});

browserTest("a consumer outlives a pause that is longer than its session", async ({ open }) => {
  const playground = await open();
  await produce(playground, 100);
  await playground.page.evaluate((asked) => globalThis.headwater.api.request(asked), {
    "start-consumer": { group: "g", topic: TOPIC, session_timeout_ms: 6_000 },
  });
  const generation = () => playground.page.evaluate(() => {
    const [{ state, generation, records }] = globalThis.headwater.api.clients.consumers;
    return { state, generation, records };
  });
  await playground.page.waitForFunction(() => globalThis.headwater.api.clients.consumers[0]?.records > 100);
  const before = await generation();
  await playground.id("pause").click();
  await playground.page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 8_000)));
  await playground.id("pause").click();
  await playground.page.waitForFunction((seen) => globalThis.headwater.api.clients.consumers[0].records > seen + 200n, before.records);
  const after = await generation();
  assert.deepEqual([after.state, after.generation], ["assigned", before.generation], "no rebalance");
});

browserTest("slow time makes producers slow", async ({ open }) => {
  const playground = await open();
  await produce(playground, 1_000);
  await ends(playground, (end) => end >= 500);
  await playground.id("speed").selectOption("100");
  const rate = await playground.page.evaluate(async (topic) => {
    const { api } = globalThis.headwater;
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    await wait(1_000);
    const acknowledged = () => Number(api.clients.imports[0].acknowledged);
    const [from, since] = [acknowledged(), performance.now()];
    await wait(4_000);
    return ((acknowledged() - from) * 1000) / (performance.now() - since);
  }, TOPIC);
  assert.ok(rate > 0 && rate < 400, `${rate} records a second of real time, of 1,000 of virtual time`);
});

function produce(playground, records_per_s, topic = TOPIC) {
  return playground.page.evaluate((asked) => globalThis.headwater.api.request(asked), {
    import: { source: { synthetic: { records: 1_000_000, value_size: 50 } }, topic, partitions: 1, records_per_s },
  });
}

function endOf(playground) {
  return playground.page.evaluate((topic) => {
    const topics = [...globalThis.headwater.api.brokers.values()].flatMap((broker) => broker.topics);
    const led = topics.filter(({ name }) => name === topic).flatMap(({ partitions }) => partitions);
    return led.reduce((sum, { high_watermark }) => sum + Number(high_watermark), 0);
  }, TOPIC);
}

async function ends(playground, wanted) {
  for (const until = Date.now() + 60_000; ; await playground.page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 100)))) {
    const end = await endOf(playground);
    if (wanted(end)) return;
    assert.ok(Date.now() < until, `the end is ${end}`);
  }
}

/** The end as the broker has it at this moment. */
function highWatermark(playground) {
  return playground.page.evaluate(async (topic) => (await globalThis.headwater.api.describeLog(topic, 0)).high_watermark, TOPIC);
}
