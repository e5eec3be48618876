// Figures, times and bytes as text.

/** A count with its thousands apart, alike in each language. */
export function count(value) {
  return value === undefined || value === null ? undefined : BigInt(value).toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A number of things a second. */
export function rate(value) {
  return value === undefined ? undefined : value >= 10 ? count(Math.round(value)) : value.toFixed(1).replace(/\.0$/, "");
}

/** A size in decimal units: `431 B`, `1.5 kB`. */
export function bytes(value) {
  if (value === undefined || value === null) return undefined;
  let [size, unit] = [Number(value), 0];
  const units = ["B", "kB", "MB", "GB", "TB"];
  while (size >= 1000 && unit < units.length - 1) [size, unit] = [size / 1000, unit + 1];
  return `${unit > 0 && size < 10 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A span of time, in the two largest units that it has: `850 ms`, `12.3 s`, `2 min 5 s`, `3 h 0 min`, `40 d 7 h`. */
export function duration(ms) {
  if (ms === undefined || ms === null) return undefined;
  const whole = Math.round(Number(ms));
  if (whole < 1000) return `${whole} ms`;
  if (whole < MINUTE_MS) return `${(whole / 1000).toFixed(1)} s`;
  const both = (large, name, small, smaller) => `${Math.floor(whole / large)} ${name} ${Math.floor((whole % large) / small)} ${smaller}`;
  if (whole < HOUR_MS) return both(MINUTE_MS, "min", 1000, "s");
  return whole < DAY_MS ? both(HOUR_MS, "h", MINUTE_MS, "min") : both(DAY_MS, "d", HOUR_MS, "h");
}

/** A time in ISO 8601, in local time with its offset from UTC: `2026-03-01T13:05:00.250+01:00`. */
export function isoTime(ms, offsetMinutes) {
  const date = new Date(Number(ms));
  if (Number(ms) < 0 || Number.isNaN(date.getTime())) return undefined;
  const ahead = offsetMinutes ?? -date.getTimezoneOffset();
  const local = new Date(date.getTime() + ahead * 60_000).toISOString().slice(0, -1);
  const part = (value) => String(Math.floor(value)).padStart(2, "0");
  return `${local}${ahead < 0 ? "-" : "+"}${part(Math.abs(ahead) / 60)}:${part(Math.abs(ahead) % 60)}`;
}
