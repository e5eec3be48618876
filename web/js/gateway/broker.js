// A broker of the gateway: what it says, and whether it can be reached. Once it was asked for, it is looked for until it is
// there.

import { parse, pause, socketUrl, write } from "./wire.js";

/** Dispatches `said` (its `detail` is a message), `reached` and `lost`. */
export class Broker extends EventTarget {
  /** What closes each connection to it. */
  bridges = new Set();

  #nodeId;
  #socket;
  #isThere = false;
  #failures = 0;
  #timer;
  #watched = false;

  constructor(nodeId) {
    super();
    this.#nodeId = nodeId;
  }

  /** Opens a connection for Kafka frames. */
  open() {
    return new WebSocket(socketUrl(`kafka/${this.#nodeId}`, location.href));
  }

  /** Resolves when it can be reached. */
  async reached() {
    if (!this.#isThere) await new Promise((resolve) => this.addEventListener("reached", resolve, { once: true }));
  }

  /** Listens to it, from now on and until `leave()`, but for the time after it was lost: then it is asked for anew. */
  listen() {
    if (this.#socket !== undefined || this.#timer !== undefined) return;
    const socket = new WebSocket(socketUrl(`broker/${this.#nodeId}`, location.href));
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#hear(parse(data));
    socket.onclose = () => this.#lost();
  }

  /** Has it tell what moves, or not. */
  watch(on) {
    this.#watched = on;
    if (this.#isThere) this.#socket.send(JSON.stringify({ watch: { on } }));
  }

  /** Sends it what it answers by itself. */
  ask(message) {
    if (this.#isThere) this.#socket.send(write(message));
  }

  /** Ends everything with it. */
  leave() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#socket !== undefined) {
      this.#socket.onmessage = this.#socket.onclose = null;
      this.#socket.close();
      this.#socket = undefined;
    }
    this.#isThere = false;
    for (const close of [...this.bridges]) close();
  }

  #hear(message) {
    if (message.ready !== undefined) {
      this.#isThere = true;
      this.#failures = 0;
      if (this.#watched) this.watch(true);
      this.dispatchEvent(new Event("reached"));
    }
    this.dispatchEvent(new CustomEvent("said", { detail: message }));
  }

  #lost() {
    const was = this.#isThere;
    this.leave();
    if (was) return this.dispatchEvent(new Event("lost"));
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.listen();
    }, pause(this.#failures++));
  }
}
