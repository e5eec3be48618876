// cargo xtask bench gateway [--rounds 3] [--scale 1] [--only memory,directory,kafka]
//
// headwater with memory and with a directory, and Apache Kafka, one after the other, each asked the same by one client
// (librdkafka): figures are the medians of the rounds. Both leave it to the system when what was written reaches the medium,
// which is Kafka's default. stdout ends with one JSON object; the same with all rounds lies in results/.

import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { serve } from "../lib/gateway.mjs";
import { startKafka } from "./gateway/kafka.mjs";
import { startHeadwater } from "./gateway/process.mjs";
import { median, percentile, table } from "./report.mjs";

const { HEADWATER_ECHO, CLIENTS_PYTHON, CLIENTS_JARS } = process.env;
const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    scale: { type: "string", default: "1" },
    only: { type: "string", default: "memory,directory,kafka" },
  },
});
const PARTITIONS = 4;
const LATENCY_RECORDS = 2000;
const SIZES = [[100, 1_000_000], [1024, 200_000]].map(([size, count]) => ({ size, count: Math.ceil((count * options.scale) / 40_000) * 40_000 }));
const ACKS = ["1", "all"];
const only = options.only.split(",");
const STARTS = {
  memory: () => startHeadwater("memory"),
  directory: () => startHeadwater("directory"),
  kafka: () => startKafka(CLIENTS_JARS),
};
const failures = {};
const rounds = [];

