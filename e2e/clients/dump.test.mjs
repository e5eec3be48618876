// Apache Kafka's own `kafka-dump-log` over what a server has written to a directory; see README.md.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import kafkajs from "kafkajs";
import { serve } from "../lib/gateway.mjs";

const { CLIENTS_JAVA } = process.env;
const CODECS = ["uncompressed", "gzip", "snappy", "lz4", "zstd"];
const SERVER = ["--listen", "127.0.0.1:0", "--config", "log.segment.bytes=20000"];
/** What the tool says of a file that is not as it should be. */
const WRONG = /mismatch|not consecutive|non-consecutive|invalid bytes|isvalid: false|out of order|not found|corrupt|exception|error/i;

/** Runs the tool; what it said, by file, but for what is wrong with the logs' offsets, which it says at the end. */
async function dump(files, ...flags) {
  const words = ["-XX:TieredStopAtLevel=1", "-cp", CLIENTS_JAVA, "kafka.tools.DumpLogSegments", ...flags, "--files", files.join(",")];
  const { stdout, stderr } = await promisify(execFile)("java", words, { maxBuffer: 1 << 28, timeout: 120_000 });
  // Compaction leaves holes; the tool tells of those in Kafka's own logs too.
  const holes = stderr.replace(/^Non-consecutive offsets in \S+compacted-0\S+\n( {2}\d+ is followed by \d+\n)+/gm, "");
  assert.equal(holes, "");
  const parts = stdout.split(/^Dumping /m).slice(1);
  const said = new Map(parts.map((part) => [part.slice(0, part.indexOf("\n")), part]));
  assert.deepEqual([...said.keys()], files);
  for (const [file, text] of said) assert.doesNotMatch(text.replace(/payload: .*/g, ""), WRONG, `${file}:\n${text.slice(0, 3000)}`);
  return said;
}

/** The log files of a topic's only partition, by ending. */
async function filesOf(folder, topic) {
  const names = (await readdir(join(folder, "0", `${topic}-0`))).sort();
  const ending = (end) => names.filter((name) => name.endsWith(end)).map((name) => join(folder, "0", `${topic}-0`, name));
  return { log: ending(".log"), index: ending(".index"), timeindex: ending(".timeindex"), txnindex: ending(".txnindex"), snapshot: ending(".snapshot") };
}

const records = (count, word, keys = 7) =>
  Array.from({ length: count }, (_, index) => ({ key: `key ${index % keys}`, value: `${word} ${index} `.padEnd(400, "v") }));

/** Two producers whose transactions lie across one another, and one of every third is aborted. */
async function transactions(kafka, topic) {
  const producers = ["one", "two"].map((id) => kafka.producer({ transactionalId: `${topic} ${id}`, maxInFlightRequests: 1, idempotent: true }));
  for (const producer of producers) await producer.connect();
  for (let turn = 0; turn < 30; turn++) {
    const [early, late] = [await producers[turn % 2].transaction(), await producers[(turn + 1) % 2].transaction()];
    await early.send({ topic, messages: records(3, "early") });
    await late.send({ topic, messages: records(4, "late") });
    await early.send({ topic, messages: records(2, "early again") });
    await (turn % 3 === 0 ? early.abort() : early.commit());
    await (turn % 3 === 1 ? late.abort() : late.commit());
  }
  for (const producer of producers) await producer.disconnect();
}

async function fill(kafka) {
  const topic = (name, configs) => ({ topic: name, configEntries: Object.entries(configs).map(([key, value]) => ({ name: key, value })) });
  const compacted = { "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01" };
  const topics = [topic("aborts", {}), topic("compacted", compacted), ...CODECS.map((codec) => topic(codec, { "compression.type": codec }))];
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics });
  await admin.disconnect();
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  for (const codec of CODECS) {
    // Compressed ones need more for a segment.
    for (let turn = 0; turn < 20; turn++) {
      const noise = Array.from({ length: 10 }, () => ({ value: Array.from({ length: 40 }, Math.random).join(" ") }));
      await producer.send({ topic: codec, messages: [...records(5, `turn ${turn}`), ...noise] });
    }
  }
  await producer.disconnect();
  await transactions(kafka, "aborts");
  await transactions(kafka, "compacted");
}

