// The picture: what it shows is what the engine holds.

import assert from "node:assert/strict";
import { browserTest } from "../lib/test.mjs";

const LONG = { timeout: 60_000, polling: 50 };

/** Waits until the picture's partitions of a topic hold so many records, and answers their ends. */
async function ends(page, topic, atLeast) {
  const found = await page.waitForFunction(([prefix, wanted]) => {
    const rows = [...document.querySelectorAll(`.diagram [data-key^="${prefix}"]`)];
    const all = rows.map(({ dataset }) => [dataset.key.split(" ").at(-1), Number(dataset.end)]);
    return all.reduce((sum, [, end]) => sum + end, 0) >= wanted && Object.fromEntries(all);
  }, [`partition ${topic} `, atLeast], LONG);
  return found.jsonValue();
}

const item = (page, key) => page.locator(`.diagram [data-key="${key}"]`);

browserTest("one button has records flow, and the picture says what the brokers hold", async ({ open }) => {
  const playground = await open({ workers: 2 });
  const { page } = playground;
  await playground.id("show-me").click();
  await ends(page, "vehicles", 40);
  await playground.groupWith("traffic", { consumed: 20, reading: ["0,1", "2,3"] });
  assert.equal(await page.locator(".diagram .k-consumer").count(), 2);
  await playground.id("show-me").click();
  await page.locator('.diagram .k-producer.stopped').waitFor();
  await playground.groupWith("traffic", { state: "Empty" });
  const held = await playground.everyRecord("vehicles", 4);
  const shown = await ends(page, "vehicles", held.length);
  const counts = {};
  for (const { partition } of held) counts[partition] = (counts[partition] ?? 0) + 1;
  assert.deepEqual(shown, counts);

  // A visit later there are leftovers of all kinds: it goes on with them.
  await playground.reload();
  await playground.id("show-me").click();
  const more = await ends(page, "vehicles", held.length + 20);
  assert.equal(Object.keys(more).length, 4);
  assert.equal(await page.locator(".scene > .problem").innerText(), "");
});

browserTest("a broker is terminated and started from the picture", async ({ open }) => {
  const playground = await open({ workers: 2 });
  const { page } = playground;
  await playground.produce({ topic: "readings", partitions: 2 });
  await playground.imported();
  const before = await ends(page, "readings", 56_899);
  await item(page, "terminate 1").click();
  await page.locator('.diagram [data-key="broker 1"][data-state="stopped"]').waitFor();
  await page.locator('.diagram [data-key="partition readings 1"].down').waitFor();
  assert.deepEqual(await ends(page, "readings", 56_899), before, "what it held is still said");
  await page.locator('[data-testid="happenings"] li[data-warning]').filter({ hasText: "Broker 1 was terminated" }).waitFor();
  await item(page, "start 1").click();
  await page.locator('.diagram [data-key="broker 1"][data-state="running"]').waitFor();
  await page.locator('.diagram [data-key="partition readings 1"]:not(.down)').waitFor();
  assert.deepEqual(await ends(page, "readings", 56_899), before);
});

browserTest("the keyboard goes through the picture and chooses; a language switch keeps it", async ({ open }) => {
  const playground = await open({ workers: 1 });
  const { page } = playground;
  await playground.produce({ topic: "readings", partitions: 2 });
  await playground.imported();
  await ends(page, "readings", 56_899);
  assert.equal(await page.locator('.diagram [tabindex="0"]').count(), 1);
  await page.locator('.diagram [tabindex="0"]').focus();
  await page.keyboard.press("End");
  assert.equal(await page.evaluate(() => document.activeElement.dataset.key), "partition readings 1");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  await page.locator('.diagram [data-key="partition readings 0"][aria-pressed="true"]').waitFor();
  const before = await ends(page, "readings", 56_899);
  await playground.id("language").selectOption("zh");
  await page.locator('.diagram[aria-label*="消费者组"]').waitFor();
  assert.deepEqual(await ends(page, "readings", 56_899), before);
  assert.equal(await item(page, "partition readings 0").getAttribute("aria-pressed"), "true");
});

