// The page in another language: chosen, remembered, and whole at once.

import assert from "node:assert/strict";
import { browserTest } from "../lib/test.mjs";

browserTest("the language is chosen in the page and remembered", async ({ open }) => {
  const playground = await open();
  const language = () => playground.page.evaluate(() => document.documentElement.lang);
  assert.equal(await language(), "en");
  await playground.id("language").selectOption("zh");
  await playground.page.locator('html[lang="zh-Hans"] [data-testid="language"]').waitFor();
  assert.equal(await playground.page.locator('label[for="topic-name"]').innerText(), "主题");
  await playground.produce({ topic: "readings", partitions: 2, rateLimit: 100 });
  await playground.id("stop").click();
  await playground.reload();
  assert.equal(await language(), "zh-Hans");
});

browserTest("before there are words, the page says in the browser's language what goes wrong", async ({ browser, server }) => {
  const page = await browser().page();
  await page.addInitScript(() => delete globalThis.WebAssembly);
  await page.goto(server.url);
  await page.getByText("这个浏览器不支持 WebAssembly").waitFor();
  assert.equal(await page.locator("#app [role=alert]").count(), 1);
}, { launchOptions: { locale: "zh-CN" } });

browserTest("a browser that prefers Chinese gets the page, its title and its description in Chinese", async ({ open }) => {
  const { page } = await open();
  assert.match(await page.title(), /日志引擎/);
  assert.match(await page.locator('meta[name="description"]').getAttribute("content"), /标签页/);
  assert.equal(await page.getByTestId("produce").innerText(), "生产");
  // What brokers did and refused is told in Chinese, beside Kafka's names and the engine's own sentence.
  for (const name of ["twice", "twice"]) {
    await page.getByTestId("create-topic-name").fill(name);
    await page.getByTestId("create-topic").click();
    await page.getByTestId(`partition-row-${name}-0`).waitFor();
  }
  await page.getByTestId("error-count-TOPIC_ALREADY_EXISTS").filter({ hasText: /已经有同名的主题了.*（原文：/ }).waitFor();
  await page.getByTestId("event-log").getByText(/TOPIC_ALREADY_EXISTS，目前共 1 次：已经有同名的主题了/).waitFor();
}, { launchOptions: { locale: "zh-CN" } });