/** The aborted transactions of a dumped log, as its `.txnindex` files have to tell of them; by the file. */
function abortedIn(logs) {
  const open = new Map();
  const found = new Map();
  for (const [file, text] of logs) {
    const rows = [];
    found.set(file.replace(/log$/, "txnindex"), rows);
    for (const line of text.split("\n")) {
      const batch = /^baseOffset: (\d+) lastOffset: (\d+) .*producerId: (-?\d+) .*isTransactional: true isControl: (\w+)/.exec(line);
      if (!batch) continue;
      const [, first, last, producer, isControl] = batch;
      if (isControl === "false") {
        if (!open.has(producer)) open.set(producer, Number(first));
        continue;
      }
      const begun = open.get(producer);
      open.delete(producer);
      rows.push({ producer, first: begun, last: Number(last), stable: Math.min(Number(last) + 1, ...open.values()) });
    }
    const aborts = [...text.matchAll(/offset: (\d+) .*endTxnMarker: ABORT/g)].map(([, offset]) => Number(offset));
    found.set(file.replace(/log$/, "txnindex"), rows.filter(({ last }) => aborts.includes(last)));
  }
  return found;
}

const indexed = (text) =>
  [...text.matchAll(/version: 0 producerId: (\d+) firstOffset: (\d+) lastOffset: (\d+) lastStableOffset: (\d+)/g)].map(
    ([, producer, first, last, stable]) => ({ producer, first: Number(first), last: Number(last), stable: Number(stable) }),
  );

/** Waits until compaction has put copies in the place of segments: what was written is the same as to the other topic. */
async function compacted(folder) {
  const { log: whole } = await filesOf(folder, "aborts");
  while ((await filesOf(folder, "compacted")).log.length >= whole.length) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function everyTopic(folder) {
  const topics = await Promise.all(["aborts", "compacted", ...CODECS].map(async (topic) => [topic, await filesOf(folder, topic)]));
  const all = (ending) => topics.flatMap(([, files]) => files[ending]);
  for (const [topic, { log, index, timeindex, snapshot }] of topics) {
    assert.ok(log.length > 1, `${topic} has ${log.length} segments`);
    assert.deepEqual([index.length, timeindex.length], [log.length - 1, log.length - 1], topic);
    assert.ok(snapshot.length > 0, `${topic} has a snapshot`);
  }
  const logs = await dump(all("log"), "--deep-iteration", "--print-data-log");
  const told = await dump(["index", "timeindex", "txnindex", "snapshot"].flatMap(all));
  for (const [file, text] of await dump(all("index"), "--index-sanity-check")) assert.match(text, /passed sanity check|is empty/, file);
  for (const file of all("snapshot")) assert.match(told.get(file), /producerId: \d+ .*lastSequence: -?\d+ lastOffset: -?\d+ offsetDelta: \d+/, file);
  const [, { log: segments, txnindex }] = topics[0];
  const expected = abortedIn(new Map(segments.slice(0, -1).map((file) => [file, logs.get(file)])));
  for (const [file, rows] of expected) assert.deepEqual(indexed(told.get(file) ?? ""), rows, basename(file));
  assert.ok(txnindex.length > 1, `${txnindex.length} segments have aborted transactions`);
}

test("Kafka's own tool finds nothing wrong in a directory", { timeout: 300_000, skip: !CLIENTS_JAVA && "it needs Java and Maven" }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "headwater-dump-"));
  const start = (backoff) => serve([...SERVER, "--storage", `dir:${folder}`, "--config", `log.cleaner.backoff.ms=${backoff}`]);
  let server = await start(50);
  try {
    await fill(new kafkajs.Kafka({ brokers: server.addresses, logLevel: kafkajs.logLevel.NOTHING, retry: { initialRetryTime: 50, retries: 10 } }));
    await compacted(folder);
    await server.stop();
    // It may have been at a copy: the next start makes the indexes that this one lacks.
    server = await start(3_600_000);
    await server.stop();
    await everyTopic(folder);
  } finally {
    server.kill();
    await rm(folder, { recursive: true, force: true });
  }
});
