// The playground as a person uses it, and what its broker says to a client of the tests' own.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { DIST } from "./server.mjs";

const REMEMBER_WORKERS = fileURLToPath(new URL("./in-page/workers.js", import.meta.url));
const LONG = { timeout: 120_000 };

/** The data set that comes with the page, a string a reading. */
export const VEHICLES = gunzipSync(readFileSync(join(DIST, "data/vehicles.ndjson.gz"))).toString().trim().split("\n");

/** The page with a running broker. */
export class Playground {
  constructor(page, server) {
    this.page = page;
    this.server = server;
  }

  /**
   * Opens the page and waits for its brokers, in as many workers as asked for (as it remembers, if not). `script` takes the
   * place of the brokers' workers' own.
   */
  static async open(browser, server, { workers, script, ready = true } = {}) {
    const page = await browser.page();
    await page.addInitScript({ path: REMEMBER_WORKERS });
    if (script !== undefined) await page.addInitScript((path) => (globalThis.__workerScript = path), script);
    if (workers !== undefined) {
      // Only for the first page: what is chosen later is what is remembered.
      await page.addInitScript((count) => {
        // The frame that people's code runs in has no storage.
        if (globalThis.top !== globalThis) return;
        if (!sessionStorage.getItem("workers-set")) localStorage.setItem("headwater.workers", count);
        sessionStorage.setItem("workers-set", "true");
      }, String(workers));
    }
    await page.goto(server.url);
    const playground = new Playground(page, server);
    if (ready) await playground.running();
    return playground;
  }

  id(name) {
    return this.page.getByTestId(name);
  }

  /** Waits until the broker answers requests. */
  async running() {
    await this.page.locator('[data-testid="broker-state"][data-state="running"]').waitFor(LONG);
  }

  async reload() {
    await this.page.reload();
    await this.running();
  }

  /** How the brokers stand, in the order of their node ids: `{ state, leads }` each. */
  async brokers() {
    const rows = this.page.locator('[data-testid^="broker-row-"]');
    return rows.evaluateAll((all) => all.map(({ dataset }) => ({ state: dataset.state, leads: +dataset.leads })));
  }

  /** Waits until the page works through another tab, or does not any more. */
  async isGuest(guest = true) {
    await this.page.locator(`[data-testid="broker-state"][data-guest="${guest}"][data-state="running"]`).waitFor(LONG);
  }

  /** Fills the form and presses produce. */
  async produce({ source = "vehicles", topic, partitions, rateLimit } = {}) {
    // Choosing a source anew also chooses the key anew.
    const select = this.id("source-select");
    if ((await select.inputValue()) !== source) await select.selectOption(source);
    if (topic !== undefined) await this.id("topic-name").fill(topic);
    if (partitions !== undefined) await this.id("partition-count").fill(String(partitions));
    await this.id("rate-limit").fill(rateLimit === undefined ? "" : String(rateLimit));
    await this.id("produce").click();
  }

  /** How the import stands: `{ state, acknowledged, alreadyThere, broken }`. */
  async importStatus() {
    const data = await this.id("import-status").evaluate((element) => ({ ...element.dataset }));
    const { state, acknowledged, alreadyThere, broken } = data;
    return { state, acknowledged: +acknowledged, alreadyThere: +alreadyThere, broken: +broken };
  }

  /** Waits until the import has ended and answers how. */
  async imported() {
    await this.page.locator('[data-testid="import-status"]:is([data-state="done"], [data-state="failed"])').waitFor(LONG);
    const status = await this.importStatus();
    if (status.state === "failed") assert.fail(await this.id("import-status").innerText());
    return status;
  }

  /** Waits until the import has so many records acknowledged, and answers how many it has. */
  async acknowledged(atLeast) {
    await this.page.waitForFunction((wanted) => {
      const status = document.querySelector('[data-testid="import-status"]');
      return Number(status?.dataset.acknowledged) >= wanted;
    }, atLeast, { ...LONG, polling: 20 });
    return (await this.importStatus()).acknowledged;
  }

