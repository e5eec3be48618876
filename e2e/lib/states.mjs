// The main states of the page, one after the other: for what has to hold in each of them.

import { inspect } from "./inspector.mjs";

/** The states in the order in which a page goes through them: a name, and what brings it there from the one before. */
export const STATES = {
  empty: async (playground) => playground.id("show-me").waitFor(),
  running: async (playground) => {
    await playground.id("show-me").click();
    await playground.page.locator('[data-key^="consumer"]').nth(1).waitFor();
    await playground.read({ topic: "vehicles", partition: 0 });
  },
  unfolded: (playground) => playground.page.evaluate(() => document.querySelectorAll("details").forEach((part) => { part.open = true; })),
  inspector: (playground) => inspect(playground, "go-topic-vehicles"),
  paused: async (playground) => {
    await playground.id("pause").click();
    await playground.id("step").click();
  },
  "broker down": async (playground) => {
    await playground.id("pause").click();
    await playground.id("terminate-worker-1").click();
    await playground.page.locator('[data-testid="broker-row-1"][data-state="stopped"]').waitFor();
    // The picture follows with the next thing that brokers say.
    await playground.page.locator('[data-key="broker 1"]:not([data-state="running"])').waitFor();
  },
  lessons: async (playground) => {
    await playground.id("start-worker-1").click();
    await playground.running();
    await playground.id("lessons-open").click();
    await playground.id("lesson-start-first-stream").waitFor();
  },
  lesson: (playground) => playground.id("lesson-start-first-stream").click(),
  code: async (playground) => {
    await playground.id("code").click();
    await playground.id("code-editor").waitFor();
  },
};
