// Every view of the inspector: names, roles, contrast, no wider than the page, in both themes and languages; and the picture leads to it.

import assert from "node:assert/strict";
import { problems, violations } from "../lib/accessibility.mjs";
import { control, figure, inspect } from "../lib/inspector.mjs";
import { browserTest } from "../lib/test.mjs";

const WIDTHS = [360, 1440];
const VIEWS = {
  overview: [],
  "a producer to add": ["go-add-producer"],
  "a topic to add": ["go-add-topic"],
  "consumers to add": ["go-add-consumers"],
  producer: ["go-producer-1"],
  topic: ["go-topic-vehicles"],
  partition: ["go-topic-vehicles", "go-partition-0"],
  record: ["go-topic-vehicles", "go-partition-0", "partition-look"],
  send: ["go-topic-vehicles", "go-send"],
  tail: ["go-topic-vehicles", "go-tail"],
  export: ["go-topic-vehicles", "go-export"],
  group: ["go-group-group-1"],
  consumer: ["go-group-group-1", "go-consumer-1"],
  broker: ["go-broker-0"],
};

for (const [colorScheme, locale] of [["light", "en-US"], ["dark", "zh-CN"]]) {
  browserTest(`each view holds what the rules want and fits, ${colorScheme}, ${locale}`, async ({ open }) => {
    const playground = await open({ workers: 2 });
    const { page } = playground;
    await inspect(playground, "go-add-producer");
    await control(playground, "producer-rate").fill("500");
    await control(playground, "producer-start").click();
    await figure(playground, "producer-acknowledged", /[1-9]/);
    await inspect(playground, "go-add-consumers");
    await control(playground, "consumers-start").click();
    await figure(playground, "group-members", "1");
    const wrong = [];
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      await control(playground, "inspect-close").click();
      // The rest of the page has tests of its own.
      const before = new Set((await problems(page)).map((what) => what.replace(/\d+/g, "")));
      for (const [view, way] of Object.entries(VIEWS)) {
        await inspect(playground, ...way);
        // What is asked of brokers is there before it is looked at.
        await page.waitForFunction(() => document.querySelectorAll(".inspect [aria-busy], .inspect .stack > .hint:only-child").length === 0);
        await playground.id("inspector").locator("details:not([open]) > summary").evaluateAll((all) => all.forEach((one) => one.click()));
        const said = (await problems(page)).filter((what) => !before.has(what.replace(/\d+/g, "")));
        if (width === 1440 && colorScheme === "light") said.push(...(await violations(page, "#inspector")));
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        wrong.push(...said.map((what) => `${view}, ${width}: ${what}`), ...(wide > 0 ? [`${view}, ${width}: ${wide} pixels too wide`] : []));
      }
    }
    assert.deepEqual([...new Set(wrong)], []);
  }, { launchOptions: { colorScheme, locale } });
}

browserTest("what is pressed in the picture is shown closely, by mouse and keyboard, and the language changes under it", async ({ open }) => {
  const playground = await open();
  await playground.id("show-me").click();
  const kinds = { "^producer": "producer", "^broker": "broker", "^group": "group", "^consumer": "consumer" };
  for (const [key, kind] of Object.entries(kinds)) {
    const item = playground.page.locator(`[data-key${key.replace("^", '^="')}"]`).first();
    await item.waitFor();
    await item.focus();
    await item.press("Enter");
    await playground.page.locator(`[data-testid="inspector"][data-kind="${kind}"]`).waitFor();
  }
  await playground.id("picture-add-topic").click();
  await control(playground, "new-topic-name").fill("more");
  await control(playground, "new-topic-create").click();
  await playground.page.locator('[data-key="topic more"], [data-key^="log more"], [data-key*="more"]').first().waitFor();
  await playground.page.locator('[data-key^="consumer"]').first().press("Enter");
  await playground.id("language").selectOption("zh");
  await playground.id("inspector").getByText("消费者", { exact: true }).first().waitFor();
  assert.equal(await playground.id("inspector").getAttribute("data-kind"), "consumer", "what was chosen stays");
});
