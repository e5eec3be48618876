// The last step of a build: its stamp in index.html, and the service worker that knows every file by its digest.

import { createHash } from "node:crypto";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const STAMP = /(<meta name="headwater-build" content=")[^"]*/;
// Enough for telling versions apart; who could swap files could swap the service worker too.
const DIGITS = 16;

/** Stamps `index.html` of a built folder and writes its `sw.js`. */
export async function writeServiceWorker(folder) {
  const files = await digests(folder);
  const version = createHash("sha256").update(JSON.stringify(files)).digest("hex").slice(0, DIGITS);
  const index = (await readFile(join(folder, "index.html"), "utf8")).replace(STAMP, `$1${version}`);
  await writeFile(join(folder, "index.html"), index);
  files["index.html"] = digest(index);
  await build({
    entryPoints: [fileURLToPath(new URL("sw.js", import.meta.url))],
    outfile: join(folder, "sw.js"),
    bundle: true,
    format: "iife",
    platform: "browser",
    target: "es2022",
    minify: true,
    define: { FILES: JSON.stringify(files), VERSION: JSON.stringify(version) },
    logLevel: "warning",
  });
}

async function digests(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(join(folder, sep).length).split(sep).join("/"))
    .filter((path) => path !== "sw.js")
    .sort();
  return Object.fromEntries(await Promise.all(paths.map(async (path) => {
    const bytes = await readFile(join(folder, path));
    // The stamp of a build before is no part of this one.
    return [path, digest(path === "index.html" ? bytes.toString().replace(STAMP, "$1") : bytes)];
  })));
}

function digest(bytes) {
  return createHash("sha256").update(bytes).digest("hex").slice(0, DIGITS);
}
