// Times crc32c_speed.rs in wasm: node crc32c_speed.mjs PATH_OF_THE_WASM. What it measures stands there.
import { readFileSync } from "node:fs";

const module = await WebAssembly.compile(readFileSync(process.argv[2]));
const imports = {};
for (const { module: from, name } of WebAssembly.Module.imports(module)) (imports[from] ??= {})[name] = () => {};
const { run } = (await WebAssembly.instantiate(module, imports)).exports;

const names = ["byte table", "headwater", "crate crc32c", "copy"];
for (const size of [128, 1024, 16 * 1024, 1024 * 1024]) {
  const rounds = Math.floor((4 << 20) / size);
  const best = names.map(() => Infinity);
  // In turns, so that a busy moment of the machine meets all of them.
  for (let turn = 0; turn < 100; turn++) {
    names.forEach((_, what) => {
      const start = performance.now();
      run(what, size, rounds);
      best[what] = Math.min(best[what], performance.now() - start);
    });
  }
  names.forEach((name, what) => {
    const rate = ((size * rounds) / best[what] / 1e6).toFixed(2);
    console.log(`${String(size).padStart(8)} bytes  ${name.padEnd(12)}  ${rate.padStart(6)} GB/s`);
  });
}
