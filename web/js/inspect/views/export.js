// Records of a topic, a partition, or those that a tail shows, as a file.

import { element } from "../../element.js";
import { topic as topicOf } from "../cluster.js";
import { exportRecords, linesOf, openFile } from "../exporting.js";
import { count } from "../format.js";
import { attempt, checkbox, field, outcome, select, setText } from "../kit.js";
import { FORMATS } from "../rows.js";
import { reader } from "../tailing.js";

export function exporting(ctx, { topic, partition, chosen }) {
  const { api, t } = ctx;
  const format = select("export-format", Object.keys(FORMATS).map((name) => [name, t(`format_${name}`)]), "ndjson");
  const guarded = checkbox("export-guarded");
  const guardField = field(t("guarded"), guarded, t("guarded_hint"));
  const hint = element("p", { class: "hint" });
  const explain = () => {
    guardField.hidden = format.value !== "csv";
    hint.textContent = t(`format_hint_${format.value}`);
  };
  format.addEventListener("change", explain);
  explain();
  const leaders = topicOf(api, topic)?.leaders ?? [];
  const which = select("export-partition", [["", t("all_partitions")], ...leaders.map((_, number) => [number, t("partition_name", { partition: number })])], partition ?? "");
  const bar = element("progress", { hidden: true, "aria-label": t("export_progress"), value: 0, max: 1 });
  const counted = element("p", { class: "hint", "data-testid": "export-counted" });
  const said = outcome("export-said");
  let running;
  const cancel = element("button", { type: "button", "data-testid": "export-cancel", hidden: true, onclick: () => running?.abort(new Error(t("export_cancelled"))) }, t("cancel"));
  const button = element("button", { type: "submit", class: "primary", "data-testid": "export-go" }, t("export"));
  const work = async () => {
    running = new AbortController();
    [bar.hidden, cancel.hidden] = [false, false];
    try {
      const job = { topic, chosen, partition: which.value, format: format.value, guarded: guarded.checked, signal: running.signal };
      const done = await run(ctx, job, (records, total) => {
        bar.value = total > 0 ? records / total : 1;
        setText(counted, t("export_counted", { records: count(records), total: count(total) }));
      });
      return t("exported", { records: count(done.records) }) + (done.leftOut > 0 ? ` ${t("left_out", { count: count(done.leftOut) })}` : "");
    } finally {
      [bar.hidden, cancel.hidden] = [true, true];
    }
  };
  return {
    eyebrow: t("export"),
    title: chosen ? t("export_chosen", { topic, count: count(chosen.length) }) : topic,
    body: [element("form", {
      novalidate: true, onsubmit: (event) => {
        event.preventDefault();
        attempt(button, said, work);
      },
    }, field(t("format"), format), hint, guardField, ...(chosen ? [] : [field(t("partition"), which)]),
    element("div", { class: "buttons" }, button, cancel), bar, counted, said.place)],
    close: () => running?.abort(new Error(t("export_cancelled"))),
  };
}

/** Asks for the file first, as browsers want that right behind the click. */
async function run({ api, t }, { topic, chosen, partition, format, guarded, signal }, tell) {
  const { extension, type } = FORMATS[format];
  const file = await openFile(`${topic}${partition === "" ? "" : `-${partition}`}.${extension}`, type, t("export_too_large")).catch((error) => {
    throw error.name === "AbortError" ? new Error(t("export_cancelled")) : error;
  });
  try {
    const done = chosen ? await chosenRecords(file, chosen, format, guarded)
      : await allRecords({ api, t, topic, partition, file, format, guarded, signal, tell });
    await file.close();
    return done;
  } catch (error) {
    await file.abort();
    throw error;
  }
}

async function chosenRecords(file, chosen, format, guarded) {
  const done = { records: 0, leftOut: 0 };
  await file.write(FORMATS[format].head());
  await file.write(linesOf(chosen, format, guarded, done));
  return done;
}

/** What the partitions hold when it begins; what comes meanwhile is for the next file. */
async function allRecords({ api, t, topic, partition, file, format, guarded, signal, tell }) {
  const read = reader(api, topic, true);
  const numbers = partition === "" ? topicOf(api, topic).leaders.map((_, number) => number) : [Number(partition)];
  const partitions = [];
  for (const number of numbers) {
    const page = await read(number, "start", 1);
    partitions.push({ partition: number, start: page.log_start_offset, end: page.high_watermark });
  }
  const total = Number(partitions.reduce((sum, { start, end }) => sum + (end - start), 0n));
  const progress = ({ records, leftOut }) => tell(records + leftOut, total);
  progress({ records: 0, leftOut: 0 });
  return exportRecords({ read, write: (text) => file.write(text), progress, signal, partitions, format, guarded });
}
