// One node of Apache Kafka from Maven Central, in KRaft mode, with its own defaults.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { answers, residentMb } from "./process.mjs";

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}

/** Starts it; resolves when it answers. */
export async function startKafka(jars) {
  const folder = await mkdtemp(join(tmpdir(), "headwater-kafka-"));
  const [port, controller] = [await freePort(), await freePort()];
  const properties = join(folder, "server.properties");
  await writeFile(properties, [
    "process.roles=broker,controller", "node.id=0", "controller.listener.names=CONTROLLER",
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
    `controller.quorum.voters=0@127.0.0.1:${controller}`, `log.dirs=${join(folder, "logs")}`,
    "offsets.topic.replication.factor=1", "transaction.state.log.replication.factor=1",
    "transaction.state.log.min.isr=1", "group.initial.rebalance.delay.ms=0", "",
  ].join("\n"));
  const classes = ["-cp", `${jars}/*`];
  const id = "aGVhZHdhdGVyLWJlbmNoMQ";
  const format = spawnSync("java", [...classes, "kafka.tools.StorageTool", "format", "-t", id, "-c", properties], { encoding: "utf8" });
  if (format.status !== 0) throw new Error(`its storage cannot be made: ${format.stderr ?? format.error}`);
  const started = process.hrtime.bigint();
  const child = spawn("java", ["-Xms1G", "-Xmx1G", "-XX:+UseG1GC", ...classes, "kafka.Kafka", properties], { stdio: "ignore" });
  const ended = once(child, "exit");
  const address = `127.0.0.1:${port}`;
  await Promise.race([answers(address, 60_000), ended.then(([code]) => Promise.reject(new Error(`it has ended with ${code}`)))]);
  return {
    addresses: [address],
    startMs: Number(process.hrtime.bigint() - started) / 1e6,
    mb: () => residentMb(child.pid),
    async stop() {
      child.kill("SIGKILL");
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
