// Figures of several rounds, for people.

/** The middle one of those that are there; null where none is. */
export function median(numbers) {
  const there = numbers.filter((number) => number !== null && number !== undefined).sort((a, b) => a - b);
  if (there.length === 0) return null;
  const middle = Math.floor(there.length / 2);
  return there.length % 2 === 1 ? there[middle] : (there[middle - 1] + there[middle]) / 2;
}

/** The smallest number that at least this part of them do not exceed. */
export function percentile(numbers, part) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)];
}

/** A table with its columns aligned. */
export function table(head, rows) {
  const cell = (value) => (value === null || value === undefined ? "–" : typeof value === "number" ? figure(value) : value);
  const all = [head, ...rows.map((row) => row.map(cell))];
  const widths = head.map((_, column) => Math.max(...all.map((row) => String(row[column] ?? "").length)));
  const pad = (text, column) => (column === 0 ? text.padEnd(widths[0]) : text.padStart(widths[column]));
  return `${all.map((row) => row.map((text, column) => pad(String(text), column)).join("  ").trimEnd()).join("\n")}\n`;
}

function figure(number) {
  return Number.isInteger(number) ? number.toLocaleString("en") : number.toFixed(Math.abs(number) < 10 ? 3 : 1);
}
