// Values as text for people, with a limit on everything: what the code of a person writes to its console.

const LIMITS = { depth: 4, items: 50, chars: 4000, string: 1000, width: 72 };

/** The arguments of one call of `console.log` as one text; strings stand as they are, as browsers and Node have it. */
export function renderAll(values, chars = LIMITS.chars) {
  return cut(values.map((value) => (typeof value === "string" ? value : render(value))).join(" "), chars);
}

/** A value as text: objects on one line where they fit, else a line for each entry. */
export function render(value) {
  return show(value, { depth: 0, above: [] });
}

/** `text`, or its beginning and a note of how much is missing. */
export function cut(text, chars) {
  return text.length <= chars ? text : `${text.slice(0, chars)} … (${text.length - chars} characters more)`;
}

function show(value, at) {
  if (typeof value === "string") return JSON.stringify(cut(value, LIMITS.string));
  if (typeof value === "bigint") return `${value}n`;
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "function") return `[function ${ownText(value, "name") || "without a name"}]`;
  if (typeof value !== "object" || value === null) return String(value);
  if (at.above.includes(value)) return "[circular]";
  try {
    return showObject(value, { depth: at.depth + 1, above: [...at.above, value] });
  } catch (error) {
    // A proxy may refuse to be looked at.
    return `[not shown: ${typeof error?.message === "string" ? error.message : "it refuses"}]`;
  }
}

function showObject(value, at) {
  if (value instanceof Error) return showError(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (value instanceof Promise) return "Promise {}";
  if (value instanceof Uint8Array) return showBytes(value);
  if (value instanceof ArrayBuffer) return `ArrayBuffer (${value.byteLength} bytes)`;
  const name = className(value);
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) return showList(value, name, at);
  if (value instanceof Map) {
    return enclosed(`Map(${value.size}) {`, "}", value.size, take(value, ([key, one]) => `${show(key, at)} => ${show(one, at)}`), at);
  }
  if (value instanceof Set) return enclosed(`Set(${value.size}) {`, "}", value.size, take(value, (one) => show(one, at)), at);
  return showEntries(value, name, at);
}

function showList(value, name, at) {
  const head = Array.isArray(value) ? "[" : `${name}(${value.length}) [`;
  if (at.depth > LIMITS.depth) return value.length === 0 ? `${head}]` : `[Array of ${value.length}]`;
  return enclosed(head, "]", value.length, Array.from({ length: Math.min(value.length, LIMITS.items) }, (_, index) => show(value[index], at)), at);
}

function showEntries(value, name, at) {
  const keys = Object.keys(value);
  const head = name === "" || name === "Object" ? "{" : `${name} {`;
  if (at.depth > LIMITS.depth) return keys.length === 0 ? `${head}}` : `[${name || "Object"}]`;
  const entries = keys.slice(0, LIMITS.items).map((key) => {
    // A getter is code of somebody's: it is named, not run.
    const { get, value: own } = Object.getOwnPropertyDescriptor(value, key) ?? {};
    return `${/^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) ? key : JSON.stringify(cut(key, 100))}: ${get ? "[getter]" : show(own, at)}`;
  });
  return enclosed(head, "}", keys.length, entries, at);
}

/** Bytes are most often text here: keys and values of records. */
function showBytes(bytes) {
  const head = bytes.subarray(0, LIMITS.string);
  const more = bytes.length > head.length ? ` … (${bytes.length - head.length} bytes more)` : "";
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(head);
    if (!/[\u0000-\u0008\u000e-\u001f]/.test(text)) return `Buffer(${JSON.stringify(text)}${more})`;
  } catch {
    // They are no text.
  }
  return `Buffer(${[...head.subarray(0, LIMITS.items)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ")}${bytes.length > LIMITS.items ? ` … (${bytes.length} bytes)` : ""})`;
}

function showError(error) {
  const { code } = error;
  return `${ownText(error, "name") || className(error) || "Error"}: ${ownText(error, "message")}${typeof code === "string" || typeof code === "number" ? ` (${code})` : ""}`;
}

function take(iterable, showOne) {
  const shown = [];
  for (const one of iterable) {
    if (shown.length === LIMITS.items) break;
    shown.push(showOne(one));
  }
  return shown;
}

function enclosed(head, tail, count, shown, at) {
  if (count > shown.length) shown.push(`… ${count - shown.length} more`);
  if (shown.length === 0) return head + tail;
  const line = shown.join(", ");
  const padding = head === "[" ? "" : " ";
  if (line.length <= LIMITS.width && !line.includes("\n")) return `${head}${padding}${line}${padding}${tail}`;
  const indent = "  ".repeat(at.depth);
  return `${head}\n${shown.map((one) => indent + one).join(",\n")}\n${indent.slice(2)}${tail}`;
}

function className(value) {
  const prototype = Object.getPrototypeOf(value);
  const made = prototype === null ? undefined : Object.getOwnPropertyDescriptor(prototype, "constructor")?.value;
  return typeof made === "function" ? ownText(made, "name") : "";
}

function ownText(value, key) {
  const text = value[key];
  return typeof text === "string" ? cut(text, LIMITS.string) : "";
}
