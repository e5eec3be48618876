// The picture: producers, brokers with their partitions, and groups, with records moving between them.

import { element, svg } from "../element.js";
import { Moving } from "./canvas.js";
import { layoutOf } from "./layout.js";
import { at, modelOf } from "./model.js";
import { Flights, Rates, TraceClock } from "./motion.js";
import { patch } from "./patch.js";
import { keyOf, viewOf } from "./view.js";
import { wordsOf } from "./words.js";

const SAMPLE_MS = 500;
/** Snapshots come in bursts: the picture follows them so often at the most. */
const RENDER_MS = 100;
/** Figures are read, not watched. */
const FIGURES_MS = 950;
const MOST_SEEN = 8;
const SEEN_MS = 20_000;
const calm = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)");

/** Draws the picture into the places of a stage. */
export function openPicture(api, stage) {
  return new Picture(api, stage);
}

class Picture {
  #api;
  #flights = new Flights();
  #clock = new TraceClock();
  #rates = new Rates();
  #segments;
  /** Clients that only traces know, by kind and id. */
  #seen = new Map();
  #items = new Map();
  #chosen;
  #current;
  #width = 0;
  #timer;
  #frame;
  #stepUntil = 0;
  #shown = -Infinity;
  #stage;

  constructor(api, stage) {
    this.#api = api;
    this.#stage = stage;
    this.svg = svg("svg", { role: "group", class: "diagram", "data-testid": "picture" });
    this.canvas = element("canvas", { "aria-hidden": "true", "data-testid": "moving" });
    this.moving = new Moving(this.canvas);
    stage.picture.append(this.svg, this.canvas);
    // What stands below the picture is no part of the first sight, and nothing is chosen before it.
    api.load("figures").then(({ Figures, openAdding, openChoosing, Segments }) => {
      this.#segments = new Segments(api, () => this.#soon());
      openAdding(api, stage.button);
      openChoosing(api, stage.picture, { items: () => this.#items, drawn: () => this.moving.drawn });
      this.figures = new Figures(api, stage.more);
      this.figures.reword(this.words);
    }).catch(api.report);
    this.#listen(stage.picture);
    this.#reword();
    api.watch?.(true);
  }

  #listen(place) {
    const api = this.#api;
    for (const event of ["broker", "clients"]) api.addEventListener(event, ({ detail }) => this.#heard(detail));
    api.addEventListener("standing", () => this.#soon(0));
    api.addEventListener("time", () => this.#fly());
    api.addEventListener("language", () => this.#reword());
    api.addEventListener("chosen", ({ detail }) => this.#mark(detail && keyOf(detail)));
    document.addEventListener("visibilitychange", () => this.#soon());
    new MutationObserver(() => this.#recoloured()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    calm?.addEventListener("change", () => this.#soon());
    place.addEventListener("focusin", ({ target }) => (this.#current = target.dataset?.key ?? this.#current));
    new ResizeObserver(([{ contentRect }]) => {
      this.#width = Math.floor(contentRect.width);
      this.#soon(0);
    }).observe(place);
    setInterval(() => this.#sample(), SAMPLE_MS);
  }

  #reword() {
    this.words = wordsOf(this.#api);
    this.figures?.reword(this.words);
    this.#shown = -Infinity;
    this.#soon(0);
  }

  #recoloured() {
    this.moving.recolour();
    this.#fly();
  }

  #heard({ name, content }) {
    if (name === "trace") this.#trace(content);
    else this.#soon();
  }

  #trace({ to_ms, moves }) {
    const now = performance.timeOrigin + performance.now();
    const rate = this.#keepPace();
    // While time stands still, what a step has moved is seen to move.
    if (rate > 0) this.#clock.heard(to_ms, now);
    for (const move of moves) this.#see(move, now);
    if (document.hidden || calm?.matches) return;
    this.#flights.add(moves);
    if (rate === 0) this.#stepUntil = this.#flights.end;
    this.#fly();
  }

  /** Goes as fast as the workers' time; gives how fast that is. */
  #keepPace() {
    const { rate } = this.#api;
    this.#flights.speed = Math.max(1, rate);
    const shown = this.#clock.now(performance.timeOrigin + performance.now());
    this.#clock.rate = rate === 0 && shown < this.#stepUntil ? 1 : rate;
    return rate;
  }

  /** Remembers who moves records, for those that nothing else tells of. */
  #see({ kind, client_id, topic, records }, now) {
    const name = `${kind} ${client_id}`;
    const before = this.#seen.get(name)?.records ?? 0;
    this.#seen.delete(name);
    this.#seen.set(name, { kind, clientId: client_id, topic, records: before + records, last: now });
    if (this.#seen.size > MOST_SEEN) this.#seen.delete(this.#seen.keys().next().value);
  }

  /** Counts are looked at evenly, however snapshots come. */
  #sample() {
    const now = performance.now();
    const { brokers, clients } = this.#api;
    const heard = new Map();
    for (const { topics } of brokers.values()) {
      for (const { name, partitions } of topics) {
        for (const { partition, high_watermark } of partitions) heard.set(at(name, partition), Number(high_watermark));
      }
    }
    for (const one of clients.imports) heard.set(`producer ${one.import}`, Number(one.acknowledged));
    for (const one of clients.consumers) heard.set(`consumer ${one.consumer}`, Number(one.records));
    for (const one of this.#seen.values()) if (one.kind === "append") heard.set(`client ${one.clientId}`, one.records);
    for (const [name, count] of heard) this.#rates.heard(name, count, now);
    this.#rates.keep(heard);
    const real = performance.timeOrigin + now;
    for (const [name, { last }] of this.#seen) if (last < real - SEEN_MS) this.#seen.delete(name);
    this.#soon();
  }

  #soon(wait = RENDER_MS) {
    if (wait === 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (!document.hidden) this.#render();
    }, wait);
  }

  #render() {
    const { brokers, clients, standing } = this.#api;
    const model = modelOf({ brokers, clients, standing, seen: [...this.#seen.values()], rates: this.#rates.rates });
    if (this.#stage.empty || this.#width === 0) return;
    for (const broker of model.brokers) {
      for (const log of broker.partitions) log.bases = this.#segments?.of(log);
      // A gateway's brokers are started and ended where they run, and live in no worker.
      if (this.#api.gateway !== undefined) Object.assign(broker, { host: undefined, act: undefined });
    }
    this.#segments?.keep(model.logs);
    const layout = layoutOf(model, this.#width);
    const { described, items } = viewOf(model, layout, this.words, { chosen: this.#chosen, current: this.#current });
    this.#items = items;
    for (const [name, value] of Object.entries({ width: layout.width, height: layout.height, "aria-label": this.words.t("picture_label") })) {
      this.svg.setAttribute(name, value);
    }
    patch(this.svg, described);
    this.moving.lieAbove(layout);
    this.#fly();
    this.#show(model);
  }

  /** The same in figures, once a second. */
  #show(model) {
    const now = performance.now();
    if (now - this.#shown < FIGURES_MS) return;
    this.#shown = now;
    const sum = (all) => all.reduce((total, { rate }) => total + rate, 0);
    const values = {
      in: sum([...model.logs.values()]), out: sum(model.groups.flatMap(({ consumers }) => consumers)), lag: model.lag,
      behind: model.behindMs === undefined ? undefined : model.behindMs / 1000,
    };
    const { t, brief } = this.words;
    this.#stage.totals.textContent = t("picture_totals", { in: brief(values.in), out: brief(values.out), lag: brief(values.lag) });
    this.figures?.sample(values);
    this.figures?.twin.show(model);
  }

  /** Draws, and goes on as long as something is on its way. */
  #fly() {
    if (this.#frame !== undefined || document.hidden) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#keepPace();
      const now = this.#clock.now(performance.timeOrigin + performance.now());
      this.moving.draw(now === undefined || calm?.matches ? [] : this.#flights.flying(now), this.words.brief);
      this.canvas.dataset.dots = this.moving.drawn.length;
      if (this.#flights.some && this.#clock.rate > 0) this.#fly();
    });
  }

  #mark(key) {
    this.#chosen = key;
    this.#soon(0);
  }
}
