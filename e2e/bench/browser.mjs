// cargo xtask bench browser [--rounds 3] [--records 1000000] [--partitions 4] [--only page,engine,raw,latency,peers,memory,picture]
//
// Each round has a browser of its own on a fresh profile on disk; figures are the medians of the rounds. stdout ends with
// one JSON object; the same with all rounds lies in results/.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { launch, newProfile } from "../lib/browser.mjs";
import { DIST, serve } from "../lib/server.mjs";
import { frames } from "./picture.mjs";
import { median, percentile, table } from "./report.mjs";

const HERE = fileURLToPath(new URL("./", import.meta.url));
const CHUNK_BYTES = 256 * 1024;
const GIGABYTE = { records: 1_000_000, valueBytes: 1000 };
const PEER_RECORDS = 200_000;
const LATENCY_RECORDS = 500;
const SHOWN_TIMES = 4;

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    records: { type: "string", default: "1000000" },
    partitions: { type: "string", default: "4" },
    only: { type: "string", default: "page,engine,raw,latency,peers,memory,picture" },
  },
});
const parts = new Set(options.only.split(","));
const records = Number(options.records);
const partitions = Number(options.partitions);

const server = await serve({
  base: "/bench-of/headwater/",
  folders: { "bench/": join(HERE, "in-page/"), "node_modules/": fileURLToPath(new URL("../node_modules/", import.meta.url)) },
});
const rounds = [];
const failures = {};
let version;
for (let round = 1; round <= Number(options.rounds); round++) {
  rounds.push(await oneRound(round));
}
await server.close();
await report();

/** Everything once, in a fresh profile. What cannot be run is null, and the reason is kept. */
async function oneRound(round) {
  const profile = await newProfile();
  const browser = await launch(profile);
  version = browser.version;
  const paintedMs = parts.has("page") ? await firstPicture(browser) : null;
  const page = await browser.page();
  await page.goto(`${server.url}bench/`);
  await page.waitForFunction(() => globalThis.bench !== undefined);
  const inPage = (call, ...args) => page.evaluate(([work, given]) => globalThis.bench[work](...given), [call, args]);
  const measure = (part, name, ...call) => run(part, name, () => inPage(...call));
  const run = async (part, name, work) => {
    if (!parts.has(part)) return null;
    const started = Date.now();
    try {
      return await work();
    } catch (error) {
      failures[name] ??= String(error.message ?? error).split("\n")[0];
      return null;
    } finally {
      console.log(`round ${round}: ${name}, ${((Date.now() - started) / 1000).toFixed(1)} s`);
    }
  };
  const result = { paintedMs };
  const engine = (name, strict) => measure("engine", `engine, ${name}`, "engine", { records, partitions, name, strict });
  // The same bytes, once they are known.
  const bytes = () => [result, ...rounds].map((r) => r.relaxed?.storedBytes).find(Boolean) ?? records * 110;
  const raw = (name, strict) => measure("raw", `raw chunks, ${name}`, "raw", "raw_write", bytes(), CHUNK_BYTES, strict);
  const steps = [
    async () => (result.relaxed = await engine("relaxed", false)),
    async () => {
      result.rawRelaxedMs = await raw("relaxed", false);
      result.rawReadMs = await measure("raw", "raw read", "raw", "raw_read");
    },
    async () => (result.strict = await engine("strict", true)),
    async () => (result.rawStrictMs = await raw("strict", true)),
    // The same with its partitions spread over two brokers, each in a worker of its own.
    async () => {
      const args = { records, partitions, name: "two-workers", strict: false, brokers: 2 };
      result.twoWorkers = await measure("engine", "engine, two workers", "engine", args);
    },
  ];
  // What comes later finds a fuller disk cache: the order turns with every round.
  for (const step of round % 2 === 1 ? steps : steps.reverse()) await step();
  result.latencyMs = await measure("latency", "one record", "latency", { name: "latency", count: LATENCY_RECORDS });
  result.rawLatencyMs = await measure("latency", "raw small commits", "raw", "raw_small_commit", LATENCY_RECORDS);
  result.dexieMs = await measure("peers", "Dexie", "dexie", PEER_RECORDS);
  result.pgliteMs = await measure("peers", "PGlite", "pglite", PEER_RECORDS);
  if (round === 1) {
    const gigabyte = { ...GIGABYTE, partitions, name: "gigabyte", strict: false };
    result.gigabyte = await measure("memory", "1 GB written and read", "engine", gigabyte);
  }
  // As many that the start does not count; beside it the same without a page, which comes first in every other round.
  const shown = { records: records * SHOWN_TIMES, partitions };
  const pair = [
    async () => (result.picture = await run("picture", "the picture", () => frames(browser, server, shown))),
    async () => {
      const args = { ...shown, name: "unseen", strict: false, brokers: 2 };
      result.unseen = await measure("picture", "the same without a page", "engine", args);
    },
  ];
  for (const step of round % 2 === 1 ? pair : pair.reverse()) await step();
  await browser.close();
  await profile.remove();
  return result;
}

