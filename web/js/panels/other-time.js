// Time in tabs that have no brokers: buttons that do in the tab that has them what is pressed here. And in every tab, what it means
// that time stands still.

import { element } from "../element.js";
import { SPEEDS } from "../time/clock.js";

/** Puts the buttons where the toolbar of time is, as long as the brokers are in another tab. */
export function openOtherTime(api) {
  if (api.gateway !== undefined) return; // Its brokers go by their own clock.
  const remote = new Remote(api);
  const note = element("p", { class: "hint time-note", "data-testid": "time-note" });
  const show = () => {
    const text = api.rate === 0 ? api.t("time_note") : "";
    if (note.textContent !== text) note.textContent = text;
    remote.show();
  };
  const mount = () => {
    document.getElementById("time")?.append(remote.root);
    document.querySelector(".scene > header")?.after(note);
    show();
  };
  api.addEventListener("mounted", mount);
  for (const event of ["standing", "time", "language"]) api.addEventListener(event, show);
  mount();
}

/** A toolbar whose buttons are those of another tab. */
class Remote {
  #api;
  #tabs = new BroadcastChannel("headwater-time");
  #wasGuest = false;

  constructor(api) {
    this.#api = api;
    const button = (name) => element("button", { type: "button", "data-testid": `other-${name}`, onclick: () => this.#tabs.postMessage({ press: name }) });
    [this.pause, this.step] = [button("pause"), button("step")];
    this.speed = element("select", {
      "data-testid": "other-speed", onchange: () => this.#tabs.postMessage({ press: "speed", value: this.speed.value }),
    }, ...SPEEDS.map((speed) => element("option", { value: speed, selected: speed === 1000 }, `× ${speed / 1000}`)));
    this.done = element("span", { role: "status", "data-testid": "other-step-done" });
    this.root = element("div", { class: "time", role: "group" }, this.pause, this.step, this.speed, this.done);
    this.#tabs.onmessage = ({ data }) => (api.standing.isGuest ? this.#hear(data) : this.#press(data));
  }

  /** In the tab that has the brokers: presses what was pressed in another. */
  #press({ press, value }) {
    const control = own(press ?? "");
    if (control === null) return;
    if (value === undefined) {
      control.click();
    } else {
      control.value = value;
      control.dispatchEvent(new Event("change"));
    }
    this.#tabs.postMessage({ done: own("step-done").textContent, speed: own("speed").value });
  }

  /** In the others: what came of it. */
  #hear({ done, speed }) {
    if (done === undefined) return;
    this.done.textContent = done;
    this.speed.value = speed;
  }

  show() {
    const { rate, standing: { isGuest } } = this.#api;
    // Who takes the brokers over begins with time as it goes by itself.
    if (this.#wasGuest && !isGuest && rate !== 1) queueMicrotask(() => own("speed")?.dispatchEvent(new Event("change")));
    this.#wasGuest = isGuest;
    const t = (key) => this.#api.t(key);
    this.root.hidden = !isGuest;
    this.root.setAttribute("aria-label", t("time"));
    this.speed.setAttribute("aria-label", t("time_speed"));
    this.pause.textContent = t(rate === 0 ? "time_resume" : "time_pause");
    this.step.textContent = t("time_step");
    this.step.disabled = rate !== 0;
    if (rate !== 0) this.speed.value = rate * 1000;
  }
}

/** A control of the toolbar of this tab. */
function own(name) {
  return document.querySelector(`#time [data-testid="${CSS.escape(name)}"]`);
}
