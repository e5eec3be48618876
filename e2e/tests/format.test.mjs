// Databases of other versions of the format: older ones are brought up to date, newer ones are left alone.
//
// `fixtures/format-<version>.json` is a database as a program of that version left it, with what was in it. When the
// format gets a new version, first have the program of the old one make it:
// `HEADWATER_MAKE_FIXTURE=1 node --test tests/format.test.mjs`, with HEADWATER_DIST naming its build.

import assert from "node:assert/strict";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { browserTest } from "../lib/test.mjs";

const FIXTURES = new URL("../fixtures/", import.meta.url);

if (process.env.HEADWATER_MAKE_FIXTURE) {
  browserTest("a fixture of this version is made", async ({ browser, server }) => {
    const page = await open(browser(), server);
    const fixture = await page.evaluate(makeFixture);
    await writeFile(new URL(`format-${fixture.version}.json`, FIXTURES), `${JSON.stringify(fixture)}\n`);
  });
}

for (const name of await readdir(FIXTURES)) {
  browserTest(`${name} is brought up to date, read and written to`, async ({ browser, server }) => {
    const page = await open(browser(), server);
    const fixture = JSON.parse(await readFile(new URL(name, FIXTURES)));
    const { found, after, again, version } = await page.evaluate(openFixture, fixture);
    assert.deepEqual(found, fixture.records);
    assert.deepEqual(after.map(Number), [0, fixture.records[0].length], "appended behind what was there");
    assert.deepEqual(again, [[...fixture.records[0], "new"], fixture.records[1]]);
    assert.ok(version > fixture.version, `it is in version ${version}`);
  });

  browserTest(`${name} is brought up to date wholly or not at all`, async ({ browser, server }) => {
    const page = await open(browser(), server);
    const fixture = JSON.parse(await readFile(new URL(name, FIXTURES)));
    const found = await page.evaluate(interruptUpgrade, fixture);
    for (const records of found) assert.deepEqual(records, fixture.records);
  });
}

browserTest("a newer format is refused and left alone, and can be cleared away", async ({ open: openPage, browser, server }) => {
  const page = await open(browser(), server);
  const message = await page.evaluate(async () => {
    const { openDatabase } = await import("./database.mjs");
    const { startBroker } = await import("./broker.mjs");
    for (const cluster of ["newer", "playground"]) {
      const make = (made) => made.createObjectStore("of-tomorrow");
      (await openDatabase(`headwater-${cluster}-0`, 99, make)).close();
    }
    return startBroker("newer").then(() => "it was opened", (error) => error.message);
  });
  assert.match(message, /newer version of this program/u);
  const left = await page.evaluate(async () => {
    const { openDatabase } = await import("./database.mjs");
    const database = await openDatabase("headwater-newer-0");
    const left = [database.version, [...database.objectStoreNames]];
    database.close();
    return left;
  });
  assert.deepEqual(left, [99, ["of-tomorrow"]]);

  const playground = await openPage({ ready: false });
  // It is tried some times before a person is asked.
  await playground.id("clear-failed").click({ timeout: 60_000 });
  await playground.confirm();
  await playground.running();
});

async function open(browser, server) {
  const page = await browser.page();
  await page.goto(`${server.url}e2e/conformance.html`);
  return page;
}

/** Runs in the page: two partitions, one of several segments, and what was put into them. */
async function makeFixture() {
  const { startBroker } = await import("./broker.mjs");
  const { dump } = await import("./database.mjs");
  const { recordBatch } = await import("./kafka.mjs");
  const broker = await startBroker("fixture");
  const connection = broker.connect();
  await connection.createTopic("old", 2, { "segment.bytes": "1000" });
  const records = [[], []];
  for (let number = 0; number < 24; number++) {
    const partition = number % 4 === 3 ? 1 : 0;
    const value = `record ${number} ${"x".repeat(60)}`;
    const { errorCode } = await connection.produce("old", partition, recordBatch([{ key: `${number % 3}`, value }], { timestamp: 1_700_000_000_000n }));
    if (errorCode !== 0) throw new Error(`error ${errorCode}`);
    records[partition].push(value);
  }
  // Rows are joined and snapshots written behind the answers.
  await new Promise((resolve) => setTimeout(resolve, 1000));
  broker.worker.terminate();
  return { ...await dump("headwater-fixture-0"), records };
}

/** Runs in the page. */
async function openFixture(fixture) {
  const { startBroker } = await import("./broker.mjs");
  const { dump, restore } = await import("./database.mjs");
  const { recordBatch } = await import("./kafka.mjs");
  await restore("headwater-old-0", fixture);
  const values = async (connection) => {
    const all = await Promise.all([0, 1].map((partition) => connection.readAll("old", partition)));
    return all.map((records) => records.map(({ value }) => value));
  };
  const first = await startBroker("old");
  const found = await values(first.connect());
  const { errorCode, baseOffset } = await first.connect().produce("old", 0, recordBatch([{ key: null, value: "new" }]));
  first.worker.terminate();
  const second = await startBroker("old");
  const again = await values(second.connect());
  second.worker.terminate();
  const { version } = await dump("headwater-old-0");
  return { found, after: [errorCode, String(baseOffset)], again, version };
}

/** Runs in the page: workers that end at some moment of their opening, and then one that does not. */
async function interruptUpgrade(fixture) {
  const { startBroker } = await import("./broker.mjs");
  const { restore } = await import("./database.mjs");
  const found = [];
  for (let round = 0; round < 6; round++) {
    const cluster = `interrupted-${round}`;
    await restore(`headwater-${cluster}-0`, fixture);
    const ended = await startBroker(cluster, { until: "loaded" });
    await new Promise((resolve) => setTimeout(resolve, round));
    ended.worker.terminate();
    const broker = await startBroker(cluster);
    const connection = broker.connect();
    const all = [await connection.readAll("old", 0), await connection.readAll("old", 1)];
    found.push(all.map((records) => records.map(({ value }) => value)));
    broker.worker.terminate();
  }
  return found;
}
