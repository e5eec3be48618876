// Kafka's protocol over a port to a broker: one request and its response. What the page's own clients have no request for is asked this way.
//
// A frame is a Uint8Array without the four bytes of its length. Versions used here are those before flexible ones
// (kafka.apache.org/protocol), so strings have 16 bits of length and arrays 32.

import { errorName } from "./errors.js";

/** How long a broker may be silent. */
const PATIENCE_MS = 10_000;
const CLIENT_ID = "inspector";

/**
 * Sends one request to a broker and gives a reader of the response's body. An error with `kind` and `retriable`, as those of
 * `api.request`, where no answer comes.
 */
export function ask(api, nodeId, key, version, body) {
  const port = api.port(nodeId);
  const frame = new Writer().i16(key).i16(version).i32(1).string(CLIENT_ID).raw(body.done()).done();
  const answer = new Promise((resolve, reject) => {
    const fail = (message) => reject(Object.assign(new Error(message), { kind: "NETWORK_EXCEPTION", retriable: true }));
    const timer = setTimeout(() => fail(api.t("inspect_no_answer", { nodeId })), PATIENCE_MS);
    const ended = () => {
      clearTimeout(timer);
      fail(api.t("inspect_connection_closed", { nodeId }));
    };
    port.onmessage = ({ data }) => {
      if (!(data instanceof Uint8Array)) return ended();
      clearTimeout(timer);
      const reader = new Reader(data);
      reader.i32();
      resolve(reader);
    };
    port.addEventListener("close", ended);
  });
  port.postMessage(frame, [frame.buffer]);
  return answer.finally(() => port.close());
}

/** Throws what an error code says. */
export function check(api, code, message) {
  if (code === 0) return;
  const kind = errorName(code);
  const report = { kind, message: message || kind };
  api.explain?.({ report });
  throw Object.assign(new Error(report.message), { kind: report.message === kind ? "" : kind, code, retriable: false });
}

/** Bytes in Kafka's order. */
export class Writer {
  #bytes = [];
  i8(value) { return this.raw([value & 255]); }
  i16(value) { return this.raw([(value >> 8) & 255, value & 255]); }
  i32(value) { return this.i16(value >> 16).i16(value); }
  i64(value) { return this.i32(Number(BigInt.asIntN(32, BigInt(value) >> 32n))).i32(Number(BigInt.asIntN(32, BigInt(value)))); }
  raw(bytes) {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }
  string(text) {
    if (text === null) return this.i16(-1);
    const bytes = new TextEncoder().encode(text);
    return this.i16(bytes.length).raw(bytes);
  }
  array(items, write) {
    this.i32(items.length);
    for (const item of items) write(this, item);
    return this;
  }
  done() { return Uint8Array.from(this.#bytes); }
}

/** Reads what a broker answers. */
export class Reader {
  #view;
  #at = 0;
  constructor(bytes) { this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength); }
  #take(length) { this.#at += length; return this.#at - length; }
  i8() { return this.#view.getInt8(this.#take(1)); }
  i16() { return this.#view.getInt16(this.#take(2)); }
  i32() { return this.#view.getInt32(this.#take(4)); }
  i64() { return this.#view.getBigInt64(this.#take(8)); }
  string() {
    const length = this.i16();
    if (length < 0) return null;
    const at = this.#take(length);
    return new TextDecoder().decode(new Uint8Array(this.#view.buffer, this.#view.byteOffset + at, length));
  }
  array(read) { return Array.from({ length: Math.max(this.i32(), 0) }, () => read(this)); }
}
