// Firefox: what was acknowledged is there after a reload, and a worker that is terminated comes back. (Its profiles are in
// memory here; that nothing is lost when the browser is killed is Chromium's test.)

import assert from "node:assert/strict";
import { test } from "node:test";
import { firefox } from "playwright-core";
import { Playground, VEHICLES, assertEveryReading } from "../lib/playground.mjs";
import { serve } from "../lib/server.mjs";

const TOPIC = "in-firefox";

test("a reload and a terminated worker in Firefox", { timeout: 300_000 }, async () => {
  const server = await serve();
  const executablePath = process.env.FIREFOX ?? "/usr/bin/firefox-esr";
  const browser = await firefox.launch({ channel: "moz-firefox", executablePath, headless: true });
  try {
    const context = await browser.newContext();
    const playground = await Playground.open({ page: () => context.newPage() }, server, { workers: 2 });
    await playground.produce({ topic: TOPIC, partitions: 4, rateLimit: 20_000 });
    await playground.acknowledged(VEHICLES.length / 4);
    await playground.id("terminate-worker-1").click();
    await playground.page.locator('[data-testid="broker-row-1"][data-state="stopped"]').waitFor();
    await playground.id("start-worker-1").click();
    await playground.running();
    assert.equal((await playground.imported()).acknowledged, VEHICLES.length);
    assertEveryReading(await playground.everyRecord(TOPIC, 4), 4);

    await playground.reload();
    await playground.showsRecords(TOPIC, VEHICLES.length);
    assertEveryReading(await playground.everyRecord(TOPIC, 4), 4);
  } finally {
    await browser.close();
    await server.close();
  }
});