/** When the page had its picture, in ms after it was asked for: on the first visit, and when the service worker has it. */
async function firstPicture(browser) {
  const page = await browser.page();
  const visit = async () => {
    await page.goto(server.url);
    await page.locator('[data-testid="broker-state"][data-state="running"]').waitFor();
    return page.evaluate(largestPaint);
  };
  const first = await visit();
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  const again = await visit();
  await page.close();
  return { first, again };
}

/** Runs in the page: when the largest thing in view was painted. */
function largestPaint() {
  return new Promise((resolve) => {
    new PerformanceObserver((list) => resolve(list.getEntries().at(-1).startTime))
      .observe({ type: "largest-contentful-paint", buffered: true });
  });
}

/** Prints the table, keeps the JSON, and ends with the object. */
async function report() {
  const of = (pick) => median(rounds.map(pick));
  const perSecond = (count, ms) => (ms === null ? null : Math.round(count / (ms / 1000)));
  const ratio = (one, other) => (one === null || other === null ? null : round3(one / other));
  const [relaxedMs, strictMs] = [of((r) => r.relaxed?.producedMs), of((r) => r.strict?.producedMs)];
  const [consumedMs, consumedStrictMs] = [of((r) => r.relaxed?.consumedMs), of((r) => r.strict?.consumedMs)];
  const twoWorkersMs = of((r) => r.twoWorkers?.producedMs);
  const [rawMs, rawStrictMs, rawReadMs] = [of((r) => r.rawRelaxedMs), of((r) => r.rawStrictMs), of((r) => r.rawReadMs)];
  const [dexieMs, pgliteMs] = [of((r) => r.dexieMs), of((r) => r.pgliteMs)];
  const latency = (key, part) => of((r) => r[key] && percentile(r[key], part));
  const [p50, p99] = [latency("latencyMs", 0.5), latency("latencyMs", 0.99)];
  const [rawP50, rawP99] = [latency("rawLatencyMs", 0.5), latency("rawLatencyMs", 0.99)];
  const produceRate = perSecond(records, relaxedMs);
  const rows = [
    ["produce, relaxed", produceRate, ratio(rawMs, relaxedMs), "of raw chunks"],
    ["produce, two workers", perSecond(records, twoWorkersMs), ratio(relaxedMs, twoWorkersMs), "of one worker"],
    ["produce, strict", perSecond(records, strictMs), ratio(rawStrictMs, strictMs), "of raw chunks, strict"],
    ["consume", perSecond(records, consumedMs), ratio(rawReadMs, consumedMs), "of a raw read"],
    ["consume, strict topic", perSecond(records, consumedStrictMs), ratio(rawReadMs, consumedStrictMs), "of a raw read"],
    ["raw chunks, relaxed", perSecond(records, rawMs), null, ""],
    ["raw chunks, strict", perSecond(records, rawStrictMs), null, ""],
    ["raw read", perSecond(records, rawReadMs), null, ""],
    ["Dexie bulkAdd", perSecond(PEER_RECORDS, dexieMs), ratio(produceRate, perSecond(PEER_RECORDS, dexieMs)), "times slower"],
    ["PGlite insert", perSecond(PEER_RECORDS, pgliteMs), ratio(produceRate, perSecond(PEER_RECORDS, pgliteMs)), "times slower"],
  ];
  const sizes = await gzipSizes();
  const memory = Math.max(...rounds.flatMap((r) => [r.relaxed, r.strict, r.twoWorkers, r.gigabyte]).map((e) => e?.memoryBytes ?? 0));
  const [pictureMs, pictureAgainMs] = [of((r) => r.paintedMs?.first), of((r) => r.paintedMs?.again)];
  const result = {
    first_picture_ms: pictureMs === null ? null : round3(pictureMs),
    first_picture_again_ms: pictureAgainMs === null ? null : round3(pictureAgainMs),
    produce_records_per_s: produceRate,
    produce_vs_raw: ratio(rawMs, relaxedMs),
    records_per_s_4_partitions_2_workers: perSecond(records, twoWorkersMs),
    produce_2_workers_vs_1: ratio(relaxedMs, twoWorkersMs),
    consume_records_per_s: perSecond(records, consumedMs),
    consume_vs_raw: ratio(rawReadMs, consumedMs),
    produce_vs_dexie: ratio(produceRate, perSecond(PEER_RECORDS, dexieMs)),
    produce_vs_pglite: ratio(produceRate, perSecond(PEER_RECORDS, pgliteMs)),
    ack_p50_over_raw_ms: p50 === null || rawP50 === null ? null : round3(p50 - rawP50),
    picture_frames_per_s: of((r) => r.picture?.frames_per_s),
    picture_long_frames: of((r) => r.picture?.long),
    picture_thread_busy: of((r) => r.picture?.busy),
    picture_records_per_s: of((r) => r.picture?.records_per_s),
    picture_whole_records_per_s: of((r) => r.picture?.whole_records_per_s),
    picture_vs_no_page: ratio(of((r) => r.picture?.records_per_s), perSecond(records * SHOWN_TIMES, of((r) => r.unseen?.producedMs))),
    worker_memory_mb: memory === 0 ? null : round3(memory / 2 ** 20),
    ...sizes,
  };
  console.log(`\nChromium ${version}, ${cpus().length} × ${cpus()[0].model}`);
  console.log(`medians of ${rounds.length} rounds; ${records} records of 100 bytes, ${partitions} partitions\n`);
  console.log(table(["", "records/s", "ratio", ""], rows));
  if (parts.has("page")) console.log(table(["page painted, ms", "first visit", "again"], rounds.map(({ paintedMs }, index) =>
    [`round ${index + 1}`, paintedMs.first, paintedMs.again])));
  console.log(table(["one record, ms", "p50", "p99"], [["acknowledged", p50, p99], ["raw commit", rawP50, rawP99]]));
  if (parts.has("picture")) console.log(pictures());
  for (const [name, reason] of Object.entries(failures)) console.log(`not run: ${name}: ${reason}`);
  const whole = { at: new Date().toISOString(), chromium: version, options, result, failures, rounds: rounds.map(short) };
  await mkdir(join(HERE, "results"), { recursive: true });
  await writeFile(join(HERE, "results", "browser.json"), `${JSON.stringify(whole, null, 2)}\n`);
  console.log(JSON.stringify(result));
}

