import init, * as wasm from "../worker_bindgen.js";
import { serveJob } from "./job.js";

// Only what the module exports is wanted, neither of its roles.
globalThis.headwaterManual = true;
await init();
serveJob(({ name, args }) => wasm[name](...args));
