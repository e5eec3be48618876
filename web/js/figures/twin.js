// The picture once more, as tables: for whoever reads rather than looks.

import { element } from "../element.js";

/** The tables, filled while they are open. */
export class Twin {
  #words;
  #model;
  #details;
  #charts;

  /** `charts` gives the charts as a table. */
  constructor(charts) {
    this.#charts = charts;
  }

  /** Anew, in other words. */
  reword(words) {
    const open = this.#details?.open ?? false;
    this.#words = words;
    this.#body = element("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": words.t("picture_table") });
    this.#details = element("details", { "data-testid": "twin", ontoggle: () => this.#fill() },
      element("summary", {}, words.t("picture_table")), this.#body);
    this.#details.open = open;
    this.#fill();
    return this.#details;
  }

  #body;

  /** What the picture shows now. */
  show(model) {
    this.#model = model;
    this.#fill();
  }

  #fill() {
    if (!this.#details?.open || this.#model === undefined) return;
    const focused = this.#body.contains(document.activeElement);
    const charts = this.#charts();
    const all = [...tables(this.#model, this.#words), charts];
    this.#body.replaceChildren(...all.map(({ caption, heads, rows }) =>
      element("table", {}, element("caption", {}, caption),
        element("thead", {}, element("tr", {}, ...heads.map((head, index) => element("th", { scope: "col", class: index > 0 && "number" }, head)))),
        element("tbody", {}, ...rows.map(({ key, cells }) => element("tr", { "data-row": key },
          element("th", { scope: "row" }, cells[0]), ...cells.slice(1).map((cell) => element("td", { class: "number" }, cell))))))),
    element("p", { class: "hint" }, charts.note));
    if (focused) this.#body.focus();
  }
}

/** What is in the tables: producers with rates, partitions with offsets, consumers with lag. */
export function tables({ producers, brokers, groups }, { t, count, brief, size }) {
  const state = (name) => t(`picture_${name}`);
  const columns = (...names) => names.map((name) => t(`picture_head_${name}`));
  const logs = brokers.flatMap((broker) => broker.partitions);
  return [
    {
      caption: t("picture_producers"), heads: columns("name", "topic", "state", "rate", "records"),
      rows: producers.map((one) => ({ key: one.key, cells: [
        one.name, one.topic, state(`import_${one.state}`), brief(one.rate), count(one.records ?? 0)] })),
    },
    {
      caption: t("picture_partitions"), heads: columns("partition", "broker", "start", "end", "size", "segments", "rate"),
      rows: logs.map((log) => ({ key: `${log.topic}-${log.partition}`, cells: [
        `${log.topic} ${log.partition}`, `${log.leader}${log.up ? "" : ` (${t("picture_state_stopped")})`}`,
        ...(log.known ? [count(log.start), count(log.end), size(log.bytes), String(log.segments), brief(log.rate)] : ["?", "?", "?", "?", "?"])] })),
    },
    {
      caption: t("picture_consumers"), heads: columns("name", "group", "state", "partition", "position", "lag"),
      rows: groups.flatMap((group) => group.consumers.flatMap((one) => {
        const name = one.id === undefined ? one.clientId : t("picture_consumer", { n: String(one.id) });
        const first = [name, group.name, state(`consumer_${one.state}`)];
        if (one.partitions.length === 0) return [{ key: one.key, cells: [...first, "–", "–", "–"] }];
        return one.partitions.map((read) => ({ key: `${one.key} ${read.topic}-${read.partition}`, cells: [
          ...first, `${read.topic} ${read.partition}`,
          read.position === undefined ? "?" : count(read.position), read.lag === undefined ? "?" : count(read.lag)] }));
      })),
    },
  ].filter(({ rows }) => rows.length > 0);
}
