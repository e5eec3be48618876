// How a bundler makes of KafkaJS one module for a page: what Node has and a page has not is replaced by shims/.

import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const SHIMS = {
  assert: "assert.cjs", crypto: "crypto.mjs", net: "net.mjs", tls: "tls.mjs", util: "util.mjs", zlib: "zlib.mjs",
};

/**
 * Options for esbuild. `packages` is the folder (`node_modules`) with `kafkajs`, `buffer` and `events`; `entry` is what to
 * bundle, KafkaJS and its connector alone if nothing is said.
 */
export function options({ packages, outfile, entry = here("browser.mjs") }) {
  return {
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    minify: true,
    nodePaths: [packages],
    alias: Object.fromEntries(Object.entries(SHIMS).map(([name, file]) => [name, here(`shims/${file}`)])),
    inject: [here("shims/globals.mjs")],
    define: { global: "globalThis" },
    logLevel: "warning",
  };
}