browserTest("the picture, its tables and the engine agree on offsets and lag", async ({ open }) => {
  const playground = await open({ workers: 2 });
  const { page } = playground;
  await playground.produce({ topic: "readings", partitions: 3 });
  await playground.imported();
  // Slow enough to stay behind.
  await playground.consume({ group: "slow", topic: "readings", count: 1, rate: 50 });
  await playground.groupWith("slow", { consumed: 20 });
  await page.locator('[data-testid="twin"] summary').click();
  const agree = await page.waitForFunction(() => {
    const row = (name) => [...document.querySelectorAll(`[data-testid="twin"] [data-row="${name}"] > *`)].map(({ textContent }) => textContent);
    const number = (text) => Number(text?.replaceAll(",", ""));
    const all = [0, 1, 2].map((partition) => {
      const held = document.querySelector(`[data-testid="partition-row-readings-${partition}"]`)?.dataset.end;
      const drawn = document.querySelector(`.diagram [data-key="partition readings ${partition}"]`)?.dataset.end;
      return [held, drawn, String(number(row(`readings-${partition}`)[3]))];
    });
    return all.every(([held, drawn, told]) => Number(held) > 0 && held === drawn && held === told);
  }, undefined, LONG);
  assert.equal(await agree.jsonValue(), true);
  await page.waitForFunction(() => {
    const drawn = document.querySelector('.diagram [data-key="group slow"]')?.dataset.lag;
    const rows = [...document.querySelectorAll('[data-testid="twin"] tr[data-row^="consumer "]')];
    const told = rows.reduce((sum, { lastChild }) => sum + Number(lastChild.textContent.replaceAll(",", "")), 0);
    return Number(drawn) > 0 && Math.abs(told - Number(drawn)) <= 100;
  }, undefined, LONG);
  await page.locator('[data-testid="happenings"] li').filter({ hasText: "slow" }).first().waitFor();
});

