// Which records a page has.

/** Records on a page. */
export const PAGE_RECORDS = 50;

/** Where reading begins, as a `ReadFrom`: undefined where the form does not say. */
export function origin(from, offset, time) {
  if (from === "offset") return /^\s*\d{1,18}\s*$/.test(offset) ? { offset: BigInt(offset.trim()) } : undefined;
  if (from === "timestamp") {
    const ms = new Date(time).getTime();
    return Number.isFinite(ms) ? { timestamp: BigInt(ms) } : undefined;
  }
  return from;
}

/** Where the next page begins, and how long it is; undefined when this is the last. */
export function nextPage({ next_offset: next, high_watermark: end }) {
  return next < end ? { offset: next, records: PAGE_RECORDS } : undefined;
}

/** Where the page before begins, and how long it is so that none of its records is on this one. */
export function previousPage({ records, log_start_offset: start, high_watermark: end }) {
  const first = records[0]?.offset ?? end;
  const back = first - BigInt(PAGE_RECORDS);
  const offset = back > start ? back : start;
  return first > offset ? { offset, records: Number(first - offset) } : undefined;
}

/** The topic of the import that was started last, where the cluster has it already. */
export function newestTopic(imports, known) {
  const topic = imports.at(-1)?.topic;
  return known.has(topic) ? topic : undefined;
}
