// What was chosen in the picture, closely: its figures, its settings, and what can be done with it. Loaded when first wanted.

import { element } from "../element.js";
import { onceAFrame } from "../frame.js";
import { views } from "./views/all.js";

/** How far "Back" goes. */
const MAX_HISTORY = 50;

let panel;

/** Shows what `choice` names: `{ kind, ...ids }`. */
export function inspect(api, choice) {
  panel ??= new Panel(api);
  panel.choose(choice);
}

/** The place on the page, and the view that is in it. */
class Panel {
  #api;
  #element = element("section", { class: "inspect panel", "aria-labelledby": "inspect-title", "data-testid": "inspector" });
  #history = [];
  #view;
  /** Where the focus was when something was chosen. */
  #origin;

  constructor(api) {
    this.#api = api;
    this.#element.addEventListener("keydown", (event) => {
      // A dialog, or an open list, takes its own Esc.
      if (event.key === "Escape" && !event.defaultPrevented && !event.target.closest("dialog")) this.close();
    });
    const update = onceAFrame(() => this.#view?.update?.());
    for (const name of ["clients", "broker", "standing"]) api.addEventListener(name, update);
    api.addEventListener("mounted", () => this.#show(false));
  }

  /** Shows something else; what was shown is what "Back" leads to. */
  choose(choice) {
    if (!this.#element.contains(document.activeElement)) this.#origin = document.activeElement;
    if (!same(this.#history.at(-1), choice)) this.#history.push(choice);
    if (this.#history.length > MAX_HISTORY) this.#history.shift();
    this.#show(true);
  }

  /** Shows nothing any more; the focus goes back to where it was. */
  close() {
    this.#history = [];
    this.#show(false);
    this.#api.dispatchEvent(new CustomEvent("chosen", { detail: undefined }));
    if (this.#origin?.isConnected) this.#origin.focus();
  }

  #back() {
    this.#history.pop();
    if (this.#history.length === 0) this.close();
    else this.#show(true);
  }

  #show(focus) {
    this.#view?.close?.();
    this.#view = undefined;
    const choice = this.#history.at(-1);
    if (choice === undefined) return this.#element.remove();
    const view = views[choice.kind] ?? views.overview;
    this.#element.dataset.kind = choice.kind;
    this.#view = view({ api: this.#api, t: (key, places) => this.#api.t(`inspect_${key}`, places), choose: (next) => this.choose(next), back: () => this.#back() }, choice);
    const { eyebrow, title, body } = this.#view;
    const heading = element("h2", { id: "inspect-title", tabindex: -1 }, element("span", { class: "eyebrow" }, eyebrow), " ", title);
    this.#element.replaceChildren(element("header", { class: "inspect-head" }, heading, this.#navigation(choice)), ...body);
    place().append(this.#element);
    this.#view.update?.();
    this.#api.dispatchEvent(new CustomEvent("chosen", { detail: choice }));
    if (focus) heading.focus();
  }

  #navigation(choice) {
    const button = (name, act, disabled = false) => element("button", {
      type: "button", class: "small", "data-testid": `inspect-${name}`, disabled, onclick: act,
    }, this.#api.t(`inspect_${name}`));
    return element("nav", { class: "buttons", "aria-label": this.#api.t("inspect_navigation") },
      button("back", () => this.#back(), this.#history.length < 2),
      button("overview", () => this.choose({ kind: "overview" }), choice.kind === "overview"),
      button("close", () => this.close()));
  }
}

/** The place that the picture has for it, or the end of the picture. */
function place() {
  return document.getElementById("inspector") ?? document.getElementById("stage") ?? document.body;
}

function same(first, second) {
  if (first === undefined) return false;
  const names = Object.keys({ ...first, ...second });
  return names.every((name) => String(first[name]) === String(second[name]));
}
