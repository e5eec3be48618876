// Records into a file, part by part.

import { isCut } from "./payload.js";
import { FORMATS } from "./rows.js";

/** How many records are read at once. */
const PAGE = 1000;
/** What a browser that cannot write files bit by bit is asked to hold before it saves it. */
export const MAX_HELD_BYTES = 256 * 1024 * 1024;

/**
 * Writes the records of `partitions`, `{ partition, start, end }`, one partition after the other. `read(partition, from, max)` gives pages,
 * `write(text)` takes the lines of each, `progress({ records, leftOut })` is told after each, `signal` ends it. Gives what it did:
 * records written, and those left out because the format cannot have them.
 */
export async function exportRecords({ read, write, progress, signal, partitions, format, guarded }) {
  const done = { records: 0, leftOut: 0 };
  await write(FORMATS[format].head());
  for (const { partition, start, end } of partitions) {
    for (let at = start; at < end;) {
      signal.throwIfAborted();
      const page = await read(partition, { offset: at }, PAGE);
      const wanted = page.records.filter(({ offset }) => offset < end);
      await write(linesOf(wanted.map((record) => ({ partition, ...record })), format, guarded, done));
      progress(done);
      if (page.next_offset <= at) throw new Error(`partition ${partition} gives nothing at ${at}`);
      at = page.next_offset;
    }
  }
  return done;
}

/** The lines of records that each know their partition; counts them in `done`. */
export function linesOf(records, format, guarded, done) {
  const { row } = FORMATS[format];
  let lines = "";
  for (const record of records) {
    const parts = [record.key, record.value, ...record.headers.map(([, value]) => value)];
    if (parts.some((part) => part && isCut(part))) throw new Error(`${record.partition}:${record.offset} is only there in part`);
    const line = row(record.partition, record, { guarded });
    if (line === undefined) done.leftOut += 1;
    else {
      lines += line;
      done.records += 1;
    }
  }
  return lines;
}

/** Where a file is written: `{ write, close, abort }`. On disk as it comes where the browser lets one choose a file; else held, with a limit. */
export async function openFile(name, type, tooLarge) {
  if (typeof globalThis.showSaveFilePicker === "function") {
    const handle = await globalThis.showSaveFilePicker({ suggestedName: name });
    const stream = await handle.createWritable();
    return { write: (text) => stream.write(text), close: () => stream.close(), abort: () => stream.abort() };
  }
  return heldFile(name, type, tooLarge);
}

function heldFile(name, type, tooLarge) {
  let parts = [];
  let bytes = 0;
  return {
    write: (text) => {
      // Blobs lie outside the page's memory; a string would not.
      const part = new Blob([text]);
      if (bytes + part.size > MAX_HELD_BYTES) throw new Error(tooLarge);
      bytes += part.size;
      parts.push(part);
    },
    close: () => {
      const url = URL.createObjectURL(new Blob(parts, { type }));
      Object.assign(document.createElement("a"), { href: url, download: name }).click();
      // The download has its own hold on what is behind the address by then.
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    },
    abort: () => {
      parts = [];
    },
  };
}
