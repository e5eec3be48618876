// Programs that judge a server, as the tests run them.

import { spawn } from "node:child_process";

/** Runs a program to its end, or until `timeout` ms have passed: its exit code or signal, and the last of what it said. */
export function run([program, ...words], more, timeout = 200_000) {
  return new Promise((resolve) => {
    const child = spawn(program, [...words, ...more], { stdio: ["ignore", "pipe", "pipe"], timeout });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => (said = (said + text).slice(-6000)));
    }
    child.on("close", (code, signal) => resolve({ code: code ?? signal, said }));
  });
}
