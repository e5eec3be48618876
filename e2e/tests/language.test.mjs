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