  /** The figures of a topic's partitions as the page shows them: `{ start, end, bytes }` each. */
  async partitions(topic) {
    const rows = this.page.locator(`[data-testid^="partition-row-${topic}-"]`);
    return rows.evaluateAll((all) => all.map(({ dataset }) => ({
      start: +dataset.start, end: +dataset.end, bytes: +dataset.bytes,
    })));
  }

  /** Waits until the page shows so many records in a topic. */
  async showsRecords(topic, count) {
    await this.page.waitForFunction(([prefix, wanted]) => {
      const rows = [...document.querySelectorAll(`[data-testid^="${prefix}"]`)];
      return rows.reduce((sum, { dataset }) => sum + (dataset.end - dataset.start), 0) === wanted;
    }, [`partition-row-${topic}-`, count], { timeout: 20_000 });
  }

  /** Reads through the page and answers the rows it shows. */
  async read({ topic, partition, from = "start", offset }) {
    await this.id("read-topic").selectOption(topic);
    await this.id("read-partition").selectOption(String(partition));
    await this.id("read-from").selectOption(from);
    if (offset !== undefined) await this.id("read-offset").fill(String(offset));
    await this.id("read-go").click();
    await this.page.locator('#read-title ~ [aria-busy="false"] [data-testid="record-row"]').first().waitFor();
    return this.id("record-row").evaluateAll((rows) => rows.map((row) => ({
      offset: +row.dataset.offset,
      key: row.querySelector(".key").innerText,
      value: row.querySelector(".value").innerText,
    })));
  }

  /** Produces every row of the source once more, and waits until that is done. */
  async produceAgain(form) {
    await this.produce(form);
    await this.imported();
    await this.id("produce-again").click();
    await this.page.locator('[data-testid="produce-again"]').waitFor({ state: "detached" });
    await this.imported();
  }

  /** Starts consumers of a group. */
  async consume({ group, topic, count = 1, assignor = "range", from = "earliest", rate, instance = "" }) {
    await this.id("consume-group").fill(group);
    await this.id("consume-topic").selectOption(topic);
    await this.id("consume-count").fill(String(count));
    await this.id("consume-assignor").selectOption(assignor);
    await this.id("consume-from").selectOption(from);
    await this.id("consume-rate").fill(rate === undefined ? "" : String(rate));
    await this.id("consume-instance").fill(instance);
    await this.id("consume-start").click();
  }

  /**
   * How a group stands: `{ state, generation, lag, members, offsets }`; a member is `{ name, state, records, partitions }`,
   * an offset `{ committed, end, lag }`.
   */
  async group(name) {
    return this.page.evaluate(groupShown, name);
  }

  /**
   * Waits until a group stands as wanted, and answers how. `reading` are the partitions of each member that has some;
   * `consumed` is how many records its members have read at least, `committed` how many are committed, all partitions taken
   * together: what members have read is known before the group's offsets are looked at again.
   */
  async groupWith(name, wanted) {
    const found = await this.page.waitForFunction(`((name, wanted) => {
      const group = (${groupShown})(name);
      if (group === null) return null;
      const reading = group.members.map(({ partitions }) => partitions).filter((partitions) => partitions !== "").sort();
      const consumed = group.members.reduce((sum, { records }) => sum + records, 0);
      const committed = group.offsets.reduce((sum, { committed }) => sum + (committed ?? 0), 0);
      const holds = (wanted.state ?? group.state) === group.state && (wanted.lag ?? group.lag) === group.lag &&
        (wanted.consumed ?? 0) <= consumed && (wanted.committed ?? committed) === committed && (wanted.reading ?? reading).join(" ") === reading.join(" ");
      return holds && group;
    })(${JSON.stringify(name)}, ${JSON.stringify(wanted)})`, undefined, { timeout: 60_000, polling: 50 });
    return found.jsonValue();
  }

  /** Confirms the dialog that is open. */
  async confirm() {
    await this.id("confirm").click();
  }

  /**
   * Runs code in the page with Kafka connections to its brokers; `work` gets a connection to broker 0, the module,
   * `argument`, and a function that connects to the broker of a node id.
   */
  async kafka(work, argument) {
    const code = `async ([module, argument]) => {
      const connect = (node) => globalThis.__connect(module, node);
      return (${work})(await connect(0), await import(module), argument, connect);
    }`;
    return this.page.evaluate(`(${code})(${JSON.stringify([`${this.server.url}e2e/kafka.mjs`, argument ?? null])})`);
  }