/** What the page did while it produced, a row for each round. */
function pictures() {
  const head = ["page while producing", "records/s", "without page", "frames/s", "late", "over 50 ms", "longest, ms", "busy"];
  return table(head, rounds.map(({ picture: p, unseen }, index) => [
    `round ${index + 1}`, p?.records_per_s, unseen && Math.round((records * SHOWN_TIMES) / (unseen.producedMs / 1000)),
    p?.frames_per_s, p?.late, p?.long, p?.longest_ms, p?.busy,
  ]));
}

/** A round without its hundreds of single times. */
function short(round) {
  const summary = (times) => times && { p50: percentile(times, 0.5), p99: percentile(times, 0.99), count: times.length };
  return { ...round, latencyMs: summary(round.latencyMs), rawLatencyMs: summary(round.rawLatencyMs) };
}

async function gzipSizes() {
  // The ordinary build where there is one: the bench's has more in its worker.
  const folder = process.env.HEADWATER_ORDINARY_DIST ?? DIST;
  const budget = JSON.parse(await readFile(new URL("../budget.json", import.meta.url)));
  const size = async (files) => {
    const sizes = await Promise.all(files.map(async (file) => gzipSync(await readFile(join(folder, file)), { level: 9 }).length));
    return round3(sizes.reduce((sum, bytes) => sum + bytes) / 1000);
  };
  return { page_gzip_kb: await size(budget.page.files), worker_gzip_kb: await size(budget.worker.files) };
}

function round3(number) {
  return Math.round(number * 1000) / 1000;
}
