// Kafka Streams and Kafka Connect against three brokers with a directory, which are started anew in between; see README.md.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { serve } from "../lib/gateway.mjs";
import { run } from "./run.mjs";

const { CLIENTS_JAVA } = process.env;
const SERVER = ["--config", "group.initial.rebalance.delay.ms=0", "--config", "group.min.session.timeout.ms=1000"];
const FRAMEWORKS = {
  "Kafka Streams": ["java", "-XX:TieredStopAtLevel=1", "-cp", CLIENTS_JAVA, "Streams"],
  "Kafka Connect": [process.execPath, fileURLToPath(new URL("connect.mjs", import.meta.url))],
};

const left = CLIENTS_JAVA ? false : "the jars of Apache Kafka are not there";

test("Kafka Streams and Connect on three brokers", { concurrency: true, timeout: 500_000, skip: left }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "headwater-frameworks-"));
  let listen = Array(3).fill("127.0.0.1:0");
  try {
    for (const part of ["first", "again"]) {
      const server = await serve([...listen.flatMap((address) => ["--listen", address]), ...SERVER, "--storage", `dir:${folder}`]);
      const judged = Object.entries(FRAMEWORKS).map(([name, command]) =>
        t.test(`${name}, ${part}`, async () => {
          const { code, said } = await run(command, [server.addresses.join(","), part, folder]);
          assert.equal(code, 0, `${name}:\n${said}\nserver:\n${server.log().slice(-3000)}`);
        }),
      );
      await Promise.all(judged);
      listen = server.addresses;
      await server.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
