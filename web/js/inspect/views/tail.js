// The live tail: what comes into a topic, as it comes.

import { element } from "../../element.js";
import { onceAFrame } from "../../frame.js";
import { topic as topicOf } from "../cluster.js";
import { filterOf } from "../filter.js";
import { count, isoTime } from "../format.js";
import { field, form, input, outcome, select, table } from "../kit.js";
import { inShort } from "../payload.js";
import { Tail, inTime, reader } from "../tailing.js";
import { placeFields } from "./place.js";

/** What is shown at the most, and what is kept so that another filter finds more. */
const MAX_ROWS = 500;
const MAX_KEPT = 5000;

export function tail(ctx, { topic, partition }) {
  const { t } = ctx;
  const shown = new Shown(ctx, topic);
  const follower = follow(ctx, topic, partition, shown);
  const filter = input("tail-filter", { type: "search", spellcheck: "false", placeholder: t("filter_example"), oninput: () => shown.filter(filter.value) });
  const only = select("tail-partition", [["", t("all_partitions")], ...(topicOf(ctx.api, topic)?.leaders ?? [])
    .map((_, number) => [number, t("partition_name", { partition: number })])], partition ?? "", { onchange: () => follower.choose(only.value) });
  const pause = element("button", {
    type: "button", "data-testid": "tail-pause", "aria-pressed": "false",
    onclick: () => {
      follower.pause(!follower.isPaused());
      pause.setAttribute("aria-pressed", String(follower.isPaused()));
    },
  }, t("pause"));
  const clear = element("button", { type: "button", "data-testid": "tail-clear", onclick: () => shown.clear() }, t("clear"));
  return {
    eyebrow: t("tail"),
    title: topic,
    body: [
      element("div", { class: "line" }, field(t("filter"), filter, t("filter_hint")), field(t("partition"), only)),
      element("div", { class: "buttons" }, pause, clear, exportShown(ctx, topic, shown)),
      seek(ctx, follower), follower.said.place, shown.counted, shown.whole,
    ],
    update: () => follower.look(),
    close: () => follower.stop(),
  };
}

/** The reader of the topic, and what a person wants of it. */
function follow(ctx, topic, partition, shown) {
  const { api, t } = ctx;
  const said = outcome("tail-said");
  const chosen = (value) => (value === "" || value === undefined ? (topicOf(api, topic)?.leaders ?? []).map((_, number) => number) : [Number(value)]);
  let [partitions, paused] = [chosen(partition), false];
  const ends = () => new Map(partitions.map((number) => [number, topicOf(api, topic)?.partitions[number]?.high_watermark ?? 0n]));
  const tail = new Tail({ read: reader(api, topic), ends: () => (paused ? new Map() : ends()), onRecords: (from, records) => shown.add(from, records), onRound: () => shown.draw() });
  const watched = (work) => work.then(() => shown.skipped(tail.skipped)).catch((error) => said.failed(error));
  const begin = (from) => {
    shown.clear();
    said.done();
    return tail.seek(partitions, from).then(() => shown.begun(tail.skipped));
  };
  watched(begin("last"));
  return {
    said,
    seek: begin,
    look: () => watched(tail.look()),
    stop: () => tail.stop(),
    isPaused: () => paused,
    choose: (value) => {
      partitions = chosen(value);
      watched(begin("last"));
    },
    pause: (value) => {
      paused = value;
      said.done(paused ? t("paused") : "");
      if (!paused) watched(tail.look());
    },
  };
}

function seek(ctx, follower) {
  const { t } = ctx;
  const to = select("tail-seek", ["last", "start", "end", "offset", "timestamp"].map((value) => [value, t(`seek_${value}`)]), "last");
  const { fields, offset, time } = placeFields(ctx, "tail", to);
  const whole = form("tail-seek-go", [element("div", { class: "line" }, field(t("seek"), to), ...fields)], t("seek_go"), async () => {
    let from = to.value;
    if (from === "offset") from = { offset: offset() };
    if (from === "timestamp") from = { timestamp: time() };
    await follower.seek(from);
  }, { kind: "" });
  whole.classList.add("inline");
  return whole;
}

