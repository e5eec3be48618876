// The toolbar of time: pause, step, speed.

import { element } from "../element.js";
import { SPEEDS, VirtualClock, described, nextStep } from "./clock.js";

/** Puts the toolbar into its place, now and whenever that is made anew. */
export function openTime(api) {
  if (api.gateway !== undefined) return; // Its brokers go by their own clock.
  const toolbar = new Toolbar(api);
  const show = () => (document.getElementById("time") ?? document.getElementById("tools"))?.append(toolbar.root);
  api.addEventListener("mounted", show);
  show();
}

class Toolbar {
  #api;
  #clock = new VirtualClock(Date.now());
  #speed = 1000;
  /** What waits in each broker. */
  #held = new Map();
  #due;
  #done = "";

  constructor(api) {
    this.#api = api;
    const button = (id, act) => element("button", { type: "button", "data-testid": id, onclick: act });
    this.pause = button("pause", () => this.#go(this.#clock.rate === 0 ? this.#speed : 0));
    this.step = button("step", () => this.#step());
    this.speed = element("select", { "data-testid": "speed", onchange: () => this.#setSpeed(Number(this.speed.value)) },
      ...SPEEDS.map((speed) => element("option", { value: speed, selected: speed === 1000 }, `× ${speed / 1000}`)));
    this.done = element("span", { role: "status", "data-testid": "step-done" });
    this.root = element("div", { class: "time", role: "group" }, this.pause, this.step, this.speed, this.done);
    api.addEventListener("broker", ({ detail: { name, content } }) => this.#hear(name, content));
    api.addEventListener("clients", ({ detail: { name, content } }) => {
      if (name === "due") this.#due = content;
    });
    for (const event of ["standing", "language"]) api.addEventListener(event, () => this.#show());
    this.#show();
  }

  #hear(name, content) {
    if (name === "held") this.#held.set(content.node_id, content);
    else if (name === "destroyed" || name === "broker-failed") this.#held.delete(content.node_id);
    else return;
    this.root.dataset.waiting = [...this.#held.values()].reduce((sum, { waiting }) => sum + waiting, 0);
  }

  #go(rate) {
    this.#clock.set(Date.now(), rate);
    this.#api.setTime(this.#clock);
    this.#done = "";
    this.#held.clear();
    this.#show();
  }

  #setSpeed(speed) {
    this.#speed = speed;
    if (this.#clock.rate !== 0) this.#go(speed);
  }

  #step() {
    const next = nextStep([...this.#held.values()], this.#due);
    if (next === undefined) return;
    const { node_id, first, until } = next;
    const before = this.#clock.now(Date.now());
    if (first !== undefined) {
      // What waits next is told when this is done.
      this.#held.set(node_id, { ...next, first: undefined });
      this.#api.tellHosts({ step: { node_id } });
    }
    this.#clock.set(Date.now(), 0, until);
    this.#api.setTime(this.#clock);
    this.#done = this.#api.t(...described({ ...next, ms: this.#clock.now(Date.now()) - before }));
    this.#show();
  }

  #show() {
    const t = (key) => this.#api.t(key);
    const paused = this.#clock.rate === 0;
    this.root.hidden = this.#api.standing.isGuest; // The tab that has the brokers decides.
    this.root.dataset.paused = paused;
    this.root.setAttribute("aria-label", t("time"));
    this.speed.setAttribute("aria-label", t("time_speed"));
    this.pause.textContent = t(paused ? "time_resume" : "time_pause");
    this.step.textContent = t("time_step");
    this.step.disabled = !paused;
    this.done.textContent = this.#done;
  }
}
