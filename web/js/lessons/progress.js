// How far the learner is: kept by the browser where it keeps anything, and given out and taken in as a file.

import { recall, remember } from "../storage.js";
import { KEY } from "./kept.js";

const VERSION = 1;
const MAX_FILE = 1_000_000;

/** @typedef {{ step: number, done: boolean[], steps: Record<number, { choice?: number, hints?: number, inputs?: Record<string, string>,
 *   notes?: any }> }} LessonProgress */

export class Progress {
  /** Which lesson is open. @type {string | null} */
  open = null;
  /** @type {Record<string, LessonProgress>} */
  lessons = {};

  /** What was kept; nothing where that cannot be read. */
  static load(storage = { recall, remember }) {
    const progress = new Progress();
    progress.storage = storage;
    try {
      progress.take(storage.recall(KEY) ?? "");
    } catch {
      // What cannot be read is as good as nothing: the learner begins anew.
    }
    return progress;
  }

  /** The progress of a lesson. */
  of(id) {
    this.lessons[id] ??= { step: 0, done: [], steps: {} };
    return this.lessons[id];
  }

  /** What was done in a step. */
  inStep(id, step) {
    const lesson = this.of(id);
    lesson.steps[step] ??= {};
    return lesson.steps[step];
  }

  /** Whether a lesson was begun. */
  isBegun(id) {
    const lesson = this.lessons[id];
    return lesson !== undefined && (lesson.step > 0 || lesson.done.some(Boolean) || Object.keys(lesson.steps).length > 0);
  }

  forget(id) {
    delete this.lessons[id];
    this.save();
  }

  /** Keeps it; false where the browser keeps nothing. */
  save() {
    return this.storage.remember(KEY, this.text());
  }

  text() {
    return JSON.stringify({ version: VERSION, open: this.open, lessons: this.lessons });
  }

  /** Takes what `text()` gave. Throws where it is something else. */
  take(text) {
    if (text === "") return;
    if (text.length > MAX_FILE) throw new Error("too long");
    const { version, open, lessons } = JSON.parse(text);
    if (version !== VERSION || typeof lessons !== "object" || lessons === null) throw new Error("another version");
    const sound = ({ step, done, steps }) => Number.isInteger(step) && step >= 0 && Array.isArray(done) && typeof steps === "object" && steps !== null;
    if (!Object.values(lessons).every((lesson) => typeof lesson === "object" && lesson !== null && sound(lesson))) throw new Error("not sound");
    this.open = typeof open === "string" ? open : null;
    this.lessons = lessons;
  }
}
