// Every client against every kind of server; see README.md.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { serve } from "../lib/gateway.mjs";
import { run } from "./run.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const { CLIENTS_PYTHON, CLIENTS_JAVA, CLIENTS_KCAT } = process.env;
// What a machine does not have is left out, and whoever set this up has said so.
const CLIENTS = Object.entries({
  KafkaJS: [process.execPath, here("kafkajs.mjs")],
  "confluent-kafka": CLIENTS_PYTHON && [CLIENTS_PYTHON, here("confluent.py")],
  "kafka-python": CLIENTS_PYTHON && [CLIENTS_PYTHON, here("kafka_python.py")],
  kcat: CLIENTS_KCAT && [process.execPath, here("kcat.mjs")],
  "Java client": CLIENTS_JAVA && ["java", "-XX:TieredStopAtLevel=1", "-cp", CLIENTS_JAVA, "Scenario"],
}).filter(([, command]) => command);
const CONFIGS = [
  "group.initial.rebalance.delay.ms=0",
  "group.min.session.timeout.ms=1000",
  // The records have times of long ago, and the first look for old ones comes half a minute after the start.
  "log.retention.ms=-1",
];

/** All clients at once; each has topics and groups of its own. */
async function everyClient(t, server, part) {
  const servers = server.addresses.join(",");
  const started = Date.now();
  const outcomes = CLIENTS.map(([name, command]) =>
    t.test(`${name}, ${part}`, async () => {
      const { code, said } = await run(command, [servers, part]);
      assert.equal(code, 0, `${name}:\n${said}\nserver:\n${server.log().slice(-3000)}`);
    }),
  );
  await Promise.all(outcomes);
  t.diagnostic(`${part}: ${CLIENTS.length} clients in ${Date.now() - started} ms`);
}

for (const storage of ["memory", "directory"]) {
  for (const brokers of [1, 3]) {
    test(`${storage}, ${brokers} broker${brokers > 1 ? "s" : ""}`, { concurrency: true, timeout: 300_000 }, async (t) => {
      const folder = await mkdtemp(join(tmpdir(), "headwater-clients-"));
      const words = CONFIGS.flatMap((config) => ["--config", config]);
      if (storage === "directory") words.push("--storage", `dir:${folder}`);
      let listen = Array(brokers).fill("127.0.0.1:0");
      const start = () => serve([...listen.flatMap((address) => ["--listen", address]), ...words]);
      let server = await start();
      try {
        await everyClient(t, server, "first");
        if (storage === "directory") {
          await server.stop();
          // On the same ports, as a server that is upgraded would be.
          listen = server.addresses;
          server = await start();
          await everyClient(t, server, "again");
        }
        await server.stop();
      } finally {
        server.kill();
        await rm(folder, { recursive: true, force: true });
      }
    });
  }
}
