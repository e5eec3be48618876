// What code has written, as a list with a limit; errors lead to their line.

import { element } from "../element.js";

const MOST = 1000;

/** `goTo(line, column)` is called when a person chooses an error's place. */
export class OutputView {
  element = element("div", { class: "code-output", role: "log", tabindex: "0", "data-testid": "code-output" });
  #api;
  #goTo;
  #waiting = [];
  #dropped = 0;
  #frame;
  #shown = () => {};

  constructor(api, goTo) {
    this.#api = api;
    this.#goTo = goTo;
    this.clear();
  }

  clear() {
    this.#waiting = [];
    this.#dropped = 0;
    this.element.replaceChildren(element("p", { class: "hint" }));
    this.reword();
  }

  /** Says its own words in the page's language; what the code wrote stays as it is. */
  reword() {
    this.element.setAttribute("aria-label", this.#api.t("code_output"));
    const hint = this.element.querySelector(":scope > .hint");
    if (hint) hint.textContent = this.#api.t("code_output_empty");
    this.#sayDropped();
  }

  /** Lines more, drawn with the next frame; `shown` is called after it. */
  add({ lines, dropped }, shown = () => {}) {
    this.#waiting.push(...lines);
    const over = Math.max(0, this.#waiting.length - MOST);
    this.#waiting.splice(0, over);
    this.#dropped += dropped + over;
    this.#shown = shown;
    // A page that nobody sees has no frames.
    if (document.hidden) this.#draw();
    else this.#frame ??= requestAnimationFrame(() => this.#draw());
  }

  /** Draws what waits for the next frame. */
  show() {
    if (this.#frame === undefined) return;
    cancelAnimationFrame(this.#frame);
    this.#draw();
  }

  /** A line of the page's own. */
  say(text, level = "note") {
    this.add({ lines: [{ level, text }], dropped: 0 }, this.#shown);
  }

  #draw() {
    this.#frame = undefined;
    const list = this.element;
    const atEnd = list.scrollTop + list.clientHeight > list.scrollHeight - 40;
    const lines = this.#waiting.map((line) => this.#line(line));
    this.#waiting = [];
    list.querySelector(":scope > .hint")?.remove();
    list.append(...lines);
    for (; list.childElementCount > MOST; this.#dropped++) list.querySelector(":scope > :not(.code-dropped)").remove();
    this.#sayDropped();
    if (atEnd) list.scrollTop = list.scrollHeight;
    this.#shown();
  }

  #sayDropped() {
    if (this.#dropped === 0) return;
    const list = this.element;
    if (!list.querySelector(".code-dropped")) list.prepend(element("p", { class: "code-dropped" }));
    list.querySelector(".code-dropped").textContent = this.#api.t("code_dropped", { count: this.#dropped.toLocaleString() });
  }

  #line({ level, text, line, column }) {
    const made = element("p", { class: `code-${level}`, "data-level": level }, element("span", {}, text));
    if (line === undefined) return made;
    const place = this.#api.t("code_place", { line, column });
    made.append(" ", element("button", { type: "button", class: "quiet small", onclick: () => this.#goTo(line, column) }, place));
    return made;
  }
}
