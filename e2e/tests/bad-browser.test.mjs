// A browser that lacks something, refuses something, or takes something away: the page says what, and what to do.

import assert from "node:assert/strict";
import { Playground } from "../lib/playground.mjs";
import { browserTest } from "../lib/test.mjs";

const WITHOUT = {
  IndexedDB: () => Object.defineProperty(globalThis, "indexedDB", { value: undefined }),
  "Web Locks": () => Object.defineProperty(Navigator.prototype, "locks", { value: undefined }),
  "module workers": () => {
    const { Worker } = globalThis;
    // As a browser without them: it does not look at `type`.
    globalThis.Worker = class extends Worker {
      constructor(url) {
        super(url);
      }
    };
  },
};
const SAID = {
  "en-US": { IndexedDB: /IndexedDB, which keeps the logs/, "Web Locks": /Web Locks\. A page has them/, "module workers": /script is a module/ },
  "zh-CN": { IndexedDB: /保存日志用的 IndexedDB/, "Web Locks": /Web Locks。页面须/, "module workers": /模块形式的 Worker/ },
};

for (const [locale, texts] of Object.entries(SAID)) {
  for (const [lacking, text] of Object.entries(texts)) {
    browserTest(`a browser without ${lacking} is told so, ${locale}`, async ({ browser, server }) => {
      const page = await browser().page();
      await page.addInitScript(WITHOUT[lacking]);
      await page.goto(server.url);
      await page.locator('[data-testid="broker-state"][data-state="unsupported"]').waitFor();
      assert.match(await page.getByTestId("banner").innerText(), text);
      assert.ok(await page.getByTestId("produce").isDisabled(), "nothing is offered that cannot be done");
      assert.ok(await page.getByTestId("show-me").isDisabled());
    }, { launchOptions: { locale } });
  }
}

browserTest("a browser that refuses local storage and service workers has the whole page", async ({ browser, server }) => {
  const page = await browser().page();
  await page.addInitScript(() => {
    Object.defineProperty(globalThis, "localStorage", { get: () => { throw new DOMException("denied", "SecurityError"); } });
    Object.defineProperty(Navigator.prototype, "serviceWorker", { get: () => undefined });
  });
  await page.goto(server.url);
  const playground = new Playground(page, server);
  await playground.running();
  await playground.id("theme").selectOption("dark");
  await playground.id("language").selectOption("zh");
  await page.locator('html[lang="zh-Hans"][data-theme="dark"]').waitFor();
  await playground.id("lessons-open").click();
  await playground.id("lesson-start-first-stream").click();
  await playground.id("lesson-step").waitFor();
  await playground.produce({ topic: "unremembered", partitions: 1, rateLimit: 500 });
  assert.ok((await playground.acknowledged(1)) > 0);
});

browserTest("storage that is cleared under the page: it says so, and goes on", async ({ open, browser, server }) => {
  const playground = await open({ workers: 2 });
  const { page } = playground;
  await playground.produce({ topic: "before", partitions: 2, rateLimit: 200 });
  await playground.acknowledged(10);
  await page.locator('[data-testid="topic-list"][data-count="1"]').waitFor();
  const session = await browser().context.newCDPSession(page);
  await session.send("Storage.clearDataForOrigin", { origin: server.origin, storageTypes: "all" });
  await playground.id("storage-cleared").waitFor();
  assert.match(await playground.id("storage-cleared").innerText(), /storage of this page was cleared: all topics, records and offsets are gone/);
  await page.locator('[data-testid="topic-list"][data-count="0"]').waitFor();
  await playground.running();
  await playground.id("language").selectOption("zh");
  await page.getByText("本页在浏览器中的存储被清除了").waitFor();
  await playground.id("storage-cleared").getByRole("button").click();
  await playground.id("storage-cleared").waitFor({ state: "detached" });
  await playground.id("stop").click();
  await page.locator('[data-testid="import-status"]:is([data-state="stopped"], [data-state="failed"], [data-state="done"])').waitFor();
  await playground.produce({ topic: "after", partitions: 1, rateLimit: 500 });
  assert.ok((await playground.acknowledged(1)) > 0, "records are taken again");
});

browserTest("what is cleared or deleted in the page itself is no surprise, nor is a broker that starts again", async ({ open }) => {
  const playground = await open({ workers: 2 });
  await playground.produce({ topic: "own", partitions: 2, rateLimit: 200 });
  await playground.acknowledged(10);
  await playground.id("terminate-worker-1").click();
  await playground.id("start-worker-1").click();
  await playground.running();
  await playground.id("clear-all").click();
  await playground.confirm();
  await playground.page.locator('[data-testid="topic-list"][data-count="0"]').waitFor();
  await playground.running();
  assert.equal(await playground.id("storage-cleared").count(), 0);
});
