// Where the browser keeps how far the learner is, and what of it is known without the lessons.

import { recall } from "../storage.js";

/** The key of it all, which `Progress` reads and writes. */
export const KEY = "headwater.lessons";

/** The lesson that was open when the page was left, "" for the list of them; undefined when none was. */
export function openLesson() {
  try {
    return JSON.parse(recall(KEY))?.open ?? undefined;
  } catch {
    return undefined; // Nothing is kept, or what somebody else wrote.
  }
}
