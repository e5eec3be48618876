// A producer: how fast it goes, what it has done, what its records' keys decide, and the settings it was started with.

import { element } from "../../element.js";
import { importOf, isRunning, topic as topicOf } from "../cluster.js";
import { bytes, count, duration, rate } from "../format.js";
import { action, actions, field, figures, keptRows, link, section, setText, usable } from "../kit.js";
import { Meter } from "../meter.js";
import { partitionOf } from "../murmur2.js";
import { rateForm } from "./rate.js";
import { asked, restart, sourceFields } from "./source.js";

export function producer(ctx, { import: id }) {
  const { api, t, choose } = ctx;
  const now = () => importOf(api, id);
  const meter = new Meter();
  const { list, update } = figures([
    [t("state"), () => stateOf(ctx, now()), "producer-state"],
    [t("acknowledged"), () => count(now()?.acknowledged), "producer-acknowledged"],
    [t("records_per_s"), () => (now() && isRunning(now()) ? rate(meter.rate()) : undefined)],
    [t("already_there"), () => count(now()?.already_there)],
    [t("broken"), () => count(now()?.broken)],
    [t("read_of_source"), () => progress(now())],
    [t("elapsed"), () => duration(now()?.elapsed_ms)],
  ]);
  const problem = element("p", { class: "problem", hidden: true });
  const broken = element("ul", { class: "rows" });
  const fillBroken = keptRows(broken, (rows) => rows.map(([line, why]) => element("li", {}, t("line_reason", { line: count(line), reason: why }))));
  const stop = action(ctx, "producer-stop", t("stop"), async () => {
    await api.request({ "stop-import": { import: BigInt(id) } });
    return t("producer_stopped");
  });
  const first = now();
  if (first === undefined) return { eyebrow: t("producer"), title: "", body: [element("p", { class: "empty" }, t("producer_gone"))] };
  const known = asked(first);
  const parts = known === undefined ? [element("p", { class: "hint" }, t("producer_of_file"))] : settings(ctx, id, known);
  return {
    eyebrow: t("producer"),
    title: t("producer_name", { source: first.source, topic: first.topic }),
    body: [list, problem, ...actions(stop), link("go-topic", t("topic_named", { topic: first.topic }), () => choose({ kind: "topic", topic: first.topic })),
      ...parts, section(t("broken_rows"), false, broken)],
    update: () => {
      const found = now();
      if (found === undefined) return;
      meter.see(Number(found.acknowledged));
      usable(stop.button, isRunning(found));
      const failed = found.state?.failed;
      problem.hidden = failed === undefined;
      if (failed) setText(problem, `${failed.kind}: ${failed.message}`);
      broken.parentElement.hidden = found.broken_rows.length === 0;
      fillBroken(String(found.broken_rows.length), found.broken_rows);
      update();
    },
  };
}

function settings(ctx, id, known) {
  const { api, t, choose } = ctx;
  const go = async (request) => {
    const started = await restart(api, id, request);
    choose({ kind: "producer", import: started });
  };
  const pace = rateForm(ctx, "producer", known.records_per_s, (records_per_s) => api.request({ "set-rate": { import: BigInt(id), records_per_s } }));
  const { whole, read } = sourceFields(ctx, known, { fixed: true });
  const change = action(ctx, "producer-change", t("change_producer"), () => go({ ...asked(importOf(api, id)), ...read() }));
  return [section(t("pace"), true, pace), section(t("producer_settings"), false, whole, element("p", { class: "hint" }, t("change_producer_hint")), ...actions(change)),
    section(t("where_keys_go"), false, keys(ctx, known))];
}

/** Where the keys at the source's beginning go, and any other. */
function keys(ctx, known) {
  const { api, t } = ctx;
  const partitions = () => topicOf(api, known.topic)?.leaders.length ?? known.partitions;
  const rows = element("ul", { class: "keys" });
  const item = (key) => {
    const partition = partitionOf(key, partitions());
    return element("li", {}, element("code", {}, key), " → ", element("span", { class: "swatch", "data-p": partition % 8, "aria-hidden": "true" }),
      t("partition_name", { partition }));
  };
  const tried = element("span", { role: "status", "data-testid": "key-partition" });
  const control = element("input", {
    "data-testid": "key-try", autocomplete: "off", spellcheck: "false",
    oninput: () => tried.replaceChildren(...(control.value === "" ? [] : item(control.value).childNodes)),
  });
  if (known.key_field && known.source["data-set"]) {
    api.request({ preview: { source: known.source } }).then(({ preview }) => {
      const found = new Set(preview.rows.map((row) => JSON.parse(row)[known.key_field]).filter((key) => key !== undefined));
      rows.append(...[...found].map((key) => item(String(key))));
    }).catch((error) => rows.append(element("li", { class: "problem" }, error.message)));
  }
  return element("div", { class: "stack" }, element("p", { class: "hint" }, known.key_field ? t("keys_hint") : t("no_keys_hint")), rows,
    field(t("try_a_key"), control), tried);
}

function stateOf({ t }, found) {
  if (found === undefined) return t("producer_gone");
  return t(`import_${typeof found.state === "string" ? found.state : Object.keys(found.state)[0]}`);
}

function progress(found) {
  if (!found?.bytes_total) return undefined;
  return `${Math.floor((Number(found.bytes_read) * 100) / Number(found.bytes_total))} % · ${bytes(found.bytes_total)}`;
}
