// Bundles what of the page is JavaScript: `node build.mjs FOLDER`. Each entry is one file; what is not needed for the first
// picture is an entry of its own, which its users load by a path relative to theirs.

import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";
import { bundleKafkaJs } from "./kafkajs.mjs";
import { compileLessons } from "./tutorials.mjs";
import { writeServiceWorker } from "./offline/build.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const folder = process.argv[2];
// `boot` is what the first picture needs, out of these folders too; each of the others is loaded when it is wanted, with a table
// of words and a style sheet of its own.
const EAGER = ["stage", "time"];
const LAZY = ["picture", "figures", "panels", "inspect", "code", "lessons", "gateway", "share", "errors"];
const LANGUAGES = ["en", "zh"];
/** Where the words of what is Rust are: its folder of strings is beside this one. */
const PAGE = "..";

const entries = { boot: here("boot.js"), ...Object.fromEntries(LAZY.map((name) => [name, here(`${name}/${name}.js`)])) };
const read = new Map();
const words = async (part, language) => {
  const path = `${part}/strings/${language}.json`;
  if (!read.has(path)) read.set(path, JSON.parse(await readFile(here(path))));
  return read.get(path);
};
const allWords = async (parts, language) => Object.assign({}, ...(await Promise.all(parts.map((part) => words(part, language)))));
const styles = (paths) => Promise.all(paths.filter((path) => existsSync(path)).map((path) => readFile(path, "utf8")));

const OPTIONS = {
  bundle: true, format: "esm", platform: "browser", target: "es2022", minify: true, legalComments: "none", logLevel: "warning",
};
await build({ ...OPTIONS, entryPoints: entries, outdir: folder });
await bundleKafkaJs(folder, OPTIONS);

const minified = async (paths) => (await transform((await styles(paths)).join("\n"), { loader: "css", minify: true })).code;
await writeFile(join(folder, "style.css"), await minified([here("../static/style.css"), ...EAGER.map((name) => here(`${name}/style.css`))]));
for (const name of LAZY) await writeFile(join(folder, `${name}.css`), await minified([here(`${name}/style.css`)]));

// The words of what is Rust go by their place in the table, those of what is JavaScript by their keys.
await mkdir(join(folder, "strings"), { recursive: true });
for (const language of LANGUAGES) {
  const write = (name, table) => writeFile(join(folder, `strings/${name}.json`), JSON.stringify(table));
  await write(language, { page: Object.values(await words(PAGE, language)), modules: await allWords([".", ...EAGER], language) });
  for (const name of LAZY) await write(`${name}.${language}`, await words(name, language));
}

// What wasm-bindgen wrote beside the modules: a quarter of it are comments and blanks.
for (const name of ["app.js", "worker_bindgen.js"].map((name) => join(folder, name)).filter((path) => existsSync(path))) {
  const { code } = await transform(await readFile(name, "utf8"), { loader: "js", format: "esm", target: "es2022", minify: true });
  await writeFile(name, code);
}

const everyWord = {};
for (const language of LANGUAGES) everyWord[language] = await allWords([PAGE, ".", ...EAGER, ...LAZY], language);
await compileLessons(here("../../tutorials"), join(folder, "lessons"), everyWord);
// Last, as it has to know every other file.
await writeServiceWorker(folder);
