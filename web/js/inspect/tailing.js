// Follows the end of a topic by itself, without a page: reads every record once, in order for each partition, and says when it has to skip.

import { variant } from "../variant.js";

/** How many records come at once. */
const PAGE = 1000;
/** How far a partition may be behind before the rest is skipped: nobody can watch so many. */
const MAX_BEHIND = 20_000n;

/** One reader of a topic's partitions. */
export class Tail {
  #read;
  #ends;
  #next = new Map();
  #onRecords;
  #onRound;
  #running = false;
  #wanted = false;
  #stopped = false;
  /** How many records were passed over to catch up. */
  skipped = 0n;

  /**
   * `read(partition, from, max)` gives a `RecordsPage`, `ends()` the known ends by partition (a `Map`), and `onRecords(partition, records)`
   * gets what is new, and `onRound()` hears when every partition was looked at.
   */
  constructor({ read, ends, onRecords, onRound = () => {} }) {
    this.#read = read;
    this.#ends = ends;
    this.#onRecords = onRecords;
    this.#onRound = onRound;
  }

  /** Begins anew: `from` is a `ReadFrom`, for these partitions; `"end"` for what comes from now on. */
  async seek(partitions, from) {
    // What is being read for the old place is not wanted any more.
    this.#next = new Map();
    const next = new Map();
    for (const partition of partitions) {
      if (from === "end") {
        const page = await this.#read(partition, "last", 1);
        next.set(partition, page.high_watermark);
        continue;
      }
      // What lies there is read by the loop; here only where that begins.
      const page = await this.#read(partition, from, from === "last" ? 100 : 1);
      next.set(partition, page.records[0]?.offset ?? page.next_offset);
    }
    this.#next = next;
    this.skipped = 0n;
    return this.look();
  }

  /** Reads what there is by now. Called whenever ends may have moved; while it reads, once more is enough. */
  async look() {
    this.#wanted = true;
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#wanted && !this.#stopped) {
        this.#wanted = false;
        for (const [partition, end] of this.#ends()) await this.#catchUp(partition, end);
        this.#onRound();
      }
    } finally {
      this.#running = false;
    }
  }

  /** Reads no more. */
  stop() {
    this.#stopped = true;
  }

  async #catchUp(partition, known) {
    const next = this.#next;
    let end = BigInt(known);
    while (!this.#stopped && next === this.#next && next.get(partition) < end) {
      const behind = end - next.get(partition);
      if (behind > MAX_BEHIND) {
        const to = end - BigInt(PAGE);
        this.skipped += to - next.get(partition);
        next.set(partition, to);
      }
      const at = next.get(partition);
      const page = await this.#read(partition, { offset: at }, PAGE);
      if (next !== this.#next || this.#stopped) return;
      // What was deleted before it was read counts as skipped too.
      if (page.log_start_offset > at) this.skipped += page.log_start_offset - at;
      next.set(partition, page.next_offset);
      if (page.records.length > 0) this.#onRecords(partition, page.records);
      if (page.next_offset <= at) return;
      if (page.high_watermark > end) end = page.high_watermark;
    }
  }
}

/** Records in the order of their time; those of a partition stay in the order of their offsets, whatever their times say. */
export function inTime(records) {
  const latest = new Map();
  const placed = records.map((record) => {
    const before = latest.get(record.partition);
    const at = before > record.timestamp ? before : record.timestamp;
    latest.set(record.partition, at);
    return [at, record];
  });
  return placed.sort(([one], [other]) => (one < other ? -1 : Number(one > other))).map(([, record]) => record);
}

/** Where a topic's partition is read, by `Request::Read`. */
export function reader(api, topic, whole = false) {
  return async (partition, from, max_records) => {
    const [, page] = variant(await api.request({ read: { topic, partition, from, max_records, whole } }));
    return page;
  };
}
