// Files of rows, as large as wanted.

import { createWriteStream } from "node:fs";
import { once } from "node:events";

const PIECE_BYTES = 1 << 20;
const VEHICLES = 50;

/** A row of a file, by its number: a vehicle's reading, and in every tenth a text that CSV has to quote. */
const FORMATS = {
  ndjson: { head: "", row: (n) => `${JSON.stringify(reading(n))}\n` },
  csv: {
    head: "n,id,t,lat,lon,speed,note\n",
    row: (n) => `${Object.values(reading(n)).map((value) => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)).join(",")}\n`,
  },
};

function reading(n) {
  const note = n % 10 === 0 ? 'stops, "Main Square"' : "on its way";
  return { n, id: `vehicle-${n % VEHICLES}`, t: 1_700_000_000_000 + n * 20, lat: 47 + (n % 9973) / 1e4, lon: 15 + (n % 9967) / 1e4, speed: n % 130, note };
}

/** Writes a file of about so many bytes and answers how many rows it has; each has its number, from 0, as `n`. */
export async function writeRows(file, bytes, format) {
  const { head, row } = FORMATS[format] ?? {};
  if (row === undefined) throw new Error(`there is no format ${format}; there are: ${Object.keys(FORMATS).join(", ")}`);
  if (!(bytes > 0)) throw new Error("--bytes wants a number above 0");
  const stream = createWriteStream(file);
  let [rows, written, piece] = [0, 0, head];
  while (written + piece.length < bytes) {
    piece += row(rows++);
    if (piece.length < PIECE_BYTES) continue;
    written += piece.length;
    if (!stream.write(piece)) await once(stream, "drain");
    piece = "";
  }
  stream.end(piece);
  await once(stream, "close");
  return rows;
}
