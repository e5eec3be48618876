// node e2e/clients/golden.mjs
//
// Has a new Apache Kafka answer the requests of gateway/tests/golden, whose answers are committed there.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { startKafka } from "../bench/gateway/kafka.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const kafka = await startKafka(process.env.CLIENTS_JARS ?? `${root}target/clients/jars`);
const test = ["test", "--package", "headwater-gateway", "--test", "golden", "answers"];
const env = { ...process.env, HEADWATER_CAPTURE: kafka.addresses[0] };
const { status } = spawnSync("cargo", test, { cwd: root, env, stdio: "inherit" });
await kafka.stop();
process.exitCode = status ?? 1;
