// The panel "Send one record": a record typed by hand, and where it went.

import { element } from "../element.js";
import { count } from "../inspect/format.js";
import { checkbox, field, input, reason } from "../inspect/kit.js";
import { topicChoice } from "./topic-choice.js";

/** More headers than anybody types. */
const MAX_HEADERS = 50;

/** The panel, in the place `#send`. */
export class SendPanel {
  #api;
  #choice;
  #parts = {};
  #asking = false;
  /** Headers there have been: each has names of its own. */
  #headers = 0;

  constructor(api) {
    this.#api = api;
  }

  #t = (key, places) => this.#api.t(`send_${key}`, places);

  /** Makes the panel in the words of the page's language; what was typed stays. */
  mount() {
    const t = this.#t;
    const typed = this.#parts;
    this.#choice = topicChoice(this.#api, "send", [["auto", t("auto")]]);
    const named = (control) => Object.assign(control, { id: control.dataset.testid });
    const parts = {
      key: named(input("send-key", { value: typed.key?.value ?? "", spellcheck: "false" })),
      value: named(element("textarea", { "data-testid": "send-value", rows: 3, spellcheck: "false" }, typed.value?.value ?? "")),
      empty: named(checkbox("send-null", typed.empty?.checked)),
      headers: element("div", { class: "stack" }),
      none: element("p", { class: "hint" }, t("no_topics")),
      go: element("button", { type: "submit", class: "primary", "data-testid": "send-go" }, t("go")),
      outcome: element("div", { role: "status" }),
    };
    parts.empty.addEventListener("change", () => { parts.value.disabled = parts.empty.checked; });
    parts.value.disabled = parts.empty.checked;
    this.#parts = parts;
    this.#headers = 0;
    for (const { children: [name, content] } of [...(typed.headers?.children ?? [])]) {
      this.#addHeader(name.querySelector("input").value, content.querySelector("input").value);
    }
    const add = element("button", { type: "button", "data-testid": "send-header-add", onclick: () => this.#addHeader() }, t("add_header"));
    const form = element("form", { novalidate: true, onsubmit: (event) => this.#send(event) },
      element("div", { class: "pair" }, field(t("topic"), this.#choice.topic), field(t("partition"), this.#choice.partition)),
      field(t("key"), parts.key, t("key_hint")), field(t("value"), parts.value), field(t("null_value"), parts.empty),
      parts.headers, element("div", { class: "buttons" }, parts.go, add));
    document.getElementById("send")?.replaceChildren(element("h2", { id: "send-title" }, t("title")), parts.none, form, parts.outcome);
    this.update();
  }

  /** Brings the choices up to date. */
  update() {
    this.#choice.update();
    const { none, go } = this.#parts;
    const isEmpty = this.#choice.topic.options.length === 0;
    none.hidden = !isEmpty;
    go.disabled = isEmpty || this.#asking || !this.#api.standing.canAct;
  }

  #addHeader(name = "", content = "") {
    const { headers } = this.#parts;
    if (headers.children.length === MAX_HEADERS) return;
    const index = this.#headers++;
    const row = element("div", { class: "line header-line" },
      field(this.#t("header_name"), input(`send-header-name-${index}`, { value: name })),
      field(this.#t("header_value"), input(`send-header-value-${index}`, { value: content })),
      element("button", { type: "button", class: "quiet", "data-testid": `send-header-remove-${index}`, onclick: () => row.remove() }, this.#t("remove")));
    headers.append(row);
  }

  async #send(event) {
    event.preventDefault();
    const { go, key, value, empty, headers, outcome } = this.#parts;
    if (go.disabled) return;
    const { topic: { value: topic }, partition } = this.#choice;
    const typed = [...headers.children].map((row) => [...row.querySelectorAll("input")].map((control) => control.value));
    this.#asking = true;
    this.update();
    outcome.replaceChildren();
    let said;
    try {
      const { sent } = await this.#api.request({ send: {
        topic,
        partition: partition.value === "auto" ? undefined : Number(partition.value),
        key: key.value === "" ? undefined : key.value,
        value: empty.checked ? undefined : value.value,
        headers: typed.filter(([name]) => name !== ""),
      } });
      const places = { topic, partition: sent.partition, offset: count(sent.offset) };
      said = element("p", { class: "good", "data-testid": "send-result", "data-partition": sent.partition, "data-offset": sent.offset }, this.#t("sent", places));
    } catch (error) {
      said = element("p", { class: "problem", "data-testid": "send-problem" }, reason(error));
    }
    this.#asking = false;
    this.update();
    this.#parts.outcome.replaceChildren(said);
  }
}
