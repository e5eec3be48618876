// cargo xtask bench import [--bytes 100000000] [--format ndjson|csv] [--key none|id] [--partitions 4] [--workers 2]
//
// A file of so many bytes goes through the page's import, as a person's own does, and then every row is looked for by a client
// that shares no code with the engine. Beside it, in the same run, the same file is read with File.stream() and thrown away.
// stdout ends with one JSON object.

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { launch, newProfile } from "../lib/browser.mjs";
import { Playground } from "../lib/playground.mjs";
import { serve } from "../lib/server.mjs";
import { watchMemory } from "./memory.mjs";
import { table } from "./report.mjs";
import { writeRows } from "./rows.mjs";

const TOPIC = "imported";
const { values: options } = parseArgs({
  options: {
    bytes: { type: "string", default: "100000000" },
    format: { type: "string", default: "ndjson" },
    key: { type: "string", default: "none" },
    partitions: { type: "string", default: "4" },
    workers: { type: "string", default: "2" },
  },
});
const partitions = Number(options.partitions);
const HOURS = 4 * 3_600_000;

const server = await serve();
const profile = await newProfile();
try {
  const file = join(profile.folder, `rows.${options.format}`);
  const rows = await writeRows(file, Number(options.bytes), options.format);
  const bytes = (await stat(file)).size;
  console.log(`${file}: ${rows.toLocaleString("en")} rows, ${bytes.toLocaleString("en")} bytes`);
  const before = await inBrowser((browser) => streamed(browser, file, bytes));
  const found = await inBrowser((browser) => imported(browser, file, rows));
  const after = await inBrowser((browser) => streamed(browser, file, bytes));
  report({ rows, bytes, streamMs: Math.min(before, after), ...found });
} finally {
  await profile.remove();
  await server.close();
}

/** Does something in a browser that has done nothing yet: what the one before has left in memory is not counted. */
async function inBrowser(work) {
  const browser = await launch(profile);
  try {
    return await work(browser);
  } finally {
    await browser.close();
  }
}

/** The milliseconds that the browser takes to read the file and nothing else. */
async function streamed(browser, file, bytes) {
  const page = await browser.page();
  await page.setContent("<input type=file>");
  await page.locator("input").setInputFiles(file);
  const [read, ms] = await page.evaluate(async () => {
    const started = performance.now();
    let length = 0;
    for await (const chunk of document.querySelector("input").files[0].stream()) length += chunk.length;
    return [length, performance.now() - started];
  });
  await page.close();
  if (read !== bytes) throw new Error(`File.stream() gave ${read} of ${bytes} bytes`);
  return ms;
}

/** Imports the file through the page, watching memory, and looks for every row. */
async function imported(browser, file, rows) {
  const playground = await Playground.open(browser, server, { workers: Number(options.workers) });
  const { page } = playground;
  await playground.id("source-select").selectOption("file");
  await playground.id("file-input").setInputFiles(file);
  await playground.id("preview").waitFor();
  await playground.id("key-field").selectOption(options.key === "none" ? "" : options.key);
  const memory = await watchMemory(browser);
  const started = Date.now();
  await playground.produce({ source: "file", topic: TOPIC, partitions });
  await page.locator('[data-testid="import-status"]:is([data-state="done"], [data-state="failed"])').waitFor({ timeout: HOURS });
  const ms = Date.now() - started;
  const used = memory.end();
  const status = await playground.imported();
  if (status.acknowledged !== rows || status.broken !== 0) {
    throw new Error(`${status.acknowledged} of ${rows} rows were acknowledged, ${status.broken} were broken`);
  }
  const stored = await page.evaluate(() => navigator.storage.estimate().then(({ usage }) => usage));
  console.log(`imported in ${(ms / 1000).toFixed(1)} s; now every row is looked for`);
  page.setDefaultTimeout(HOURS);
  const missing = await playground.kafka(lookForRows, { topic: TOPIC, partitions, rows });
  if (missing !== null) throw new Error(missing);
  if (browser.errors.length > 0) throw new Error(browser.errors.join("\n"));
  await page.close();
  return { version: browser.version, ms, used, stored };
}

/** Runs in the page: null if every row is there once, else what is wrong. */
async function lookForRows(_connection, _module, { topic, partitions, rows }, connect) {
  const seen = new Uint8Array(rows);
  let count = 0;
  for (let partition = 0; partition < partitions; partition++) {
    const row = document.querySelector(`[data-testid="partition-row-${topic}-${partition}"]`);
    const connection = await connect(Number(row.dataset.leader));
    for (let offset = 0n, end = 1n; offset < end;) {
      const { errorCode, highWatermark, records } = await connection.fetch(topic, partition, offset);
      if (errorCode !== 0) return `Fetch of ${topic}-${partition} at ${offset}: error ${errorCode}`;
      if (records.length === 0 && offset < highWatermark) return `${topic}-${partition} has nothing at ${offset}`;
      for (const { value } of records) {
        const n = Number(JSON.parse(value).n);
        if (!(n < rows) || seen[n]++ > 0) return `row ${n} is there twice, or was in no file`;
        count++;
      }
      offset = records.at(-1) === undefined ? offset : records.at(-1).offset + 1n;
      end = highWatermark;
    }
  }
  return count === rows ? null : `${count} of ${rows} rows are there`;
}

/** Prints the table, and ends with the object. */
function report({ version, rows, bytes, streamMs, ms, used, stored }) {
  const mb = (length) => Math.round(length / 1e5) / 10;
  const round = (number) => Math.round(number * 1000) / 1000;
  const perSecond = (time) => round(bytes / 1e6 / (time / 1000));
  console.log(`\nChromium ${version}\n`);
  console.log(table(["", "seconds", "MB/s", "rows/s"], [
    ["File.stream() alone", streamMs / 1000, perSecond(streamMs), Math.round(rows / (streamMs / 1000))],
    ["imported", ms / 1000, perSecond(ms), Math.round(rows / (ms / 1000))],
  ]));
  console.log(table(["memory, MB", "before", ...used.quarters.map((_, index) => `quarter ${index + 1}`)],
    [["renderers", mb(used.before), ...used.quarters.map(mb)]]));
  console.log(JSON.stringify({
    format: options.format, bytes, rows, rows_per_s: Math.round(rows / (ms / 1000)), mb_per_s: perSecond(ms),
    import_vs_stream: round(streamMs / ms), renderers_before_mb: mb(used.before), renderers_peak_mb: mb(Math.max(...used.quarters)),
    renderers_peak_mb_by_quarter: used.quarters.map(mb), browser_peak_mb: mb(used.browser),
    stored_mb: mb(stored), stored_vs_file: round(stored / bytes),
  }));
}
