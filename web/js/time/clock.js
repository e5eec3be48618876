// The one clock of all workers: how fast it goes, what time it is, and what is next while it stands still.

/** How fast time can go, in thousandths. */
export const SPEEDS = [10, 100, 500, 1000, 2000, 10_000];

/** The names of the requests that wait while time stands still, by Kafka's numbers. */
const REQUESTS = {
  0: "Produce", 1: "Fetch", 8: "OffsetCommit", 11: "JoinGroup", 12: "Heartbeat", 13: "LeaveGroup", 14: "SyncGroup",
  22: "InitProducerId", 24: "AddPartitionsToTxn", 25: "AddOffsetsToTxn", 26: "EndTxn", 28: "TxnOffsetCommit",
};

/** Virtual time: thousandths of real time as its rate. */
export class VirtualClock {
  rate = 1000;
  #real;
  #virtual;

  constructor(real) {
    this.#real = this.#virtual = real;
  }

  /** What time it is when the browser's clock shows `real`, in whole milliseconds. */
  now(real) {
    return Math.round(this.#virtual + ((real - this.#real) * this.rate) / 1000);
  }

  /** Goes on at another rate, from another time if it is later. */
  set(real, rate, at = 0) {
    this.#virtual = Math.max(this.now(real), at);
    this.#real = real;
    this.rate = rate;
  }

  /** The `Time` for the workers. */
  message(real) {
    return { rate: this.rate, real_ms: real, virtual_ms: this.now(real) };
  }
}

/**
 * What a step does: `{ node_id, first }` is the broker with what waits longest, `{ until }` the time of the next time-out of
 * anybody. Nothing when there is neither.
 */
export function nextStep(held, due) {
  const waiting = held.filter(({ first }) => first).sort((one, other) => one.first.since_ms - other.first.since_ms);
  if (waiting.length > 0) return waiting[0];
  const times = [due, ...held.map(({ due_ms }) => due_ms)].filter((time) => typeof time === "number");
  return times.length > 0 ? { until: Math.min(...times) } : undefined;
}

/** What was done, as a string's key and its places. */
export function described({ node_id: n, first, ms }) {
  if (first === undefined) return ["time_went_on", { ms }];
  if (typeof first.api_key !== "number") return ["time_stored", { n }];
  return ["time_handled", { n, request: REQUESTS[first.api_key] ?? first.api_key, client: first.client_id }];
}
