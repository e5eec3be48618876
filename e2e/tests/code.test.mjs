// Your own code in the page: it runs to its end against the tab's brokers, is stopped whatever it does, and reaches nothing else.

import assert from "node:assert/strict";
import { test } from "node:test";
import { firefox } from "playwright-core";
import { CodePane } from "../lib/code-pane.mjs";
import { Playground } from "../lib/playground.mjs";
import { serve } from "../lib/server.mjs";
import { browserTest } from "../lib/test.mjs";

const PAYMENTS = Array.from({ length: 100 }, (_, id) => ({ id, card: `card-${id % 7}`, amount: (id * 37) % 1000 }));

/** What the engine holds when an example has come to its end. */
const EXAMPLES = {
  keys: async (playground) => {
    const records = await playground.everyRecord("rides", 3);
    assert.equal(records.length, 100);
    for (const car of ["red", "green", "blue", "white", "black"]) {
      const own = records.filter(({ key }) => key === car);
      assert.equal(new Set(own.map(({ partition }) => partition)).size, 1, `all of ${car} is in one partition`);
      assert.deepEqual(own.map(({ value }) => JSON.parse(value).minute), Array.from({ length: 20 }, (_, minute) => minute));
    }
  },
  count: async (playground, output) => {
    const counts = {};
    for (const { key } of await playground.everyRecord("cars-on-roads", 3)) counts[key] = (counts[key] ?? 0) + 1;
    assert.deepEqual(Object.keys(counts).sort(), ["A0A1", "A1B1", "B1C1", "C1D1"]);
    for (const [road, count] of Object.entries(counts)) assert.match(output.at(-1).text, new RegExp(`"${road}" => ${count}\\b`));
  },
  once: async (playground) => {
    const found = await playground.everyRecord("payments-to-check", 2);
    const large = PAYMENTS.filter(({ amount }) => amount >= 900).map(({ id }) => id);
    const ids = found.filter(({ value }) => value?.startsWith("{")).map(({ value }) => JSON.parse(value).id);
    assert.deepEqual(ids.sort((one, other) => one - other), large);
  },
};

browserTest("each example runs to its end, and the engine holds its records", async ({ open }) => {
  const playground = await open({ workers: 2 });
  const code = await CodePane.open(playground.page);
  for (const [name, holds] of Object.entries(EXAMPLES)) {
    await code.id("example").selectOption(name);
    await code.run();
    await code.is("done");
    const output = await code.output();
    assert.deepEqual(output.filter(({ level }) => level === "error" || level === "warn"), [], name);
    await holds(playground, output);
  }
});

browserTest("what never ends is stopped, and the page answers meanwhile", async ({ open }) => {
  const playground = await open({ workers: 1 });
  const code = await CodePane.open(playground.page);
  await code.write("let n = 0;\nfor (;;) console.log(n++);");
  await code.run();
  await code.is("silent");
  assert.ok((await code.output()).some(({ text }) => text === "0"), "what it wrote before is there");
  // The page does what it always does.
  await playground.produce({ topic: "meanwhile", partitions: 1, rateLimit: undefined });
  assert.ok((await playground.imported()).acknowledged > 0);
  await code.id("stop").click();
  await code.is("stopped");
  assert.equal(await playground.page.locator("iframe").count(), 0);
  assert.deepEqual((await code.result("console.log(await sleep(1) ?? 'again')")).map(({ text }) => text), ["again"]);

  // Neither a flood of lines nor a giant one is more than the page shows.
  await code.result("for (let n = 0; n < 20_000; n++) console.log('line', n);\nconsole.log('x'.repeat(1e6));");
  const lines = await code.output();
  assert.ok(lines.length <= 1000, `${lines.length} lines`);
  assert.match(lines.at(-1).text, /^x{1000}.*996000 characters more/);
  assert.equal(lines.at(-2).text, "line 19999");
  assert.match(await code.id("output").innerText(), /earlier lines are left out/);
});

