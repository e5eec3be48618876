// A small Kafka client of the tests' own, so that what the engine says is judged by code that shares none with it.
// Frames go over a MessagePort, each a Uint8Array without the four bytes of length. Protocol: kafka.apache.org/protocol.

const PRODUCE = 0;
const FETCH = 1;
const LIST_OFFSETS = 2;
const CREATE_TOPICS = 19;

/** One connection to a broker. */
export class Connection {
  #port;
  #waiting = new Map();
  #next = 1;
  #closed;
  /** Settles when the broker closes the connection. */
  closed = new Promise((resolve) => (this.#closed = resolve));

  constructor(port) {
    this.#port = port;
    port.onmessage = ({ data }) => {
      if (!(data instanceof Uint8Array)) return this.#closed(data);
      const reader = new Reader(data);
      const id = reader.i32();
      this.#waiting.get(id)?.(reader);
      this.#waiting.delete(id);
    };
    port.addEventListener("close", () => this.#closed());
    port.start();
  }

  /** Sends bytes that need not be a request. */
  sendRaw(bytes) {
    this.#port.postMessage(bytes, [bytes.buffer]);
  }

  /** Sends a request with header version 1 and answers a reader of the response's body. */
  request(key, version, body, { answered = true } = {}) {
    const id = this.#next++;
    const frame = new Writer().i16(key).i16(version).i32(id).string("e2e").bytesRaw(body.done()).done();
    this.sendRaw(frame);
    if (!answered) return undefined;
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  /** Answers `{ errorCode, baseOffset }` for one batch into one partition. */
  async produce(topic, partition, batch, acks = -1) {
    const body = new Writer().i16(-1).i16(acks).i32(30_000).i32(1).string(topic).i32(1).i32(partition);
    body.i32(batch.length).bytesRaw(batch);
    const response = await this.request(PRODUCE, 7, body);
    response.i32();
    response.string();
    response.i32();
    response.i32();
    return { errorCode: response.i16(), baseOffset: response.i64() };
  }

  /** Answers `{ errorCode, highWatermark, records }` from an offset on. */
  async fetch(topic, partition, offset, maxBytes = 4 << 20) {
    const body = new Writer().i32(-1).i32(500).i32(1).i32(maxBytes).i8(0);
    body.i32(1).string(topic).i32(1).i32(partition).i64(offset).i32(maxBytes);
    const response = await this.request(FETCH, 4, body);
    response.i32();
    response.i32();
    response.string();
    response.i32();
    response.i32();
    const errorCode = response.i16();
    const highWatermark = response.i64();
    response.i64();
    for (let aborted = response.i32(); aborted > 0; aborted--) response.skip(16);
    const length = response.i32();
    return { errorCode, highWatermark, records: length > 0 ? recordsOf(response.view(length), offset) : [] };
  }

  /** Every record of a partition, from its first to its end. */
  async readAll(topic, partition) {
    let { errorCode: refused, offset } = await this.listOffset(topic, partition, -2n);
    if (refused !== 0) throw new Error(`ListOffsets of ${topic}-${partition}: error ${refused}`);
    const all = [];
    for (;;) {
      const { errorCode, highWatermark, records } = await this.fetch(topic, partition, offset);
      if (errorCode !== 0) throw new Error(`Fetch of ${topic}-${partition} at ${offset}: error ${errorCode}`);
      all.push(...records);
      if (records.length > 0) offset = records.at(-1).offset + 1n;
      if (offset >= highWatermark) return all;
      if (records.length === 0) throw new Error(`nothing at ${offset}, below the high watermark ${highWatermark}`);
    }
  }

  /** Answers `{ errorCode, offset }`; -1 is the end, -2 the start. */
  async listOffset(topic, partition, timestamp) {
    const body = new Writer().i32(-1).i32(1).string(topic).i32(1).i32(partition).i64(timestamp);
    const response = await this.request(LIST_OFFSETS, 1, body);
    response.i32();
    response.string();
    response.i32();
    response.i32();
    const errorCode = response.i16();
    response.i64();
    return { errorCode, offset: response.i64() };
  }

  /** Answers the error code. */
  async createTopic(name, partitions, configs = {}) {
    const body = new Writer().i32(1).string(name).i32(partitions).i16(1).i32(0).i32(Object.keys(configs).length);
    for (const [key, value] of Object.entries(configs)) body.string(key).string(value);
    const response = await this.request(CREATE_TOPICS, 2, body.i32(30_000).i8(0));
    response.i32();
    response.i32();
    response.string();
    return response.i16();
  }
}

/** A record batch v2 with these `{ key, value }` strings (either may be null). */
export function recordBatch(records, { timestamp = BigInt(Date.now()) } = {}) {
  const body = new Writer().i16(0).i32(records.length - 1).i64(timestamp).i64(timestamp).i64(-1).i16(-1).i32(-1);
  body.i32(records.length);
  records.forEach(({ key, value }, index) => {
    const record = new Writer().i8(0).varint(0).varint(index).varbytes(key).varbytes(value).varint(0).done();
    body.varint(record.length).bytesRaw(record);
  });
  const checked = body.done();
  const head = new Writer().i64(0).i32(checked.length + 9).i32(-1).i8(2).i32(crc32c(checked) | 0);
  return head.bytesRaw(checked).done();
}

function recordsOf(bytes, from) {
  const records = [];
  const reader = new Reader(bytes);
  // A fetch may end in the middle of a batch, and begin in the middle of one by returning it whole.
  while (reader.left() >= 61) {
    const baseOffset = reader.i64();
    const length = reader.i32();
    if (reader.left() < length) break;
    const batch = new Reader(reader.view(length));
    batch.skip(4);
    if (batch.i8() !== 2) throw new Error("not a batch of version 2");
    const crc = batch.i32() >>> 0;
    if (crc32c(batch.rest()) !== crc) throw new Error(`wrong CRC at offset ${baseOffset}`);
    const attributes = batch.i16();
    if ((attributes & 7) !== 0) throw new Error("compressed: not read here");
    batch.i32();
    const baseTimestamp = batch.i64();
    batch.skip(8 + 8 + 2 + 4);
    for (let count = batch.i32(); count > 0; count--) {
      batch.varint();
      batch.i8();
      const timestamp = baseTimestamp + BigInt(batch.varint());
      const offset = baseOffset + BigInt(batch.varint());
      const [key, value] = [batch.varbytes(), batch.varbytes()];
      const headers = [];
      for (let headersLeft = batch.varint(); headersLeft > 0; headersLeft--) {
        headers.push([batch.varbytes(), batch.varbytes()]);
      }
      if (offset >= from) records.push({ offset, timestamp, key, value, headers });
    }
  }
  return records;
}

class Writer {
  #bytes = new Uint8Array(256);
  #length = 0;
  #room(count) {
    if (this.#length + count > this.#bytes.length) {
      const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
      bytes.set(this.#bytes);
      this.#bytes = bytes;
    }
    this.#length += count;
    return new DataView(this.#bytes.buffer, this.#length - count);
  }
  i8(value) { this.#room(1).setInt8(0, value); return this; }
  i16(value) { this.#room(2).setInt16(0, value); return this; }
  i32(value) { this.#room(4).setInt32(0, value); return this; }
  i64(value) { this.#room(8).setBigInt64(0, BigInt(value)); return this; }
  bytesRaw(bytes) {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length - bytes.length);
    return this;
  }
  string(text) {
    const bytes = new TextEncoder().encode(text);
    return this.i16(bytes.length).bytesRaw(bytes);
  }
  varint(value) {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    for (; rest > 127; rest >>>= 7) this.i8((rest & 127) | 128);
    return this.i8(rest);
  }
  varbytes(text) {
    if (text === null || text === undefined) return this.varint(-1);
    const bytes = new TextEncoder().encode(text);
    return this.varint(bytes.length).bytesRaw(bytes);
  }
  done() { return this.#bytes.slice(0, this.#length); }
}

class Reader {
  #view;
  #bytes;
  #at = 0;
  constructor(bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  #take(count) { this.#at += count; return this.#at - count; }
  i8() { return this.#view.getInt8(this.#take(1)); }
  i16() { return this.#view.getInt16(this.#take(2)); }
  i32() { return this.#view.getInt32(this.#take(4)); }
  i64() { return this.#view.getBigInt64(this.#take(8)); }
  skip(count) { this.#take(count); }
  left() { return this.#bytes.length - this.#at; }
  rest() { return this.#bytes.subarray(this.#at); }
  view(length) { const at = this.#take(length); return this.#bytes.subarray(at, at + length); }
  string() { return new TextDecoder().decode(this.view(this.i16())); }
  varint() {
    // Timestamps of records may be more than 32 bits apart, so this is done in doubles.
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.i8() & 255;
      value += (byte & 127) * scale;
      if (byte < 128) break;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
  varbytes() {
    const length = this.varint();
    return length < 0 ? null : new TextDecoder().decode(this.view(length));
  }
}

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C (Castagnoli), RFC 3720 appendix B.4. */
export function crc32c(bytes) {
  let crc = ~0;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}
