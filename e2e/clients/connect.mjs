// Kafka Connect: two workers of one group carry a file's lines through a topic into another file, each line once, while one of
// the workers is killed. `again` finds the connectors in their compacted topics, and resets the offsets of both.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const [servers, part, folder] = process.argv.slice(2);
const { CLIENTS_JAVA } = process.env;
const MAIN = "org.apache.kafka.connect.cli.ConnectDistributed";
const [input, output] = ["connect.in", "connect.out"].map((name) => join(folder, name));
const lines = (from, to) => Array.from({ length: to - from }, (_, index) => `line ${from + index}`);
const workers = [];

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function properties(port) {
  const stores = ["offset", "config", "status"].flatMap((store) => [
    [`${store}.storage.topic`, `connect-${store}`],
    [`${store}.storage.replication.factor`, 1],
  ]);
  return Object.entries({
    "bootstrap.servers": servers,
    "group.id": "connect",
    listeners: `http://127.0.0.1:${port}`,
    "key.converter": "org.apache.kafka.connect.storage.StringConverter",
    "value.converter": "org.apache.kafka.connect.storage.StringConverter",
    "exactly.once.source.support": "enabled",
    "offset.flush.interval.ms": 300,
    "offset.storage.partitions": 3,
    "scheduled.rebalance.max.delay.ms": 500,
    "session.timeout.ms": 2000,
    "heartbeat.interval.ms": 300,
    "plugin.discovery": "service_load",
    ...Object.fromEntries(stores),
  }).map((pair) => pair.join("="));
}

/** Starts a worker, which answers at `url` some time later. */
async function start() {
  const port = await freePort();
  const file = join(folder, `connect-${port}.properties`);
  await writeFile(file, properties(port).join("\n"));
  const child = spawn("java", ["-XX:TieredStopAtLevel=1", "-cp", CLIENTS_JAVA, MAIN, file], { stdio: ["ignore", "inherit", "inherit"] });
  const worker = { child, url: `http://127.0.0.1:${port}`, ended: new Promise((resolve) => child.once("exit", resolve)) };
  workers.push(worker);
  return worker;
}

/** Waits until `ask` gives something that is true, also when it throws in between. */
async function until(what, ask) {
  const end = Date.now() + 120_000;
  let last;
  while (Date.now() < end) {
    const found = await Promise.resolve().then(ask).catch((error) => void (last = error));
    if (found) return found;
    await sleep(100);
  }
  throw new Error(`waited too long for ${what}`, { cause: last });
}

/** Asks a worker; what it refuses for now (a rebalance goes on) is asked again. */
function rest(worker, method, path, body) {
  return until(`${method} ${path}`, async () => {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(worker.url + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${answer.status}: ${text}`);
    return text ? JSON.parse(text) : true;
  });
}

const written = async () => (await readFile(output, "utf8").catch(() => "")).trim().split("\n");

async function arrives(wanted) {
  await until(`${wanted.length} lines`, async () => (await written()).length >= wanted.length);
  assert.deepEqual(await written(), wanted);
}

const running = async (worker) => {
  const all = Object.values(await rest(worker, "GET", "/connectors?expand=status"));
  const tasks = all.flatMap(({ status }) => status.tasks);
  return tasks.length === 2 && tasks.every(({ state }) => state === "RUNNING") && tasks;
};

async function first() {
  const [one, two] = [await start(), await start()];
  await writeFile(input, lines(0, 50).join("\n") + "\n");
  const file = "org.apache.kafka.connect.file.FileStream";
  const source = { "connector.class": `${file}SourceConnector`, "tasks.max": "1", file: input, topic: "connect-lines" };
  const sink = { "connector.class": `${file}SinkConnector`, "tasks.max": "1", file: output, topics: "connect-lines" };
  await rest(one, "GET", "/connectors");
  await rest(two, "GET", "/connectors");
  await rest(one, "PUT", "/connectors/source/config", source);
  await rest(two, "PUT", "/connectors/sink/config", sink);
  await arrives(lines(0, 50));
  const tasks = await until("both tasks", () => running(one));
  const shared = new Set(tasks.map(({ worker_id: id }) => id)).size;
  assert.equal(shared, 2, "both workers have a task");
  one.child.kill("SIGKILL");
  await appendFile(input, lines(50, 100).join("\n") + "\n");
  await until("all lines", async () => new Set(await written()).size === 100);
}

async function again() {
  const worker = await start();
  await appendFile(input, lines(100, 120).join("\n") + "\n");
  await until("lines after a restart", async () => new Set(await written()).size === 120);
  // A sink may write a line twice when its worker is killed; in the topic each is there once, whoever was killed.
  await readAnew(worker, "sink");
  await arrives(lines(0, 120));
  await readAnew(worker, "source");
  await arrives([...lines(0, 120), ...lines(0, 120)]);
  for (const name of ["source", "sink"]) await rest(worker, "DELETE", `/connectors/${name}`);
  assert.deepEqual(await rest(worker, "GET", "/connectors"), []);
}

/** Has a connector forget how far it was: a source in its file, a sink in the topic, into an empty file. */
async function readAnew(worker, name) {
  await rest(worker, "PUT", `/connectors/${name}/stop`);
  await rest(worker, "DELETE", `/connectors/${name}/offsets`);
  if (name === "sink") await writeFile(output, "");
  await rest(worker, "PUT", `/connectors/${name}/resume`);
}

try {
  await (part === "first" ? first() : again());
  // Ends as a person would have it: members leave, and what is under way is committed.
  for (const { child } of workers) child.kill("SIGTERM");
  await Promise.all(workers.map(({ ended }) => ended));
} finally {
  for (const { child } of workers) child.kill("SIGKILL");
}
