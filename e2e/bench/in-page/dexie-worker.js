import Dexie from "../node_modules/dexie/dist/dexie.mjs";
import { serveJob, valuesOf } from "./job.js";

const BULK = 1000;

serveJob(async ({ count, valueBytes }) => {
  const db = new Dexie("bench-dexie", { autoOpen: false });
  db.version(1).stores({ records: "++offset" });
  await db.open();
  const rows = valuesOf(count, valueBytes).map((value) => ({ value }));
  const start = performance.now();
  for (let at = 0; at < count; at += BULK) await db.records.bulkAdd(rows.slice(at, at + BULK));
  const elapsed = performance.now() - start;
  if ((await db.records.count()) !== count) throw new Error("records are missing");
  await db.delete();
  return elapsed;
});
