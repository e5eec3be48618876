import { PGlite } from "../node_modules/@electric-sql/pglite/dist/index.js";
import { serveJob, valuesOf } from "./job.js";

const ROWS_A_STATEMENT = 1000;

serveJob(async ({ count, valueBytes }) => {
  const db = await PGlite.create("idb://bench-pglite");
  await db.exec("CREATE TABLE records (position bigserial PRIMARY KEY, value text)");
  const values = valuesOf(count, valueBytes);
  const start = performance.now();
  // One transaction is the fastest it can do; IndexedDB is written once, when it ends.
  await db.transaction(async (tx) => {
    for (let at = 0; at < count; at += ROWS_A_STATEMENT) {
      await tx.query("INSERT INTO records (value) SELECT unnest($1::text[])", [values.slice(at, at + ROWS_A_STATEMENT)]);
    }
  });
  const elapsed = performance.now() - start;
  const { rows } = await db.query("SELECT count(*)::int AS count FROM records");
  if (rows[0].count !== count) throw new Error("records are missing");
  await db.close();
  return elapsed;
});
