// `headwater serve` as tests and benches start it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** Starts a server; resolves when it has said that it is ready. `addresses` are its brokers', `ui` is where its page is, if it has one. */
export async function serve(words) {
  const started = process.hrtime.bigint();
  const child = spawn(process.env.HEADWATER, ["serve", ...words], { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (log = (log + text).slice(-20_000)));
  const ended = once(child, "exit");
  const line = await Promise.race([
    once(createInterface({ input: child.stdout }), "line").then(([text]) => text),
    ended.then(([code]) => Promise.reject(new Error(`the server has ended with ${code}: ${log}`))),
  ]);
  const addresses = /ready on ([^;]*)/.exec(line)[1].split(", ");
  return {
    addresses,
    ui: /the page on (\S+)/.exec(line)?.[1],
    pid: child.pid,
    readyMs: Number(process.hrtime.bigint() - started) / 1e6,
    log: () => log,
    async stop() {
      child.kill("SIGTERM");
      const [code] = await ended;
      if (code !== 0) throw new Error(`the server has ended with ${code}: ${log}`);
    },
    kill() {
      child.kill("SIGKILL");
    },
  };
}