browserTest("an error names its line", async ({ open }) => {
  const { page } = await open({ workers: 1 });
  const code = await CodePane.open(page);
  const errors = {
    "const a = 1;\nconst b = ;\n": { line: 2, says: /Unexpected token/ },
    "// nothing\n\nundefined.gone;": { line: 3, says: /TypeError.*undefined/ },
    "await sleep(1);\nawait Promise.all([\n  (async () => { await sleep(2); throw new RangeError('too far'); })(),\n]);": { line: 3, says: /RangeError: too far/ },
    "sleep(1).then(() => { null.x; });\nawait sleep(500);": { line: 1, says: /TypeError/, state: "done" },
    "if (true) {\n  console.log(1);\n": { line: 3, says: /Unexpected|missing/ },
    "`never closed\n": { line: 2, says: /[Uu]nterminated|end of input/ },
    "import x from 'y';": { line: 1, says: /import/ },
    "const producer = kafka.producer();\nawait producer.send({ topic: 'x', messages: [{ value: 'x' }] });": { line: 2, says: /disconnected/ },
  };
  for (const [text, { line, says, state = "failed" }] of Object.entries(errors)) {
    const output = await code.result(text, state);
    const wrong = output.find(({ level }) => level === "error");
    assert.match(wrong?.text ?? "", says, text);
    assert.match(wrong.text, new RegExp(`line ${line}, column \\d`), text);
    const marked = await code.id("wrong").evaluate((element) => [...element.parentElement.children].indexOf(element) + 1);
    assert.equal(marked, line, text);
  }
});

/** In the sandbox: what it tries, and what came of it. Each must be refused. */
const ESCAPES = `
const tries = {
  localStorage: () => localStorage.length,
  indexedDB: () => new Promise((done, fail) => {
    const asked = indexedDB.open("x");
    asked.onsuccess = done;
    asked.onerror = () => fail(asked.error);
  }),
  caches: () => caches.open("x"),
  fetch: () => fetch("URL"),
  "fetch of a blob's page": () => fetch("URLconformance.html", { mode: "no-cors" }),
  XMLHttpRequest: () => new Promise((done, fail) => {
    const asked = new XMLHttpRequest();
    asked.open("GET", "URL");
    Object.assign(asked, { onload: done, onerror: () => fail(new Error("refused")) }).send();
  }),
  WebSocket: () => new Promise((done, fail) => {
    Object.assign(new WebSocket("URL".replace("http", "ws")), { onopen: done, onerror: () => fail(new Error("refused")) });
  }),
  importScripts: () => importScripts("URLkafka.mjs"),
  import: () => import("URLkafka.mjs"),
  EventSource: () => new Promise((done, fail) => {
    Object.assign(new EventSource("URL"), { onopen: done, onerror: () => fail(new Error("refused")) });
  }),
  parent: () => parent.document,
  document: () => document.cookie,
  top: () => top.location,
  eval: () => eval("1"),
};
const reached = [];
for (const [name, reach] of Object.entries(tries)) {
  try {
    await reach();
    reached.push(name);
  } catch {}
}
console.log(JSON.stringify(reached));
console.log(String(self.origin));
`;

async function reachesNothing(playground, server) {
  const code = await CodePane.open(playground.page);
  await playground.page.evaluate(() => localStorage.setItem("secret", "of the page"));
  const before = server.requests.length;
  const output = await code.result(ESCAPES.replaceAll("URL", `${server.url}e2e/`));
  assert.deepEqual(output.map(({ text }) => text), ["[]", "null"]);
  // Elsewhere the page itself and its service worker ask too.
  assert.deepEqual(server.requests.slice(before).filter((path) => path.includes("/e2e/")), []);
}

browserTest("the sandbox reaches no storage, no network and not the page", async ({ open, server }) => {
  await reachesNothing(await open({ workers: 1 }), server);
}, { expectedErrors: [/Content Security Policy/, /Refused to/, /violates the following/] });

browserTest("a broker that goes and comes back is survived", async ({ open }) => {
  const playground = await open({ workers: 2 });
  const code = await CodePane.open(playground.page);
  await code.write(`
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: "through", numPartitions: 4 }] });
    await admin.disconnect();
    const producer = kafka.producer({ idempotent: true });
    await producer.connect();
    for (let n = 0; n < 300; n++) {
      await producer.send({ topic: "through", messages: [{ key: String(n), value: String(n) }] });
      if (n % 50 === 0) console.log("at", n);
      await sleep(20);
    }
    await producer.disconnect();`);
  await code.run();
  await code.id("output").getByText("at 50", { exact: true }).waitFor();
  await playground.id("terminate-worker-1").click();
  await playground.page.locator('[data-testid="broker-row-1"][data-state="stopped"]').waitFor();
  await playground.id("start-worker-1").click();
  await code.is("done");
  const values = (await playground.everyRecord("through", 4)).map(({ value }) => Number(value)).sort((one, other) => one - other);
  assert.deepEqual(values, Array.from({ length: 300 }, (_, n) => n), "each record is there exactly once");
});

