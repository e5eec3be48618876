// Pictures of the main states, to be looked at: three widths, light and dark, both languages. What a picture shows can be wrong
// in ways that a rule finds too: too wide, text cut off, words of the other language, requests to elsewhere.

import assert from "node:assert/strict";
import { mkdir, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DIST } from "../lib/server.mjs";
import { STATES } from "../lib/states.mjs";
import { SCREENSHOTS, browserTest } from "../lib/test.mjs";

const WIDTHS = [360, 768, 1440];
const HEIGHT = 900;

for (const colorScheme of ["light", "dark"]) {
  for (const [language, locale] of [["en", "en-US"], ["zh", "zh-CN"]]) {
    browserTest(`pictures of the main states, ${colorScheme}, ${language}`, async ({ open, browser, server }) => {
      const elsewhere = [];
      browser().context.on("request", (request) => {
        if (!request.url().startsWith(server.url) && !/^(blob|data):/.test(request.url())) elsewhere.push(request.url());
      });
      await mkdir(SCREENSHOTS, { recursive: true });
      const foreign = language === "zh" ? await wordsOnlyIn("en", "zh") : new Set();
      const playground = await open({ workers: 2 });
      const wrong = [];
      for (const [state, go] of Object.entries(STATES)) {
        await playground.page.setViewportSize({ width: WIDTHS.at(-1), height: HEIGHT });
        await go(playground);
        await playground.page.evaluate(() => scrollTo(0, 0));
        for (const width of WIDTHS) {
          await playground.page.setViewportSize({ width, height: HEIGHT });
          await playground.page.evaluate(drawn);
          const found = await playground.page.evaluate(look);
          wrong.push(...found.map((what) => `${state}, ${width}: ${what}`));
          const path = new URL(`${state.replace(" ", "-")}-${width}-${colorScheme}-${language}.png`, SCREENSHOTS);
          await playground.page.screenshot({ path: fileURLToPath(path), animations: "disabled" });
        }
        const said = await playground.page.evaluate(words);
        wrong.push(...said.filter((word) => foreign.has(word)).map((word) => `${state}: "${word}" is not Chinese`));
      }
      assert.deepEqual([...new Set(wrong)], []);
      assert.deepEqual(elsewhere, [], "nothing comes from another origin");
    }, { launchOptions: { colorScheme, locale } });
  }
}

/** The strings of one language that the other words otherwise, without those that have something to fill in. */
async function wordsOnlyIn(one, other) {
  const [only, there] = await Promise.all([one, other].map(async (language) => {
    const files = (await readdir(join(DIST, "strings"))).filter((name) => name.split(".").at(-2) === language);
    const tables = await Promise.all(files.map(async (name) => JSON.parse(await readFile(join(DIST, "strings", name)))));
    return new Set(tables.flatMap((table) => (table.page ? [...table.page, ...Object.values(table.modules)] : Object.values(table))));
  }));
  return new Set([...only].filter((text) => typeof text === "string" && /[A-Za-z]{3}/.test(text) && !text.includes("{") && !there.has(text)));
}

/** Runs in the page: waits until what follows the page's size has followed it. */
function drawn() {
  return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve))));
}

/** Runs in the page: what does not fit. */
function look() {
  const found = [];
  const { scrollWidth } = document.documentElement;
  if (scrollWidth > innerWidth) found.push(`the page is ${scrollWidth} wide`);
  for (const node of document.querySelectorAll("button,label,th,h1,h2,h3,legend,summary,.tag,.badge,a,dt,dd")) {
    if (!node.checkVisibility() || node.matches(".visually-hidden,.skip") || node.closest(".visually-hidden,.cm-editor")) continue;
    // A table as cards tells its heads to screen readers only.
    if (getComputedStyle(node.closest("thead") ?? node).clipPath !== "none") continue;
    const over = node.scrollWidth - node.clientWidth;
    if (node.clientWidth > 1 && over > 1) found.push(`"${node.textContent.trim().slice(0, 40)}" is cut by ${over} px`);
    const { left, right } = node.getBoundingClientRect();
    const scrolls = node.closest(".scroll,[class*=scroll],pre,dialog");
    if (!scrolls && (left < -1 || right > innerWidth + 1)) found.push(`"${node.textContent.trim().slice(0, 40)}" reaches out of the page`);
  }
  return found;
}

/** Runs in the page: every text that is shown, and that is only told. */
function words() {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode.data.trim());
  for (const name of ["aria-label", "placeholder", "title", "alt"]) {
    for (const node of document.querySelectorAll(`[${name}]`)) texts.push(node.getAttribute(name));
  }
  return [...new Set(texts)];
}
