// The scenario with kcat: librdkafka as Debian has it, on the command line.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";

const [servers, part] = process.argv.slice(2);
const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"];

function kcat(input, ...words) {
  const { status, stdout, stderr } = spawnSync("kcat", ["-b", servers, ...words], { input, encoding: "utf8", timeout: 60_000 });
  assert.equal(status, 0, `kcat ${words.join(" ")}: ${stderr}`);
  return stdout;
}

if (part === "first") {
  for (const codec of CODECS) {
    const lines = Array.from({ length: 50 }, (_, index) => `${codec}:${index}\n`).join("");
    kcat(lines, "-P", "-t", "kcat", "-K", ":", "-z", codec, "-H", "from=kcat", "-X", "acks=all");
  }
}
const lines = kcat("", "-C", "-t", "kcat", "-e", "-q", "-o", "beginning", "-f", "%k:%s:%h\\n").trim().split("\n");
assert.equal(lines.length, 50 * CODECS.length);
for (const codec of CODECS) {
  const own = lines.filter((line) => line.startsWith(`${codec}:`));
  assert.deepEqual(own, Array.from({ length: 50 }, (_, index) => `${codec}:${index}:from=kcat`));
}
const { topics, brokers } = JSON.parse(kcat("", "-L", "-J"));
assert.ok(topics.some(({ topic }) => topic === "kcat"));
assert.equal(brokers.length, servers.split(",").length);