/** The client's process, and a function that has it do something. */
function client() {
  const child = spawn(CLIENTS_PYTHON, [fileURLToPath(new URL("gateway/client.py", import.meta.url))], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (what) => {
    child.stdin.write(`${JSON.stringify(what)}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error(`the client has ended while it did ${JSON.stringify(what)}`);
    return JSON.parse(value);
  };
  return { ask, end: () => child.stdin.end() };
}

/** All that one server is asked. */
async function measure(name, round) {
  const server = await STARTS[name]();
  const result = { startMs: server.startMs, idleMb: server.mb(), produce: {}, consume: {}, latency: {} };
  const { ask, end } = client();
  try {
    const servers = server.addresses[0];
    // Something to warm up on, for a server that compiles while it runs.
    await ask({ do: "produce", servers, topic: "warm", partitions: PARTITIONS, size: 100, count: 200_000, acks: "1" });
    for (const { size, count } of SIZES) {
      for (const acks of ACKS) {
        const topic = `t-${size}-${acks}`;
        const produced = await ask({ do: "produce", servers, topic, partitions: PARTITIONS, size, count, acks });
        result.produce[`${size} ${acks}`] = count / produced.seconds;
        const consumed = await ask({ do: "consume", servers, topic, partitions: PARTITIONS, size, count });
        (result.consume[size] ??= []).push(count / consumed.seconds);
      }
    }
    for (const acks of ACKS) {
      const { times } = await ask({ do: "latency", servers, topic: `one-${acks}`, count: LATENCY_RECORDS, acks });
      result.latency[acks] = quantiles(times);
    }
    result.loadedMb = server.mb();
  } finally {
    end();
    await server.stop();
  }
  console.log(`round ${round}: ${name} done`);
  return result;
}

const quantiles = (times) => ({ p50: percentile(times, 0.5), p99: percentile(times, 0.99), p999: percentile(times, 0.999) });

async function echo() {
  const before = process.env.HEADWATER;
  process.env.HEADWATER = HEADWATER_ECHO;
  const server = await serve([]).finally(() => (process.env.HEADWATER = before));
  const { ask, end } = client();
  const { times } = await ask({ do: "echo", address: server.addresses[0], count: LATENCY_RECORDS });
  end();
  server.kill();
  return quantiles(times);
}

for (let round = 1; round <= Number(options.rounds); round++) {
  const names = Object.keys(STARTS).filter((name) => only.includes(name) && !failures[name]);
  const results = { echo: await echo() };
  // What comes later finds another machine: the order turns with every round.
  for (const name of round % 2 === 1 ? names : names.reverse()) {
    try {
      if (name === "kafka" && !CLIENTS_JARS) throw new Error("its jars could not be had from Maven Central");
      results[name] = await measure(name, round);
    } catch (error) {
      failures[name] = String(error.message ?? error).split("\n")[0];
    }
  }
  rounds.push(results);
}
await report();

async function report() {
  const of = (name, pick) => median(rounds.map((round) => (round[name] ? pick(round[name]) : null)));
  const produced = (name, cell) => of(name, ({ produce }) => produce[cell]);
  const consumed = (name, size) => of(name, ({ consume }) => median(consume[size]));
  const waited = (name, acks, part) => of(name, ({ latency }) => latency[acks][part]);
  const cells = SIZES.flatMap(({ size }) => ACKS.map((acks) => `${size} ${acks}`));
  const servers = ["memory", "directory", "kafka"];
  const rows = [
    ...cells.map((cell) => [`produce, ${cell.replace(" ", " bytes, acks=")}`, ...servers.map((name) => whole(produced(name, cell)))]),
    ...SIZES.map(({ size }) => [`consume, ${size} bytes`, ...servers.map((name) => whole(consumed(name, size)))]),
  ];
  const latencies = ACKS.flatMap((acks) => ["p50", "p99", "p999"].map((part) => [`acks=${acks}, ${part}`, ...servers.map((name) => round3(waited(name, acks, part))), round3(of("echo", (times) => times[part]))]));
  const others = [["start to first answer, ms", "startMs"], ["memory idle, MB", "idleMb"], ["memory loaded, MB", "loadedMb"]];
  const ratios = (pairs) => pairs.filter(([, kafka]) => kafka).map(([own, kafka]) => own / kafka);
  const lowest = (pairs) => (ratios(pairs).length > 0 ? round3(Math.min(...ratios(pairs))) : null);
  const highest = (pairs) => (ratios(pairs).length > 0 ? round3(Math.max(...ratios(pairs))) : null);
  const both = (pick) => ["directory", "kafka"].map(pick);
  const result = {
    produce_records_per_s: whole(produced("directory", "100 all")),
    consume_records_per_s: whole(consumed("directory", 100)),
    // With a directory, as Kafka has one; where there are several cells, the one that is worst for us.
    produce_vs_kafka: lowest(cells.map((cell) => both((name) => produced(name, cell)))),
    consume_vs_kafka: lowest(SIZES.map(({ size }) => both((name) => consumed(name, size)))),
    p99_vs_kafka: highest(ACKS.map((acks) => both((name) => waited(name, acks, "p99")))),
    p99_over_echo_ms: round3(waited("directory", "all", "p99") - of("echo", ({ p99 }) => p99)),
    start_ms: round3(of("directory", ({ startMs }) => startMs)),
    idle_mb: round3(of("directory", ({ idleMb }) => idleMb)),
    loaded_mb: round3(of("directory", ({ loadedMb }) => loadedMb)),
  };
  console.log(`\n${cpus().length} × ${cpus()[0].model}; medians of ${rounds.length} rounds, ${PARTITIONS} partitions`);
  console.log(`${SIZES.map(({ size, count }) => `${count} records of ${size} bytes`).join(", ")}; latency of ${LATENCY_RECORDS} records of 100 bytes\n`);
  console.log(table(["records/s", "memory", "directory", "Kafka"], rows));
  console.log(table(["one record, ms", "memory", "directory", "Kafka", "TCP echo"], latencies));
  console.log(table(["", "memory", "directory", "Kafka"], others.map(([label, key]) => [label, ...servers.map((name) => round3(of(name, (one) => one[key])))])));
  for (const [name, reason] of Object.entries(failures)) console.log(`not run: ${name}: ${reason}`);
  const all = { at: new Date().toISOString(), cpus: cpus().length, options, result, failures, rounds };
  const folder = new URL("results/", import.meta.url);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL("gateway.json", folder), `${JSON.stringify(all, null, 2)}\n`);
  console.log(JSON.stringify(result));
}

function whole(number) {
  return number === null ? null : Math.round(number);
}

function round3(number) {
  return number === null || Number.isNaN(number) ? null : Math.round(number * 1000) / 1000;
}
