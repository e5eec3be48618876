// The place of the picture: what this is and the one button as long as there is nothing to see, and the picture when there is.

import { element } from "../element.js";
import { running } from "./showme.js";

/** Puts the picture into its place, now and whenever that is made anew. */
export function openStage(api) {
  const stage = new Stage(api);
  const show = () => document.getElementById("stage")?.replaceChildren(stage.root);
  api.addEventListener("mounted", show);
  show();
}

class Stage {
  #api;
  #busy = false;
  #problem = "";

  constructor(api) {
    this.#api = api;
    this.title = element("h2", { id: "stage-title" });
    this.intro = element("p", { class: "intro" });
    this.totals = element("p", { class: "totals", "data-testid": "stage-totals" });
    this.button = element("button", { type: "button", "data-testid": "show-me", onclick: () => this.#press() });
    this.problem = element("p", { class: "problem", role: "alert" });
    this.picture = element("div", { class: "picture" });
    this.more = element("div", { class: "stage-more" });
    this.root = element("section", { class: "panel scene", "aria-labelledby": "stage-title" },
      element("header", {}, this.title, this.intro, this.totals, element("div", { id: "time" }), this.button), this.problem,
      element("div", { class: "stage-body" }, this.picture, element("div", { id: "inspector" })), this.more);
    for (const event of ["broker", "clients", "standing", "language"]) api.addEventListener(event, () => this.#show());
    this.#show();
    api.addEventListener("problem", ({ detail }) => this.#fail("stage_no_part", detail));
    api.use("picture", "openPicture", this);
  }

  /** Whether there is nothing to see yet. */
  get empty() {
    const { brokers, clients } = this.#api;
    return clients.imports.length + clients.consumers.length + (clients.groups?.length ?? 0) === 0 &&
      [...brokers.values()].every(({ topics }) => topics.length === 0);
  }

  #show() {
    const t = (key) => this.#api.t(key);
    const own = running(this.#api.clients) !== undefined;
    const empty = this.empty;
    const where = this.#api.gateway === undefined ? "" : "_gateway";
    this.root.classList.toggle("first", empty);
    const say = (node, text) => node.textContent !== text && (node.textContent = text);
    say(this.title, t(empty ? `stage_welcome${where}` : "stage_title"));
    say(this.intro, empty ? t(`stage_intro${where}`) : "");
    say(this.button, t(this.#busy ? "stage_wait" : own ? "stage_stop" : "stage_show"));
    say(this.problem, this.#problem);
    this.button.classList.toggle("primary", !own);
    this.button.disabled = !this.#api.standing.canAct;
    // Not disabled, which would take the focus from it.
    this.button.setAttribute("aria-disabled", String(this.#busy));
  }

  async #press() {
    if (this.#busy) return;
    this.#busy = true;
    this.#problem = "";
    this.#show();
    try {
      // What could not be loaded is tried again.
      if (!this.picture.firstChild) this.#api.use("picture", "openPicture", this);
      this.#api.use("panels", "open");
      const { showMe, stopShowing } = await this.#api.load("panels");
      await (running(this.#api.clients) ? stopShowing : showMe)(this.#api);
    } catch (error) {
      this.#fail("stage_problem", error);
    }
    this.#busy = false;
    this.#show();
    // What the browser keeps in its place may have pushed the picture out of sight.
    if (this.root.getBoundingClientRect().top < 0) this.root.scrollIntoView();
  }

  #fail(key, error) {
    this.#problem = error ? this.#api.t(key, { why: error.message }) : "";
    this.#show();
  }
}
