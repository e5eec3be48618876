// Below the picture: charts of the last two minutes, what the engine did and why, and the picture once more as tables.

import { element, svg } from "../element.js";
import { EventLog } from "./events.js";
import { History, line } from "./history.js";
import { Since, percentile } from "./latency.js";
import { Twin } from "./twin.js";

export { openAdding } from "./adding.js";
export { openChoosing } from "./choosing.js";
export { Segments } from "./segments.js";

const [WIDTH, HEIGHT] = [240, 52];
/** Each chart: its series, by name and class, and how its numbers read. */
const CHARTS = [
  { name: "throughput", series: ["in", "out"], unit: "picture_per_s" },
  { name: "lag", series: ["lag"], unit: "picture_records" },
  { name: "behind", series: ["behind"], unit: "picture_seconds" },
  { name: "produce", series: ["produce_p50", "produce_p99"], unit: "picture_ms", note: "picture_percentiles" },
  { name: "end_to_end", series: ["end_to_end_p50", "end_to_end_p99"], unit: "picture_ms", note: "picture_percentiles" },
];
/** Percentiles of those latencies that snapshots of the clients count. */
const LATENCIES = ["produce", "end_to_end"];
const PERCENTILES = { p50: 0.5, p99: 0.99 };
/** Longer than so many milliseconds is said in seconds. */
const LONG_MS = 10_000;

/** Everything below the picture, in a place. */
export class Figures {
  #history = new History();
  #since = Object.fromEntries(LATENCIES.map((name) => [name, new Since()]));
  #charts = [];
  #api;
  #place;
  #words;

  constructor(api, place) {
    this.#api = api;
    this.#place = place;
    this.events = new EventLog(api);
    this.twin = new Twin(() => this.#table());
  }

  /** Everything anew, in other words. */
  reword(words) {
    this.#words = words;
    const { t } = words;
    const how = this.#api.gateway === undefined ? "picture_real_how" : "picture_real_how_gateway";
    this.#charts = CHARTS.map((chart) => this.#chart(chart));
    this.#place.replaceChildren(
      element("div", { class: "charts" }, ...this.#charts.map(({ node }) => node)),
      this.events.reword(words),
      element("div", { class: "below" },
        this.twin.reword(words),
        element("details", { class: "real" }, element("summary", {}, t("picture_real")), element("p", { class: "hint" }, t(how)))),
    );
    this.#draw();
  }

  /** A second has passed. */
  sample(values) {
    this.#history.add({ ...values, ...this.#latencies() });
    if (!document.hidden) this.#draw();
  }

  /** How long it took since the last sample, by the clock of all workers: while that stands still, nothing takes time. */
  #latencies() {
    const { clients } = this.#api;
    return Object.fromEntries(LATENCIES.flatMap((name) => {
      const counts = this.#since[name].look(clients[`${name}_latencies`]);
      return Object.entries(PERCENTILES).map(([part, share]) => [`${name}_${part}`, percentile(counts, share)]);
    }));
  }

  /** The charts once more, as rows of a table. */
  #table() {
    const { t } = this.#words;
    const peak = (one) => (this.#history.of(one).some((value) => value !== undefined) ? this.#history.peak(one) : undefined);
    const rows = CHARTS.flatMap(({ series, unit }) => series.map((one) => ({ key: one, cells: [
      t(`picture_series_${one}`), this.#said(unit, [this.#history.of(one).at(-1)]), this.#said(unit, [peak(one)])] })));
    const heads = ["figure", "now", "most"].map((head) => t(`picture_head_${head}`));
    return { caption: t("picture_charts"), heads, rows, note: t("picture_latency_how") };
  }

  /** Numbers with their unit. */
  #said(unit, values) {
    const { t, brief } = this.#words;
    if (values.every((value) => value === undefined)) return "–";
    const long = unit === "picture_ms" && Math.max(...values) >= LONG_MS;
    return t(long ? "picture_seconds" : unit, { n: values.map((value = 0) => brief(long ? value / 1000 : value)).join(" / ") });
  }

  #chart({ name, series, unit, note }) {
    const { t } = this.#words;
    const lines = series.map((one) => svg("path", { class: `line ${one.replaceAll("_", "-")}`, "vector-effect": "non-scaling-stroke" }));
    const drawing = svg("svg", { viewBox: `0 -4 ${WIDTH} ${HEIGHT + 5}`, preserveAspectRatio: "none", role: "img" },
      svg("path", { class: "ground", d: `M0 ${HEIGHT}H${WIDTH}M0 0H${WIDTH}`, "vector-effect": "non-scaling-stroke" }), ...lines);
    const now = element("strong");
    const peak = element("span", { class: "peak" });
    const node = element("figure", { class: "chart", "data-testid": `chart-${name}` },
      element("figcaption", {}, element("span", {}, t(`picture_chart_${name}`)), now), drawing,
      element("div", { class: "under" }, ...(note ? [element("span", {}, t(note))] : []), peak));
    const title = [`picture_chart_${name}`, ...(note ? [note] : [])].map((key) => t(key)).join(", ");
    return { node, drawing, lines, now, peak, series, unit, title };
  }

  #draw() {
    const { t } = this.#words;
    for (const { drawing, lines, now, peak, series, unit, title } of this.#charts) {
      const most = this.#history.peak(...series);
      const values = series.map((one) => this.#history.of(one).at(-1));
      lines.forEach((path, index) => path.setAttribute("d", line(this.#history.of(series[index]), most, WIDTH, HEIGHT)));
      now.textContent = this.#said(unit, values);
      peak.textContent = most > 0 ? t("picture_peak", { n: this.#said(unit, [most]) }) : "";
      drawing.setAttribute("aria-label", `${title}: ${now.textContent}. ${peak.textContent}`);
    }
  }
}
