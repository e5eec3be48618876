// What KafkaJS takes for a TCP connection, over anything that carries whole Kafka frames.

import { Buffer } from "buffer";

/** Kafka's default of `socket.request.max.bytes`: a broker takes no longer frame. */
const MAX_FRAME = 100 << 20;
const LENGTH = 4;

/**
 * A `socketFactory` for KafkaJS.
 *
 * `connect({ host, port }, { onFrame, onClose })` makes a connection to the broker that Metadata names so, or promises one:
 * `{ send(frame), close() }`. Frames are `Uint8Array`s without the four bytes of length that TCP needs. `onFrame` gets each
 * answer, `onClose` is called when the other end is gone, with an error if that was none of our doing.
 */
export function socketFactory(connect) {
  return ({ host, port, onConnect }) => new FrameSocket(connect, { host, port }, onConnect);
}

/**
 * A `connect` over message ports, as the workers of the playground speak: a `Uint8Array` a frame, `null` for a farewell.
 * `portTo({ host, port })` answers a port whose other end a broker has, or promises one.
 */
export function overMessagePorts(portTo) {
  return async (broker, { onFrame, onClose }) => {
    const port = await portTo(broker);
    port.onmessage = ({ data }) => (data instanceof Uint8Array ? onFrame(data) : onClose());
    // Not every browser tells of this.
    port.addEventListener("close", () => onClose());
    port.start();
    return {
      send: (frame) => port.postMessage(frame, [frame.buffer]),
      close: () => {
        port.postMessage(null);
        port.close();
      },
    };
  };
}

class FrameSocket {
  #listeners = { data: [], end: [], error: [], timeout: [], close: [] };
  #connection;
  #ended = false;
  /** Written before there is a connection, or not yet a whole frame. */
  #pending = new Uint8Array(0);

  constructor(connect, broker, onConnect) {
    const events = { onFrame: (frame) => this.#receive(frame), onClose: (error) => this.#close(error) };
    // Whoever makes a socket listens to it only after that.
    Promise.resolve()
      .then(() => connect(broker, events))
      .then((connection) => {
        if (this.#ended) return connection.close();
        this.#connection = connection;
        onConnect();
        this.#send();
      })
      .catch((error) => this.#close(error));
  }

  on(event, listener) {
    this.#listeners[event]?.push(listener);
    return this;
  }

  /** Bytes of requests, however they are cut into pieces. */
  write(bytes) {
    if (this.#ended) return false;
    const all = new Uint8Array(this.#pending.length + bytes.length);
    all.set(this.#pending);
    all.set(bytes, this.#pending.length);
    this.#pending = all;
    this.#send();
    return true;
  }

  end() {
    if (this.#ended) return this;
    this.#connection?.close();
    this.#close();
    return this;
  }

  destroy() {
    return this.end();
  }

  // There is nothing that would keep a process or a page alive, and nothing to keep alive.
  unref() {
    return this;
  }

  setKeepAlive() {
    return this;
  }

  #send() {
    while (this.#connection !== undefined && this.#pending.length >= LENGTH) {
      const { buffer, byteOffset } = this.#pending;
      const length = new DataView(buffer, byteOffset).getInt32(0);
      if (length < 0 || length > MAX_FRAME) {
        this.#connection.close();
        return this.#close(new Error(`a request of ${length} bytes is no Kafka request`));
      }
      if (this.#pending.length < LENGTH + length) return;
      // A copy: it may be given away with its memory.
      this.#connection.send(this.#pending.slice(LENGTH, LENGTH + length));
      this.#pending = this.#pending.subarray(LENGTH + length);
    }
  }

  #receive(frame) {
    if (this.#ended) return;
    const bytes = Buffer.allocUnsafe(LENGTH + frame.length);
    bytes.writeInt32BE(frame.length, 0);
    bytes.set(frame, LENGTH);
    this.#emit("data", bytes);
  }

  #close(error) {
    if (this.#ended) return;
    this.#ended = true;
    this.#pending = new Uint8Array(0);
    queueMicrotask(() => {
      if (error !== undefined) this.#emit("error", error);
      this.#emit("end");
      this.#emit("close");
    });
  }

  #emit(event, ...content) {
    for (const listener of this.#listeners[event]) listener(...content);
  }
}
