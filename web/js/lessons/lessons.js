// The lessons beside the picture: which there are, and the one that is open. Loaded when first wanted.

import { element } from "../element.js";
import { Lesson } from "./lesson.js";
import { listView } from "./list.js";
import { Progress } from "./progress.js";

let pane;

/** Opens the lessons, or closes them. */
export function toggleLessons(api) {
  pane ??= new Pane(api);
  return pane.toggle();
}

/** Opens a lesson by its name; the list without one. */
export function openLessons(api, id) {
  pane ??= new Pane(api);
  return pane.show(id ?? pane.progress.open);
}

class Pane {
  progress = Progress.load();
  #api;
  #index;
  #lesson;
  #root = element("section", { class: "lesson panel", "data-testid": "lesson", "aria-labelledby": "lesson-title" });

  constructor(api) {
    this.#api = api;
    // The place is made anew with the language, and so is what stands in it.
    api.addEventListener("mounted", () => {
      if (this.#isOpen) this.#draw().catch(api.report);
    });
    // One thing beside the picture at a time.
    api.addEventListener("side", ({ detail }) => {
      if (detail !== "lessons" && this.#isOpen) this.#leave();
    });
    this.#root.addEventListener("click", leadToPanel);
    for (const event of ["standing", "clients", "broker", "time"]) api.addEventListener(event, () => this.#lesson?.changed());
  }

  get #isOpen() {
    return this.progress.open !== null;
  }

  toggle() {
    return this.#isOpen ? this.close() : this.show("");
  }

  /** Shows a lesson, or with "" the list. */
  async show(id) {
    const before = this.progress.open;
    this.progress.open = id ?? "";
    this.progress.save();
    this.#api.dispatchEvent(new CustomEvent("side", { detail: "lessons" }));
    try {
      await this.#draw();
    } catch (error) {
      // What was open stays, or nothing is: it is fetched again when it is asked for again.
      this.progress.open = before;
      this.progress.save();
      if (!this.#root.firstChild) this.#leave();
      throw error;
    }
    this.#root.querySelector("h2")?.focus();
  }

  close() {
    this.#leave();
    document.querySelector('[data-testid="lessons-open"]')?.focus();
  }

  #leave() {
    this.progress.open = null;
    this.progress.save();
    this.#lesson = undefined;
    this.#root.remove();
  }

  async #draw() {
    const api = this.#api;
    document.getElementById("side")?.append(this.#root);
    const { language } = api;
    this.#index ??= await json(api, "index");
    const entry = this.#index.find(({ id }) => id === this.progress.open);
    const show = (id) => this.show(id).catch(api.report);
    const shared = { api, progress: this.progress, root: this.#root, show, close: () => this.close() };
    if (entry === undefined) {
      this.#lesson = undefined;
      this.#root.replaceChildren(...listView({ ...shared, index: this.#index, redraw: () => this.#draw() }));
      return;
    }
    const text = await json(api, `${entry.id}.${language}`);
    // Another language, or another lesson, may have been chosen meanwhile.
    if (language !== api.language || entry.id !== this.progress.open) return;
    const next = this.#index[this.#index.indexOf(entry) + 1];
    this.#lesson = new Lesson({ ...shared, lesson: { ...text, id: entry.id }, next });
    this.#lesson.draw();
  }
}

/** A panel that a text names is brought into sight; the page's address stays as it is. */
function leadToPanel(event) {
  const link = event.target.closest?.('a[href^="#"]');
  if (!link) return;
  event.preventDefault();
  const title = document.getElementById(link.hash.slice(1));
  if (title?.offsetParent === null) document.querySelector('.workbench [aria-expanded="false"]')?.click();
  title?.scrollIntoView({ block: "start" });
  title?.setAttribute("tabindex", "-1");
  title?.focus({ preventScroll: true });
}

async function json(api, name) {
  try {
    const response = await fetch(new URL(`./lessons/${name}.json`, import.meta.url));
    if (!response.ok) throw new Error(`the lesson ${name}: ${response.status} ${response.statusText}`);
    return await response.json();
  } catch (error) {
    api.failed(error);
    throw error;
  }
}
