// The panel "Read": records of one partition, page by page.

import { element } from "../element.js";
import { count } from "../inspect/format.js";
import { confirmed, field, input, reason, select } from "../inspect/kit.js";
import { newestTopic, nextPage, origin, previousPage, PAGE_RECORDS } from "./pages.js";
import { recordsTable } from "./table.js";
import { topicChoice } from "./topic-choice.js";

/** What a field takes, where not everything that can be typed is something. */
const NEEDS = { offset: "needs_offset", time: "needs_time" };

/** The panel, in the place `#read`. What was read stays when the language changes. */
export class ReadPanel {
  #api;
  #fields = {};
  #parts = {};
  /** What is read: `{ topic, partition, page }`. */
  #shown;
  #problem;
  #asking = false;
  /** The choices of topic and partition. */
  #choice;
  /** A person has chosen something: no topic is chosen for them any more. */
  #touched = false;

  constructor(api) {
    this.#api = api;
  }

  #t = (key, places) => this.#api.t(`read_${key}`, places);

  /** Makes the panel in the words of the page's language. */
  mount() {
    const t = this.#t;
    const before = Object.fromEntries(Object.entries(this.#fields).map(([name, { value }]) => [name, value]));
    this.#choice = topicChoice(this.#api, "read");
    this.#fields = {
      topic: this.#choice.topic,
      partition: this.#choice.partition,
      from: select("read-from", ["start", "offset", "timestamp", "last"].map((from) => [from, t(`from_${from}`)]), before.from),
      offset: input("read-offset", { type: "number", min: 0, step: 1, inputmode: "numeric" }),
      time: input("read-time", { type: "datetime-local", step: 1 }),
    };
    for (const [name, control] of Object.entries(this.#fields)) {
      control.id = control.dataset.testid;
      if (before[name] !== undefined && control.tagName === "INPUT") control.value = before[name];
      // Half a date is no value yet, so nothing is said of one that changes; the keyboard and what leaves the field tell.
      for (const event of ["input", "keyup", "blur"]) control.addEventListener(event, () => this.#changed(event));
    }
    const label = ([name, control]) => [name, field(t(name), control, NEEDS[name] && t(NEEDS[name]))];
    const labelled = Object.fromEntries(Object.entries(this.#fields).map(label));
    this.#parts = {
      labelled,
      go: element("button", { type: "submit", class: "primary", "data-testid": "read-go" }, t("go")),
      problem: element("p", { class: "problem", role: "alert", "data-testid": "read-problem" }),
      stack: element("div", { class: "stack" }),
      // Stays where it is, or nobody is told of what changes in it.
      said: element("p", { class: "visually-hidden", role: "status", "data-testid": "read-said" }),
    };
    const form = element("form", { class: "line", novalidate: true, onsubmit: (event) => this.#go(event) }, ...Object.values(labelled), this.#parts.go);
    document.getElementById("read")?.replaceChildren(
      element("h2", { id: "read-title" }, t("title")), form, this.#parts.problem, this.#parts.said, this.#parts.stack);
    this.#refresh();
    if (before.topic) Object.assign(this.#fields.topic, { value: before.topic });
    this.#refresh();
    if (before.partition) Object.assign(this.#fields.partition, { value: before.partition });
    this.#show();
  }

  /** Brings the choices up to date. */
  update() {
    if (this.#refresh()) this.#show();
  }

  /** What there is to choose from, and what the fields allow; true: the topics are others. */
  #refresh() {
    // What is produced is what is read next, most of the time.
    const newest = (known) => newestTopic(this.#api.clients.imports, known);
    const changed = this.#choice.update(this.#shown === undefined && !this.#touched ? newest : undefined);
    this.#allow();
    return changed;
  }

  #changed(event) {
    this.#touched ||= event === "input";
    this.#refresh();
  }

  #origin() {
    const { from, offset, time } = this.#fields;
    return origin(from.value, offset.value, time.value);
  }

  #allow() {
    const { from, offset, time } = this.#fields;
    const { labelled, go } = this.#parts;
    labelled.offset.hidden = from.value !== "offset";
    labelled.time.hidden = from.value !== "timestamp";
    const wrong = this.#origin() === undefined;
    for (const control of [offset, time]) {
      // What a browser cannot read it gives as nothing.
      const invalid = wrong && !control.parentElement.hidden && (control.value !== "" || control.validity.badInput);
      if (invalid) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
      control.nextElementSibling.classList.toggle("problem", invalid);
    }
    go.disabled = wrong || this.#asking || this.#fields.topic.options.length === 0 || !this.#api.standing.canAct;
  }

  #go(event) {
    event.preventDefault();
    const from = this.#origin();
    if (from === undefined || this.#parts.go.disabled) return;
    this.#read(this.#fields.topic.value, Number(this.#fields.partition.value), from, PAGE_RECORDS);
  }

  async #read(topic, partition, from, most) {
    this.#asking = true;
    this.#parts.said.textContent = "";
    this.#show();
    try {
      const { records: page } = await this.#api.request({ read: { topic, partition, from, max_records: most } });
      this.#shown = { topic, partition, page };
      this.#problem = undefined;
    } catch (error) {
      this.#shown = undefined;
      this.#problem = reason(error);
    }
    this.#asking = false;
    this.#show();
    // The table is not read out, but what is in it; a problem says itself.
    const { said, stack } = this.#parts;
    if (this.#shown) said.textContent = [...stack.querySelectorAll(":scope > p")].map((one) => one.textContent).join(". ");
  }

  #show() {
    const { problem, stack } = this.#parts;
    problem.textContent = this.#problem ?? "";
    problem.hidden = this.#problem === undefined;
    stack.setAttribute("aria-busy", String(this.#asking));
    this.#allow();
    if (this.#shown !== undefined) {
      stack.replaceChildren(...recordsTable(this.#t, this.#shown), this.#turns());
    } else {
      const said = this.#fields.topic.options.length === 0 ? "no_topics" : this.#asking ? "reading" : "nothing_yet";
      stack.replaceChildren(...(this.#problem === undefined
        ? [element("p", { class: "empty", "data-testid": "read-empty" }, this.#t(said))] : []));
    }
  }

  #turns() {
    const { topic, partition, page } = this.#shown;
    const turn = (name, to) => element("button", {
      type: "button", "data-testid": `read-${name}`, disabled: this.#asking || to === undefined,
      onclick: () => this.#read(topic, partition, { offset: to.offset }, to.records),
    }, this.#t(name));
    const first = page.records[0]?.offset;
    const removal = first !== undefined && first > page.log_start_offset
      ? [element("button", {
        type: "button", class: "quiet", "data-testid": "delete-records", disabled: this.#asking, onclick: () => this.#delete(first),
      }, this.#t("delete", { before: count(first) }))] : [];
    return element("div", { class: "buttons" },
      turn("previous", previousPage(page)), turn("next", nextPage(page)), ...removal);
  }

  async #delete(before) {
    const { topic, partition } = this.#shown;
    const places = { partition: `${topic}-${partition}`, before: count(before) };
    const ask = { title: this.#t("delete", places), text: this.#t("delete_warning", places) };
    if (!(await confirmed({ t: this.#t }, ask, this.#t("delete_yes")))) return;
    try {
      await this.#api.request({ "delete-records": { topic, partition, before } });
    } catch (error) {
      this.#problem = reason(error);
      return this.#show();
    }
    // The page that is shown says where the log begins.
    await this.#read(topic, partition, { offset: before }, PAGE_RECORDS);
  }
}
