// Below the picture: charts of the last two minutes, what the engine did and why, and the picture once more as tables.

import { element, svg } from "../element.js";
import { EventLog } from "./events.js";
import { History, line } from "./history.js";
import { Twin } from "./twin.js";

export { openAdding } from "./adding.js";
export { Segments } from "./segments.js";

const [WIDTH, HEIGHT] = [240, 52];
/** Each chart: its series, by name and class, and how its numbers read. */
const CHARTS = [
  { name: "throughput", series: ["in", "out"], unit: "picture_per_s" },
  { name: "lag", series: ["lag"], unit: "picture_records" },
  { name: "behind", series: ["behind"], unit: "picture_seconds" },
];

/** Everything below the picture, in a place. */
export class Figures {
  #history = new History();
  #charts = [];
  #api;
  #place;
  #words;

  constructor(api, place) {
    this.#api = api;
    this.#place = place;
    this.events = new EventLog(api);
    this.twin = new Twin();
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
    this.#history.add(values);
    if (!document.hidden) this.#draw();
  }

  #chart({ name, series, unit }) {
    const { t } = this.#words;
    const lines = series.map((one) => svg("path", { class: `line ${one}`, "vector-effect": "non-scaling-stroke" }));
    const drawing = svg("svg", { viewBox: `0 -4 ${WIDTH} ${HEIGHT + 5}`, preserveAspectRatio: "none", role: "img" },
      svg("path", { class: "ground", d: `M0 ${HEIGHT}H${WIDTH}M0 0H${WIDTH}`, "vector-effect": "non-scaling-stroke" }), ...lines);
    const now = element("strong");
    const peak = element("span", { class: "peak" });
    const node = element("figure", { class: "chart", "data-testid": `chart-${name}` },
      element("figcaption", {}, element("span", {}, t(`picture_chart_${name}`)), now), drawing, peak);
    return { node, drawing, lines, now, peak, series, unit, title: t(`picture_chart_${name}`) };
  }

  #draw() {
    const { t, brief } = this.#words;
    for (const { drawing, lines, now, peak, series, unit, title } of this.#charts) {
      const most = this.#history.peak(...series);
      const values = series.map((one) => this.#history.of(one).at(-1));
      lines.forEach((path, index) => path.setAttribute("d", line(this.#history.of(series[index]), most, WIDTH, HEIGHT)));
      now.textContent = values.every((value) => value === undefined) ? "–"
        : t(unit, { n: values.map((value) => brief(value ?? 0)).join(" / ") });
      peak.textContent = most > 0 ? t("picture_peak", { n: t(unit, { n: brief(most) }) }) : "";
      drawing.setAttribute("aria-label", `${title}: ${now.textContent}. ${peak.textContent}`);
    }
  }
}
