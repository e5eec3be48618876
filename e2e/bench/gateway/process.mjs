// Servers as the bench looks at them from outside.

import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serve } from "../../lib/gateway.mjs";

/** ApiVersions, version 0, behind its length. */
const ASK = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff]);

/** Memory that a process has, in MB. */
export function residentMb(pid) {
  const [, kb] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(kb) / 1024;
}

function asked(address) {
  const [host, port] = address.split(":");
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), noDelay: true });
    socket.once("connect", () => socket.write(ASK));
    socket.once("data", () => {
      socket.destroy();
      resolve();
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("it has closed the connection")));
  });
}

/** Resolves with the first answer. */
export async function answers(address, patienceMs) {
  for (const started = Date.now(); ; ) {
    try {
      return await asked(address);
    } catch (error) {
      if (Date.now() - started > patienceMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

/** Starts headwater with `memory` or a directory of its own; resolves when it has answered. */
export async function startHeadwater(kind) {
  const folder = kind === "directory" && (await mkdtemp(join(tmpdir(), "headwater-bench-")));
  const started = process.hrtime.bigint();
  const server = await serve(["--listen", "127.0.0.1:0", "--storage", folder ? `dir:${folder}` : "memory"]);
  await answers(server.addresses[0], 10_000);
  return {
    addresses: server.addresses,
    pid: server.pid,
    startMs: Number(process.hrtime.bigint() - started) / 1e6,
    mb: () => residentMb(server.pid),
    async stop() {
      await server.stop();
      if (folder) await rm(folder, { recursive: true, force: true });
    },
  };
}