function exportShown({ t, choose }, topic, shown) {
  return element("button", {
    type: "button", "data-testid": "tail-export", onclick: () => choose({ kind: "export", topic, chosen: shown.matching() }),
  }, t("export_shown"));
}

/** The rows: the newest above, no more than fit a glance. */
class Shown {
  #ctx;
  #topic;
  #kept = [];
  #test = filterOf("");
  #body;
  #read = 0;
  #skipped = 0n;
  #fresh = [];
  counted = element("p", { class: "hint", "data-testid": "tail-counted" });

  constructor(ctx, topic) {
    this.#ctx = ctx;
    this.#topic = topic;
    const { t } = ctx;
    const { whole, body } = table(t("tail"), [t("partition"), [t("offset"), "number"], t("time"), t("key"), t("value")], "tail-rows");
    this.whole = whole;
    this.#body = body;
    whole.classList.add("tail");
  }

  add(partition, records) {
    this.#read += records.length;
    for (const record of records) {
      const one = { partition, ...record };
      this.#kept.push(one);
      if (this.#test(one)) this.#fresh.push(one);
    }
    if (this.#kept.length > 2 * MAX_KEPT) this.#kept = this.#kept.slice(-MAX_KEPT);
    // What comes within a round is put into the order of its time, unless there is much of it.
    if (this.#fresh.length <= MAX_ROWS) return;
    this.#fresh = this.#fresh.slice(-MAX_ROWS);
    this.draw();
  }

  skipped(number) {
    this.#skipped = number;
    this.draw();
  }

  /** What was there already has come, one partition after the other. */
  begun(skipped) {
    this.#kept = inTime(this.#kept);
    this.#again();
    this.skipped(skipped);
  }

  filter(typed) {
    this.#test = filterOf(typed);
    this.#again();
  }

  #again() {
    this.#body.replaceChildren();
    this.#fresh = this.matching().slice(-MAX_ROWS);
    this.draw();
  }

  clear() {
    [this.#kept, this.#fresh, this.#read, this.#skipped] = [[], [], 0, 0n];
    this.#body.replaceChildren();
    this.draw();
  }

  /** What is kept and passes the filter, the oldest first. */
  matching() {
    return this.#kept.slice(-MAX_KEPT).filter(this.#test);
  }

  draw = onceAFrame(() => {
    this.#body.prepend(...inTime(this.#fresh).reverse().map((record) => this.#row(record)));
    this.#fresh = [];
    while (this.#body.rows.length > MAX_ROWS) this.#body.lastChild.remove();
    const { t } = this.#ctx;
    const skipped = this.#skipped > 0n ? ` ${t("tail_skipped", { count: count(this.#skipped) })}` : "";
    this.counted.textContent = t("tail_counted", { read: count(this.#read), shown: count(this.#body.rows.length), max: MAX_ROWS }) + skipped;
    this.counted.dataset.read = this.#read;
    this.counted.classList.toggle("problem", this.#skipped > 0n);
  });

  #row({ partition, offset, timestamp, key, value }) {
    const { t, choose } = this.#ctx;
    const cell = (payload) => (payload ? element("code", { class: "shortened" }, inShort(payload)) : element("span", { class: "null" }, t("null")));
    return element("tr", { "data-testid": "tail-row", "data-partition": partition, "data-offset": offset },
      element("td", {}, element("span", { class: "swatch", "data-p": partition % 8, "aria-hidden": "true" }), partition),
      element("td", { class: "number" }, element("button", {
        type: "button", class: "quiet small", "aria-label": t("record_short", { partition, offset: count(offset) }),
        onclick: () => choose({ kind: "record", topic: this.#topic, partition, offset }),
      }, count(offset))),
      element("td", { class: "time" }, (isoTime(timestamp) ?? t("none")).slice(11, 23)), element("td", {}, cell(key)), element("td", {}, cell(value)));
  }
}
