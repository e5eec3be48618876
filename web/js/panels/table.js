// A page of records as a table. On a narrow screen each row is a card, so the roles are said outright.

import { element } from "../element.js";
import { bytes, count, isoTime } from "../inspect/format.js";
import { isCut } from "../inspect/payload.js";

// Characters that are shown before a person asks for all.
const SHORT_CHARACTERS = 240;

/** The caption and the table, or a sentence where there are no records. */
export function recordsTable(t, { topic, partition, page }) {
  const { records, log_start_offset: start, high_watermark: end } = page;
  const places = { topic, partition, start: count(start), end: count(end), first: count(records[0]?.offset), last: count(records.at(-1)?.offset) };
  const caption = element("p", { class: "hint", id: "records-caption", "data-testid": "records-caption" },
    t(records.length === 0 ? "shown" : "shown_range", places));
  if (records.length === 0) {
    const said = start === end ? t("empty_partition") : t("empty", places);
    return [caption, element("p", { class: "empty", "data-testid": "read-empty" }, said)];
  }
  const heads = ["offset", "record_time", "key", "value", "headers"].map((head) => element("th", { scope: "col", role: "columnheader" }, t(head)));
  return [caption, element("table", { class: "records", role: "table", "aria-describedby": "records-caption" },
    element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, ...heads)),
    element("tbody", { role: "rowgroup" }, ...records.map((record) => row(t, record))))];
}

function row(t, record) {
  const cell = (name, label, ...content) => element("td", { role: "cell", class: name, "data-label": t(label) }, ...content);
  return element("tr", { role: "row", "data-testid": "record-row", "data-offset": record.offset },
    cell("number", "offset", count(record.offset)),
    cell("time", "record_time", (isoTime(record.timestamp) ?? "–").replace("T", " ")),
    cell("key", "key", ...payload(t, record.key)),
    cell("value", "value", ...payload(t, record.value)),
    cell("headers", "headers", ...headers(t, record.headers)));
}

function headers(t, all) {
  if (all.length === 0) return [];
  return [element("ul", {}, ...all.map(([name, value]) => element("li", {}, element("code", { class: "name" }, name), " ", ...payload(t, value))))];
}

/** The text of a payload, shortened when it is long, with a button that shows all. */
function payload(t, value) {
  if (value === undefined || value === null) return [element("span", { class: "null" }, t("null"))];
  const short = value.text.length > SHORT_CHARACTERS ? `${[...value.text].slice(0, SHORT_CHARACTERS).join("")}…` : undefined;
  const code = element("code", { class: "payload" }, short ?? value.text);
  const tag = value.hex ? [element("span", { class: "tag" }, t("hex"))] : [];
  if (short === undefined) return [...tag, code];
  const size = bytes(value.length);
  const cut = element("span", { class: "hint", hidden: true }, isCut(value) ? t("only_first_of", { size }) : "");
  const button = element("button", { type: "button", class: "quiet small", "aria-expanded": "false" }, t("show_all", { size }));
  button.addEventListener("click", () => {
    const all = button.getAttribute("aria-expanded") === "false";
    button.setAttribute("aria-expanded", String(all));
    button.textContent = all ? t("show_less") : t("show_all", { size });
    code.textContent = all ? value.text : short;
    cut.hidden = !all;
  });
  return [...tag, code, button, cut];
}
