// How much memory a browser's processes have, by what Linux tells of them.

import { readFileSync } from "node:fs";

const EVERY_MS = 200;
const PARTS = 4;

/** The bytes of a process that are in memory; none where it has ended. */
function resident(id) {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${id}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/**
 * Looks at the memory of a browser's processes until `end()`, which gives, in bytes: what all renderers had `before`, the most
 * that they had in each of the `quarters` of the time, and the most of the `browser`'s own process.
 */
export async function watchMemory({ context }) {
  const session = await context.browser().newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const look = (kind) => processInfo.filter(({ type }) => type === kind).reduce((sum, { id }) => sum + resident(id), 0);
  const samples = [{ renderers: look("renderer"), browser: look("browser") }];
  const timer = setInterval(() => samples.push({ renderers: look("renderer"), browser: look("browser") }), EVERY_MS);
  return {
    end() {
      clearInterval(timer);
      samples.push({ renderers: look("renderer"), browser: look("browser") });
      const most = (some, of) => Math.max(...some.map(of));
      const quarter = (index) => samples.slice(Math.floor((samples.length * index) / PARTS), Math.ceil((samples.length * (index + 1)) / PARTS));
      return {
        before: samples[0].renderers, browser: most(samples, ({ browser }) => browser),
        quarters: Array.from({ length: PARTS }, (_, index) => most(quarter(index), ({ renderers }) => renderers)),
      };
    },
  };
}
