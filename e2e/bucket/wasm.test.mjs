// The library for buckets as wasm in Node, over fetch, on an S3 that `cargo xtask test bucket` starts.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const folder = process.env.HEADWATER_WASM;
const bucket = new URL(process.env.HEADWATER_BUCKET);
const { append_and_read, initSync } = await import(pathToFileURL(join(folder, "bucket.js")));
initSync({ module: await readFile(join(folder, "bucket_bg.wasm")) });

/** The URL with another path or other options. */
function changed(path, options = {}) {
  const url = new URL(bucket);
  url.pathname = path;
  for (const [name, value] of Object.entries(options)) url.searchParams.set(name, value);
  return url.href;
}

test("what a wasm module appends to a bucket it reads back", async () => {
  const count = 20;
  const lines = await append_and_read(changed("/wasm"), count);
  for (const partition of [0, 1]) {
    const expected = Array.from({ length: count }, (_, n) => `${partition} ${n} append ${n}`);
    assert.deepEqual(lines.filter((line) => line.startsWith(`${partition} `)), expected);
  }
  assert.equal(lines.length, 2 * count);
  const more = await append_and_read(changed("/wasm"), 1);
  assert.equal(more.length, 2 * count + 2);
  assert.ok(more.includes(`1 ${count} append 0`), "a second run goes on where the first ended");
});

test("a bucket that is not there and a server that is not there are told apart", async () => {
  const missing = changed("/wasm").replace("//race/", "//no-such-bucket/");
  await assert.rejects(append_and_read(missing, 1), /does not exist: NoSuchBucket/);
  const nobody = changed("/wasm", { endpoint: "http://127.0.0.1:9" });
  await assert.rejects(append_and_read(nobody, 1), /cannot be reached/);
});
