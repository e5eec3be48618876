// KafkaJS in the page: one file for the sandbox, to which it is handed as text, and for lessons, which import it. Either way it
// leaves what it exports under a name that is global, and what is bundled beside it takes that from there.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { options } from "../../js/kafkajs/bundle.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const NAME = "globalThis.headwaterKafkaJs";
const ENTRY = "../../js/kafkajs/browser.mjs";
const { metafile } = await build({ entryPoints: [here(ENTRY)], write: false, metafile: true, format: "esm" });
const [{ exports }] = Object.values(metafile.outputs);

/** In the place of KafkaJS: what the file has left, which is nobody else's business. */
const taken = {
  name: "kafkajs-that-is-there",
  setup(builder) {
    builder.onResolve({ filter: /kafkajs\/browser\.mjs$/ }, () => ({ path: "kafkajs", namespace: "taken" }));
    builder.onLoad({ filter: /.*/, namespace: "taken" }, () => ({
      contents: `export const { ${exports.join(", ")} } = ${NAME}; delete ${NAME};`,
    }));
  },
};

/** Writes `kafkajs.js`; `sandbox.js`, which stands behind it in one script; and `lessons-kafka.js`, imported after it. */
export async function bundleKafkaJs(folder, shared) {
  const write = (name, how) => build({ ...how, outfile: join(folder, name), legalComments: "none" });
  const beside = (entry) => ({ ...shared, entryPoints: [here(entry)], plugins: [taken] });
  const left = { contents: `import * as all from ${JSON.stringify(here(ENTRY))}; ${NAME} = all;`, resolveDir: here(".") };
  await Promise.all([
    write("kafkajs.js", { ...options({ packages: here("node_modules") }), entryPoints: undefined, stdin: left, format: "iife" }),
    write("sandbox.js", { ...beside("code/sandbox/worker.js"), format: "iife" }),
    write("lessons-kafka.js", beside("lessons/kafka.js")),
  ]);
}
