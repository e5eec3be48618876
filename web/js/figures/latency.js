// Percentiles out of the counts that workers give of how long things took. Nothing of the DOM.

/** The shortest time that belongs to a bucket, in milliseconds: as `Latencies` of worker/protocol counts them. */
export function bound(bucket) {
  const doubled = Math.max(0, Math.floor(bucket / 4) - 1);
  return ((bucket - 4 * doubled) * 2 ** doubled) / 16;
}

/** The time that this part of what was counted did not exceed, in milliseconds; undefined where nothing was. */
export function percentile(counts, part) {
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (all === 0) return undefined;
  let left = part * all;
  const bucket = counts.findIndex((count) => {
    if (count > 0 && left <= count) return true;
    left -= count;
    return false;
  });
  const [from, to] = [bound(bucket), bound(bucket + 1)];
  return from + ((to - from) * left) / counts[bucket];
}

/** What was counted since the last look. */
export class Since {
  #before;

  /** Takes the counts as they are now; gives by how much they have grown, nothing where they were begun anew. */
  look(counts = []) {
    const before = this.#before;
    this.#before = [...counts];
    if (before === undefined || before.some((count, bucket) => count > (counts[bucket] ?? 0))) return [];
    return this.#before.map((count, bucket) => count - (before[bucket] ?? 0));
  }
}
