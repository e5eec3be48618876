// What the engine did and why, in words, the newest first.

import { element } from "../element.js";
import { onceAFrame } from "../frame.js";

const MOST = 200;
const SHOWN = 60;
/** States of brokers that are worth a line. */
const TOLD = ["running", "stopped", "failed"];
/** Among how many of the newest an event is looked for again, and how long after. */
const NEAR = 8;
const SOON_MS = 2000;
const FILTERS = ["all", "broker", "group", "warning"];

/** Puts an event before the others (the newest is first): one that was told just now is counted there, in `times`, and comes to the front. */
export function tell(events, event) {
  const same = (other) => ["source", "group", "node_id", "key", "kind", "message"].every((field) => other[field] === event[field]) &&
    String(other.args) === String(event.args) && Number(event.wall_ms) - Number(other.wall_ms) <= SOON_MS;
  const at = events.slice(0, NEAR).findIndex(same);
  const [before] = at < 0 ? [] : events.splice(at, 1);
  events.unshift({ ...event, times: (before?.times ?? 0) + 1 });
}

/** The events of brokers and groups, of which the last are kept. */
export class EventLog {
  #api;
  #events = [];
  #filter = "all";
  #list;
  #words;
  /** How brokers stood, by node id. */
  #stood = new Map();

  constructor(api) {
    this.#api = api;
    api.addEventListener("broker", ({ detail: { name, content } }) => {
      if (name === "event") this.#add({ ...content, source: "broker" });
    });
    api.addEventListener("clients", ({ detail: { name, content } }) => {
      if (name === "group-event") this.#add({ ...content, source: "group" });
    });
    api.addEventListener("standing", () => this.#stands());
    this.#stands();
  }

  /** A broker that is terminated cannot say so. */
  #stands() {
    for (const { nodeId, state } of this.#api.standing.brokers) {
      const before = this.#stood.get(nodeId);
      if (!TOLD.includes(state) || before === state) continue;
      this.#stood.set(nodeId, state);
      if (before === undefined && state === "running") continue;
      this.#add({ node_id: nodeId, wall_ms: Date.now(), source: "broker", warning: state !== "running", key: `picture_event_${state}` });
    }
  }

  /** The list in a frame, in other words. */
  reword(words) {
    this.#words = words;
    const { t } = words;
    this.#list = element("ol", { class: "happenings", "data-testid": "happenings", tabindex: 0, "aria-label": t("picture_events") });
    const options = FILTERS.map((value) => element("option", { value, selected: value === this.#filter }, t(`picture_events_${value}`)));
    const filter = element("select", { "aria-label": t("picture_events_filter"), onchange: () => {
      this.#filter = filter.value;
      this.#show();
    } }, ...options);
    this.#show();
    return element("section", { class: "event-log" },
      element("header", {}, element("h3", {}, t("picture_events")), filter), this.#list);
  }

  #add(event) {
    tell(this.#events, event);
    if (this.#events.length > MOST) this.#events.pop();
    if (this.#words) this.#soon();
  }

  #soon = onceAFrame(() => this.#show());

  #show() {
    const { t } = this.#words;
    const wanted = this.#events.filter(({ source, warning }) =>
      this.#filter === "all" || source === this.#filter || (this.#filter === "warning" && warning));
    const time = new Intl.DateTimeFormat(this.#api.language, { timeStyle: "medium" });
    const items = wanted.slice(0, SHOWN).map((event) => element("li", { "data-source": event.source, "data-warning": event.warning === true },
      element("time", {}, time.format(new Date(Number(event.wall_ms)))), " ",
      element("b", {}, event.source === "group" ? event.group : t("picture_broker", { n: event.node_id })), " ", this.#text(event),
      ...(event.times > 1 ? [element("span", { class: "hint" }, ` × ${event.times}`)] : [])));
    this.#list.replaceChildren(...(items.length > 0 ? items : [element("li", { class: "hint" }, t("picture_events_none"))]));
  }

  #text({ key, kind, args, message }) {
    if (key !== undefined) return this.#words.t(key);
    if (kind === undefined) return message;
    try {
      return this.#api.t(`event_${kind.replaceAll("-", "_")}`, Object.fromEntries(args));
    } catch {
      return message; // A kind that the page has no words for yet.
    }
  }
}
