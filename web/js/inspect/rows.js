// Records as rows of a file: CSV as RFC 4180 has it, or NDJSON.

import { base64 } from "./payload.js";

const COLUMNS = ["partition", "offset", "timestamp", "key", "key_encoding", "value", "value_encoding", "headers"];

/**
 * The formats by name: `head` is the first line, `row` a record's line, or undefined where it cannot be one. `csv` and `ndjson` have all of
 * a record; `values` has the values alone, as the import wants them to make the same records again.
 */
export const FORMATS = {
  csv: {
    type: "text/csv",
    extension: "csv",
    head: () => csvLine(COLUMNS),
    row: (partition, record, { guarded = false } = {}) => {
      const all = asObject(partition, record);
      const cells = COLUMNS.map((column) => (column === "headers" ? JSON.stringify(all.headers) : all[column] ?? ""));
      return csvLine(guarded ? cells.map(guard) : cells);
    },
  },
  ndjson: {
    type: "application/x-ndjson",
    extension: "ndjson",
    head: () => "",
    row: (partition, record) => {
      const { partition: _, offset, timestamp, ...rest } = asObject(partition, record);
      // By hand: JSON.stringify has no integers of 64 bits.
      return `{"partition":${partition},"offset":${offset},"timestamp":${timestamp},${JSON.stringify(rest).slice(1)}\n`;
    },
  },
  values: {
    type: "application/x-ndjson",
    extension: "ndjson",
    head: () => "",
    row: (_partition, { value }) => (isJsonObject(value) ? `${value.text.trim().replace(/[\r\n]+/g, " ")}\n` : undefined),
  },
};

function asObject(partition, { offset, timestamp, key, value, headers }) {
  const [keyText, keyEncoding] = encoded(key);
  const [valueText, valueEncoding] = encoded(value);
  return {
    partition,
    offset,
    timestamp,
    key: keyText,
    key_encoding: keyEncoding,
    value: valueText,
    value_encoding: valueEncoding,
    headers: headers.map(([name, content]) => {
      const [text, encoding] = encoded(content);
      return { name, value: text, encoding };
    }),
  };
}

/** A text, and how it is to be read: `utf8`, `base64` for bytes that are no text, `null` for nothing at all. */
export function encoded(payload) {
  if (payload === undefined || payload === null) return [null, "null"];
  return payload.hex ? [base64(payload.text), "base64"] : [payload.text, "utf8"];
}

/** A line of CSV: quoted where it has to be, and lines end with CR LF. */
export function csvLine(cells) {
  const quoted = cells.map((cell) => {
    const text = String(cell);
    return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${quoted.join(",")}\r\n`;
}

/** A cell that no spreadsheet takes for a formula: an apostrophe before what begins like one. */
export function guard(cell) {
  return typeof cell === "string" && /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
}

function isJsonObject(value) {
  if (value === undefined || value === null || value.hex || !value.text.trimStart().startsWith("{")) return false;
  try {
    JSON.parse(value.text);
    return true;
  } catch {
    return false; // Left out, and counted by whoever asks.
  }
}