browserTest("latencies are charts and rows of the tables, and every record that was read is counted", async ({ open }) => {
  const playground = await open({ workers: 1 });
  const { page } = playground;
  await playground.id("show-me").click();
  const shown = async (name) => {
    const found = await page.waitForFunction((chart) => {
      const text = document.querySelector(`[data-testid="chart-${chart}"] strong`)?.textContent;
      return /^[\d.]+ \/ [\d.]+ (ms|s)$/.test(text) && text;
    }, name, LONG);
    return found.jsonValue();
  };
  await shown("produce");
  await shown("end_to_end");
  await page.locator('[data-testid="twin"] summary').click();
  const agree = await page.waitForFunction(() => ["produce", "end_to_end"].every((name) => {
    const text = document.querySelector(`[data-testid="chart-${name}"] strong`)?.textContent ?? "";
    const told = (part) => document.querySelector(`[data-testid="twin"] [data-row="${name}_${part}"] td`)?.textContent;
    const [p50, p99] = ["p50", "p99"].map(told);
    return p99 && /\d/.test(p50) && text.startsWith(`${p50.split(" ")[0]} / `) && text.endsWith(p99);
  }), undefined, LONG);
  assert.equal(await agree.jsonValue(), true);
  const label = await page.locator('[data-testid="chart-produce"] svg').getAttribute("aria-label");
  assert.match(label, /^Produce latency, p50 \/ p99 \(dashed\), of this page's clients: [\d.]+ \/ [\d.]+ m?s\. peak/);
  await playground.id("show-me").click();
  await playground.groupWith("traffic", { state: "Empty" });
  const counted = await page.evaluate(() => {
    const { clients } = globalThis.headwater.api;
    const sum = (counts) => counts.reduce((all, count) => all + count, 0);
    const read = clients.consumers.reduce((all, { records }) => all + Number(records), 0);
    const acknowledged = Number(clients.imports[0].acknowledged);
    return { read, acknowledged, endToEnd: sum(clients.end_to_end_latencies), produced: sum(clients.produce_latencies) };
  });
  assert.equal(counted.endToEnd, counted.read);
  assert.ok(counted.produced > 0 && counted.produced <= counted.acknowledged, "a request is counted once, whatever is in it");
});

browserTest("charts stand beside and below each other, also where a lesson takes room", async ({ open }) => {
  const playground = await open({ workers: 2 });
  const { page } = playground;
  await playground.id("show-me").click();
  await playground.id("lessons-open").click();
  await playground.id("lessons-close").waitFor();
  await playground.id("chart-end_to_end").waitFor();
  for (const width of [1440, 1280, 1100, 768, 360]) {
    await page.setViewportSize({ width, height: 900 });
    assert.deepEqual(await page.evaluate(crossing), [], `at ${width}`);
  }
});

/** Runs in the page: charts whose words or boxes reach into another's, or out of their own. */
function crossing() {
  const charts = [...document.querySelectorAll(".chart")];
  const places = charts.flatMap((chart) => [...chart.querySelectorAll("figcaption > *, svg, .under > *")].map((part) => [chart, part.getBoundingClientRect()]));
  const within = (chart, part) => {
    const box = chart.getBoundingClientRect();
    return part.left >= box.left - 1 && part.right <= box.right + 1;
  };
  const cross = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return places.filter(([chart, part]) => !within(chart, part) || places.some(([other, theirs]) => other !== chart && cross(part, theirs)))
    .map(([chart]) => chart.dataset.testid);
}

browserTest("who wants less motion gets no dots, and the same figures", async ({ open }) => {
  const playground = await open({ workers: 1 });
  const { page } = playground;
  await playground.id("show-me").click();
  await ends(page, "vehicles", 30);
  await page.locator(".diagram .hot").first().waitFor();
  assert.equal(await page.locator('[data-testid="moving"]').getAttribute("data-dots"), "0");
  await playground.id("show-me").click();
  await playground.groupWith("traffic", { state: "Empty" });
}, { launchOptions: { reducedMotion: "reduce" } });

browserTest("a dot can be chosen: it is the record that it stands for", async ({ open }) => {
  const playground = await open({ workers: 1 });
  const { page } = playground;
  await playground.id("show-me").click();
  await page.locator('[data-testid="moving"][data-dots]:not([data-dots="0"])').waitFor();
  const box = await page.locator('[data-testid="picture"]').boundingBox();
  await page.waitForFunction(([left, top, right, bottom]) => {
    // Somewhere on the road of partition 0 a dot passes by: whoever clicks there often enough meets one.
    const road = document.querySelector(".roads path");
    if (road === null) return false;
    const { x, y } = road.getPointAtLength(road.getTotalLength() / 2);
    if (left + x > right || top + y > bottom) return false;
    document.querySelector(".picture").dispatchEvent(new MouseEvent("click", { clientX: left + x, clientY: top + y, bubbles: true }));
    return document.querySelector('[data-testid="inspector"][data-kind="record"]') !== null;
  }, [box.x, box.y, box.x + box.width, box.y + box.height], LONG);
});

browserTest("one record a second is one dot at a time, and a burst is counted to the last record", async ({ open }) => {
  const playground = await open({ workers: 1 });
  const { page } = playground;
  await playground.produce({ topic: "calm", partitions: 1, rateLimit: 1 });
  await page.evaluate(() => {
    globalThis.__most = 0;
    const look = () => {
      globalThis.__most = Math.max(globalThis.__most, Number(document.querySelector('[data-testid="moving"]')?.dataset.dots ?? 0));
      requestAnimationFrame(look);
    };
    look();
  });
  const { 0: end } = await ends(page, "calm", 4);
  await playground.id("stop").click();
  const most = await page.evaluate(() => globalThis.__most);
  assert.ok(most >= 1 && most <= 2, `${most} dots at once`);
  assert.ok(end < 12, `${end} records`);

  await playground.produce({ topic: "burst", partitions: 2 });
  await playground.imported();
  const shown = await ends(page, "burst", 56_899);
  assert.equal(shown[0] + shown[1], 56_899);
  assert.ok((await page.evaluate(() => globalThis.__most)) <= 240, "the canvas has a limit");
});

browserTest("while time stands still the dots do too, and they go on with it", async ({ open }) => {
  const playground = await open({ workers: 1 });
  const { page } = playground;
  await playground.id("show-me").click();
  await ends(page, "vehicles", 30);
  // So slow that none arrives meanwhile.
  await playground.id("speed").selectOption("10");
  await page.locator('[data-testid="moving"][data-dots]:not([data-dots="0"])').waitFor();
  await playground.id("pause").click();
  const picture = () => page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() =>
    resolve(document.querySelector('[data-testid="moving"]').toDataURL())))));
  await page.locator(".diagram .hot").first().waitFor({ state: "detached" });
  const still = await picture();
  assert.equal(await picture(), still, "two frames later nothing has moved");
  await playground.id("speed").selectOption("1000");
  await playground.id("pause").click();
  const before = await ends(page, "vehicles", 0);
  await ends(page, "vehicles", Object.values(before).reduce((sum, end) => sum + end) + 30);
  assert.notEqual(await picture(), still);
});