browserTest("a broker is found by the address that Metadata names, and no other is", async ({ open }) => {
  const { page } = await open({ workers: 2 });
  const code = await CodePane.open(page);
  const [{ text }] = await code.result(`
    const far = new Kafka({ clientId: "far", brokers: ["elsewhere:9092"], retry: { retries: 0 }, logLevel: 0 }).admin();
    console.log(await far.connect().then(() => "connected", (error) => error.message));`);
  assert.match(text, /there is no broker at elsewhere:9092/);
});

browserTest("what is written is kept, and the example comes back when asked", async ({ open }) => {
  const playground = await open({ workers: 1 });
  let code = await CodePane.open(playground.page);
  const example = await code.id("editor").innerText();
  await code.write("console.log('mine')");
  await playground.id("language").selectOption("zh");
  await playground.page.locator('html[lang="zh-Hans"]').waitFor();
  assert.equal((await code.id("editor").innerText()).trim(), "console.log('mine')", "another language leaves it alone");
  assert.match(await code.id("output").innerText(), /^代码写到控制台的内容/);
  await playground.id("language").selectOption("en");
  await playground.page.locator('html[lang="en"]').waitFor();
  await playground.reload();
  code = await CodePane.open(playground.page);
  assert.equal((await code.id("editor").innerText()).trim(), "console.log('mine')");
  await code.id("reset").click();
  assert.equal(await code.id("editor").innerText(), example);
});

browserTest("by the keyboard alone one comes into the editor, runs, and leaves", async ({ open }) => {
  const playground = await open({ workers: 1 });
  const code = await CodePane.open(playground.page);
  const { keyboard } = playground.page;
  const inEditor = () => playground.page.evaluate(() => document.activeElement.dataset.testid === "code-editor");
  for (let presses = 0; !(await inEditor()) && presses < 10; presses++) await keyboard.press("Tab");
  assert.ok(await inEditor(), "Tab leads into it");
  await keyboard.press("ControlOrMeta+A");
  await keyboard.press("Delete");
  await keyboard.press("Tab");
  await keyboard.type("console.log(1 + 1)");
  assert.ok(await inEditor(), "Tab indents");
  await keyboard.press("ControlOrMeta+Enter");
  await code.is("done");
  assert.deepEqual(await code.output(), [{ level: "log", text: "2" }]);
  await keyboard.press("Escape");
  await keyboard.press("Tab");
  assert.ok(!(await inEditor()), "Esc, then Tab leaves it");

  // A lesson takes the code's place, and the other way round.
  await playground.id("lessons-open").click();
  await playground.id("lesson").waitFor();
  assert.equal(await playground.id("code-pane").count(), 0);
  await playground.id("code").click();
  await playground.id("code-pane").waitFor();
  assert.equal(await playground.id("lesson").count(), 0);
});

test("the sandbox in Firefox", { timeout: 300_000 }, async () => {
  const server = await serve();
  const browser = await firefox.launch({
    channel: "moz-firefox", executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr", headless: true,
  });
  try {
    const context = await browser.newContext();
    const playground = await Playground.open({ page: () => context.newPage() }, server, { workers: 1 });
    await reachesNothing(playground, server);
    const code = new CodePane(playground.page);
    await code.id("reset").click();
    await code.run();
    await code.is("done");
    await EXAMPLES.keys(playground);
    const [wrong] = await code.result("const a = 1;\nconst b = ;\n", "failed");
    assert.match(wrong.text, /line 2, column \d/);
    const [thrown] = await code.result("\n\nnull.x", "failed");
    assert.match(thrown.text, /TypeError.*line 3, column \d/s);
    await code.write("for (;;);");
    await code.run();
    await code.is("silent");
    await code.id("stop").click();
    await code.is("stopped");
  } finally {
    await browser.close();
    await server.close();
  }
});
