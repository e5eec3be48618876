// How smooth the page is while it produces as fast as it goes, with the picture on.

import { Playground } from "../lib/playground.mjs";

/** Half as many frames again as a screen shows in this time is what a person sees as a jerk. */
const LATE_MS = 1000 / 60 * 1.5;
const LONG_MS = 50;

/**
 * Produces made-up records in the page and counts its frames meanwhile: `{ records_per_s, whole_records_per_s, frames_per_s, late,
 * long, longest_ms, busy, dots }`. The first rate goes by the import's own clock, as that of the engine without a page does; the
 * second from the click until a person sees that it is done. `late` and `long` are shares of the frames, `busy` is the part of the
 * time that the page's thread was on a processor (also true of a machine that has other work), and `dots` the most that the
 * canvas showed at once.
 */
export async function frames(browser, server, { records, partitions }) {
  const playground = await Playground.open(browser, server, { workers: 2 });
  const { page } = playground;
  await playground.id("source-select").selectOption("synthetic");
  await playground.id("synthetic-records").fill(String(records));
  await playground.id("topic-name").fill("frames");
  await playground.id("partition-count").fill(String(partitions));
  await page.evaluate(count);
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const busy = async () => (await session.send("Performance.getMetrics")).metrics.find(({ name }) => name === "TaskDuration").value;
  const [started, before] = [Date.now(), await busy()];
  await playground.id("produce").click();
  await page.locator('[data-testid="picture"]').scrollIntoViewIfNeeded();
  await playground.imported();
  const passed = (Date.now() - started) / 1000;
  const worked = (await busy()) - before;
  const { times, dots } = await page.evaluate(() => globalThis.__frames);
  const ownMs = await page.evaluate(() => globalThis.headwater.api.clients.imports.at(-1).elapsed_ms);
  await page.close();
  if (dots === 0) throw new Error("nothing moved in the picture");
  const over = (ms) => Math.round((times.filter((time) => time > ms).length / times.length) * 1000) / 1000;
  return {
    records_per_s: Math.round(records / (ownMs / 1000)), whole_records_per_s: Math.round(records / passed),
    frames_per_s: Math.round((times.length / passed) * 10) / 10,
    late: over(LATE_MS), long: over(LONG_MS), longest_ms: Math.round(Math.max(...times)), busy: Math.round((worked / passed) * 1000) / 1000, dots,
  };
}

/** Runs in the page. */
function count() {
  globalThis.__frames = { times: [], dots: 0 };
  let last = performance.now();
  const frame = (now) => {
    globalThis.__frames.times.push(now - last);
    last = now;
    const dots = Number(document.querySelector('[data-testid="moving"]')?.dataset.dots ?? 0);
    globalThis.__frames.dots = Math.max(globalThis.__frames.dots, dots);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}
