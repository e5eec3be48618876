// Chromium with a profile on disk. Contexts without one keep IndexedDB in memory, where nothing can be said about
// durability or speed.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { chromium } from "playwright-core";

const ARGUMENTS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

/** A browser's profile: a new folder, removed in the end. */
export async function newProfile() {
  const folder = await mkdtemp(join(tmpdir(), "headwater-profile-"));
  return { folder, remove: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }) };
}

/**
 * Starts Chromium on a profile.
 *
 * `errors` of the result collects what any page or worker reports as an error: exceptions nobody caught, and what is
 * written to the console as one. A test asserts that it is empty.
 */
export async function launch(profile, options = {}) {
  const context = await chromium.launchPersistentContext(profile.folder, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ARGUMENTS,
    headless: true,
    viewport: { width: 1280, height: 900 },
    ...options,
  });
  const errors = [];
  // A busy machine is slow, not wrong.
  context.setDefaultTimeout(90_000);
  context.on("console", (message) => {
    if (message.type() === "error") errors.push(`console: ${message.text()} (${message.location().url})`);
  });
  context.on("weberror", (error) => errors.push(`page: ${error.error().stack ?? error.error()}`));
  context.on("page", (page) => page.on("crash", () => errors.push("a page crashed")));
  const processes = await processIds(context);
  return {
    context,
    errors,
    version: context.browser()?.version(),
    page: () => context.newPage(),
    close: () => context.close(),
    kill: () => kill(context, processes),
  };
}

async function processIds(context) {
  const session = await context.browser().newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  return processInfo.filter(({ type }) => type === "browser").map(({ id }) => id);
}

/** Kills the browser as a crash or a power cut of the machine would: it writes nothing more. */
async function kill(context, processes) {
  const closed = new Promise((resolve) => context.once("close", resolve));
  for (const id of processes) process.kill(id, "SIGKILL");
  await closed;
  // Its other processes notice and end by themselves; until then they hold files of the profile open.
  await delay(500);
}
