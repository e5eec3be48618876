// What every browser test starts with: a server, a profile of its own, a browser, and the rule that a page or worker
// that reports an error fails the test.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch, newProfile } from "./browser.mjs";
import { Playground } from "./playground.mjs";
import { serve } from "./server.mjs";

/** Pictures of the page, and of what a failed test saw last. */
export const SCREENSHOTS = new URL("../screenshots/", import.meta.url);

/**
 * A test with a browser. `run` gets `{ server, profile, open, browser, restart }`: `open()` opens the playground,
 * `restart()` ends the browser hard and starts another on the same profile. `expectedErrors` are those that the test
 * itself provokes.
 */
export function browserTest(name, run, { timeout = 300_000, launchOptions = {}, expectedErrors = [] } = {}) {
  test(name, { timeout }, async (t) => {
    const server = await serve();
    const profile = await newProfile();
    let browser = await launch(profile, launchOptions);
    const seen = [];
    try {
      await run({
        t,
        server,
        profile,
        browser: () => browser,
        open: (how) => Playground.open(browser, server, how),
        restart: async () => {
          await browser.kill();
          seen.push(...browser.errors);
          browser = await launch(profile, launchOptions);
        },
      });
    } catch (error) {
      await keepPicture(browser, name);
      throw error;
    } finally {
      // A browser that is gone already says so, over the error that matters.
      await browser.close().catch(() => undefined);
      await server.close();
      await profile.remove();
      seen.push(...browser.errors);
      if (seen.length > 0) t.diagnostic(`errors in the browser:\n${seen.join("\n")}`);
    }
    const unexpected = seen.filter((error) => !expectedErrors.some((expected) => expected.test(error)));
    assert.deepEqual(unexpected, [], "no page and no worker reports an error");
  });
}

async function keepPicture(browser, name) {
  const page = browser.context.pages().at(-1);
  const path = fileURLToPath(new URL(`failed-${name.replace(/\W+/g, "-").slice(0, 60)}.png`, SCREENSHOTS));
  await mkdir(SCREENSHOTS, { recursive: true });
  // A browser that was killed has no picture to give.
  await page?.screenshot({ path, fullPage: true, timeout: 5000 }).catch(() => undefined);
}
