// What a gateway sends is JSON; its integers of 64 bits come as `{"$":"…"}`, since a number holds 53 of them
// (gateway/src/ui/json.rs).

/** A gateway's message: 64-bit integers are `bigint`s, as in the messages of workers. */
export function parse(text) {
  return JSON.parse(text, (_, value) => (typeof value?.$ === "string" ? BigInt(value.$) : value));
}

/** A message for a gateway. It takes integers of 64 bits as they are written, so they are written whole. */
export function write(message) {
  return JSON.stringify(message, (_, value) => (typeof value === "bigint" ? { $: String(value) } : value))
    .replace(/\{"\$":"(-?\d+)"\}/g, "$1");
}

/** Where a gateway's WebSocket of this path is, for the page at `page`. */
export function socketUrl(path, page) {
  const url = new URL(path, page);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/** How long to wait before the next attempt, in milliseconds, after so many that failed. */
export function pause(failures) {
  return Math.min(250 * 2 ** failures, 5_000);
}