  /** Every record of a topic as a client of the tests' own reads it: `{ partition, offset, key, value, headers }`. */
  async everyRecord(topic, partitions) {
    const text = await this.kafka(async (_connection, _module, [name, count], connect) => {
      const all = [];
      for (let partition = 0; partition < count; partition++) {
        // Right after a reload the brokers are still telling the page what they lead.
        let row = null;
        for (let tries = 0; row === null && tries < 300; tries++) {
          if (tries > 0) await new Promise((resolve) => setTimeout(resolve, 100));
          row = document.querySelector(`[data-testid="partition-row-${name}-${partition}"]`);
        }
        if (row === null) throw new Error(`the page shows no ${name}-${partition}`);
        const connection = await connect(Number(row.dataset.leader));
        for (const record of await connection.readAll(name, partition)) {
          all.push({ ...record, partition, offset: Number(record.offset), timestamp: Number(record.timestamp) });
        }
      }
      return JSON.stringify(all);
    }, [topic, partitions]);
    return JSON.parse(text);
  }
}

/** Runs in the page. */
function groupShown(name) {
  const group = document.querySelector(`[data-testid="group-${name}"]`);
  if (group === null) return null;
  const offset = (text) => text === undefined ? undefined : Number(text);
  return {
    state: group.dataset.state,
    generation: offset(group.dataset.generation),
    lag: offset(group.dataset.lag),
    members: [...group.querySelectorAll(".members > li")].map(({ dataset }) => ({
      name: dataset.testid, state: dataset.state, records: Number(dataset.records), partitions: dataset.partitions,
    })),
    offsets: [...group.querySelectorAll(`[data-testid^="group-partition-${name}-"]`)].map(({ dataset }) => ({
      committed: offset(dataset.committed), end: offset(dataset.end), lag: offset(dataset.lag),
    })),
  };
}

/** Asserts that a topic holds every reading of the data set once, in order for each vehicle, where its key belongs. */
export function assertEveryReading(records, partitions) {
  const wanted = new Map(VEHICLES.map((line) => [readingId(JSON.parse(line)), JSON.parse(line)]));
  const last = new Map();
  const next = new Map();
  for (const { partition, offset, key, value } of records) {
    const reading = JSON.parse(value);
    const id = readingId(reading);
    assert.ok(wanted.has(id), `the reading ${id} at ${partition}:${offset} is there twice, or in no data set`);
    assert.deepEqual(reading, wanted.get(id));
    wanted.delete(id);
    assert.equal(key, reading.id, `the key of ${id} is its vehicle`);
    assert.equal(partition, partitionOf(key, partitions), `the partition of ${key}`);
    assert.ok(reading.t > (last.get(key) ?? -1), `${id} at ${partition}:${offset} comes after ${last.get(key)}`);
    last.set(key, reading.t);
    assert.equal(offset, next.get(partition) ?? 0, `offsets of partition ${partition} have no hole`);
    next.set(partition, offset + 1);
  }
  assert.equal(wanted.size, 0, `readings that are missing: ${[...wanted.keys()].slice(0, 5)}`);
}

function readingId({ id, t }) {
  return `${id}@${t}`;
}

/** Where Kafka's Java client puts a key: murmur2 with its seed, the sign bit dropped, modulo. */
export function partitionOf(key, partitions) {
  const bytes = new TextEncoder().encode(key);
  const view = new DataView(bytes.buffer);
  const m = 0x5bd1e995;
  let hash = 0x9747b28c ^ bytes.length;
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) {
    let k = Math.imul(view.getInt32(at, true), m);
    k = Math.imul(k ^ (k >>> 24), m);
    hash = Math.imul(hash, m) ^ k;
  }
  const left = bytes.length - at;
  if (left > 2) hash ^= bytes[at + 2] << 16;
  if (left > 1) hash ^= bytes[at + 1] << 8;
  if (left > 0) hash = Math.imul(hash ^ bytes[at], m);
  hash = Math.imul(hash ^ (hash >>> 13), m);
  hash ^= hash >>> 15;
  return (hash & 0x7fffffff) % partitions;
}
