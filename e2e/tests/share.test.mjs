// A link opens the same set-up elsewhere, after it was asked for; what it cannot do is said.

import assert from "node:assert/strict";
import { CodePane } from "../lib/code-pane.mjs";
import { browserTest } from "../lib/test.mjs";
import { pack } from "../../web/js/share/pack.js";

/** Opens a link in the page, as somebody who pastes it. */
async function follow({ page, server }, fragment) {
  await page.goto(`${server.url}e2e/conformance.html`);
  await page.goto(server.url + fragment);
  await page.getByTestId("link-dialog").waitFor();
}

browserTest("a link holds the set-up, and another browser has it after asking", async ({ open }) => {
  const playground = await open({ workers: 1 });
  await playground.id("create-topic-name").fill("orders");
  await playground.id("create-topic-partitions").fill("3");
  await playground.id("create-topic").click();
  await playground.id("partition-row-orders-2").waitFor();
  await playground.produce({ topic: "vehicles", partitions: 2, rateLimit: 50 });
  await playground.acknowledged(10);
  await playground.consume({ group: "readers", topic: "vehicles", count: 2, rate: 100 });
  await playground.groupWith("readers", { state: "Stable" });
  const code = await CodePane.open(playground.page);
  await code.write("console.log('from afar');");
  await playground.id("share").click();
  const link = await playground.id("share-link").inputValue();
  assert.ok(link.startsWith(`${playground.server.url}#setup=1.`), link);
  await playground.id("share-close").click();

  // Another person's browser, with nothing in it.
  await playground.page.evaluate(async () => {
    localStorage.removeItem("headwater.code");
    for (const { name } of await indexedDB.databases()) indexedDB.deleteDatabase(name);
  });
  await playground.page.goto(`${playground.server.url}e2e/conformance.html`);
  await playground.page.goto(link);
  await playground.running();
  await playground.id("link-dialog").waitFor();
  assert.equal(await playground.page.locator('[data-testid^="partition-row-"]').count(), 0, "nothing is done before it was asked for");
  assert.equal(await playground.id("code-pane").count(), 0);
  await playground.id("link-apply").click();
  await playground.id("link-done").waitFor();
  assert.equal(await playground.id("link-problems").count(), 0);
  await playground.id("link-close").click();

  await playground.id("partition-row-orders-2").waitFor();
  assert.equal((await playground.partitions("vehicles")).length, 2);
  await playground.groupWith("readers", { state: "Stable", reading: ["0", "1"] });
  await playground.page.waitForFunction(() =>
    [...document.querySelectorAll('[data-testid^="partition-row-vehicles-"]')].some(({ dataset }) => Number(dataset.end) > 0));
  assert.equal((await playground.id("code-editor").innerText()).trim(), "console.log('from afar');");
  assert.deepEqual(await new CodePane(playground.page).output(), [], "it does not run");
  assert.equal(await playground.page.locator("iframe").count(), 0, "and nothing is there for it to run in");
  assert.equal(new URL(playground.page.url()).hash, "", "a reload does not ask again");
});

browserTest("what a link cannot do is said, and what is one's own stays", async ({ open }) => {
  const playground = await open({ workers: 1 });
  await playground.produce({ topic: "orders", partitions: 4 });
  await playground.imported();
  const own = await CodePane.open(playground.page);
  await own.write("console.log('mine')");
  await follow(playground, await pack({
    topics: [{ name: "orders", partitions: 2 }, { name: "bad name", partitions: 1 }, { name: "new", partitions: 1, configs: { "no.such.config": "1" } }],
    producers: [{ source: { file: "<img src=x>.csv" }, topic: "orders", partitions: 2 }],
    groups: [{ group: "g", topic: "no-such-topic", assignor: "range", reset: "earliest", consumers: 1 }],
    code: "console.log('theirs')",
    surprise: true,
  }));
  await playground.id("link-apply").click();
  await playground.id("link-done").waitFor();
  const said = await playground.id("link-problems").innerText();
  for (const part of [/orders is here already, with 4 partitions instead of 2/, /<img src=x>.csv/, /topics 2, name/, /surprise/, /no\.such\.config/]) {
    assert.match(said, part);
  }
  await playground.id("link-close").click();
  assert.equal((await playground.partitions("orders")).length, 4);
  assert.equal((await playground.id("code-editor").innerText()).trim(), "console.log('theirs')");
  await playground.id("code-example").selectOption("keys");
  assert.equal((await playground.id("code-editor").innerText()).trim(), "console.log('mine')", "one's own code is where it was");
});

browserTest("a link that was cut off says so and does nothing", async ({ open }) => {
  const playground = await open({ workers: 1 });
  const fragment = await pack({ topics: [{ name: "orders", partitions: 2 }] });
  await follow(playground, fragment.slice(0, -4));
  assert.match(await playground.id("link-error").innerText(), /damaged or was cut off/);
  await playground.id("link-close").click();
  await follow(playground, fragment.replace("=1.", "=2."));
  assert.match(await playground.id("link-error").innerText(), /newer version/);
  await playground.id("link-close").click();
  await playground.running();
  assert.equal(await playground.page.locator('[data-testid^="partition-row-"]').count(), 0);
});
