// What every browser test starts with: a server, a profile of its own, a browser, and the rule that a page or worker
// that reports an error fails the test.

import assert from "node:assert/strict";
import { test } from "node:test";
import { launch, newProfile } from "./browser.mjs";
import { Playground } from "./playground.mjs";
import { serve } from "./server.mjs";

/**
 * A test with a browser. `run` gets `{ server, profile, open, browser, restart }`: `open()` opens the playground,
 * `restart()` ends the browser hard and starts another on the same profile.
 */
export function browserTest(name, run, { timeout = 300_000, launchOptions = {} } = {}) {
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
        open: () => Playground.open(browser, server),
        restart: async () => {
          await browser.kill();
          seen.push(...browser.errors);
          browser = await launch(profile, launchOptions);
        },
      });
    } finally {
      await browser.close();
      await server.close();
      await profile.remove();
      seen.push(...browser.errors);
      if (seen.length > 0) t.diagnostic(`errors in the browser:\n${seen.join("\n")}`);
    }
    assert.deepEqual(seen, [], "no page and no worker reports an error");
  });
}
