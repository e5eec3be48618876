// The way from KafkaJS to the tab's brokers: the page is asked for a port for each connection.

import { overMessagePorts } from "../../../../js/kafkajs/browser.mjs";
import { ASK, namesIn } from "./names.js";

const ANSWER_MS = 5000;

/** The connections of one run. `wire` is the port to the page. */
export class Brokers {
  #wire;
  #running = new Set();
  /** Who waits for a port, by number. */
  #waiting = new Map();
  /** Who is told when a broker goes, by its node id. */
  #open = new Map();
  #next = 0;

  constructor(wire) {
    this.#wire = wire;
  }

  /** What KafkaJS begins with. */
  get bootstrap() {
    const all = [...this.#running];
    return (all.length === 0 ? [0] : all).map((nodeId) => `broker-${nodeId}:9092`);
  }

  /** Which brokers run now. Connections to others are over: not every browser says so of a port whose worker is gone. */
  setRunning(nodeIds) {
    this.#running = new Set(nodeIds);
    for (const [nodeId, closers] of this.#open) {
      if (this.#running.has(nodeId)) continue;
      this.#open.delete(nodeId);
      for (const close of closers) close();
    }
  }

  /** The page's answer to a question for a port. */
  answer({ id, refused }, port) {
    const { resolve, reject } = this.#waiting.get(id) ?? {};
    this.#waiting.delete(id);
    if (port === undefined) reject?.(new Error(refused ?? "the page gives no connection"));
    else resolve?.(port);
  }

  /** What `socketFactory` of js/kafkajs takes. */
  connect = async (broker, { onFrame, onClose }) => {
    const nodeId = await this.#nodeOf(broker);
    if (!this.#running.has(nodeId)) throw refusal(`broker ${nodeId} does not run`);
    const closers = this.#open.get(nodeId) ?? new Set();
    this.#open.set(nodeId, closers);
    const closed = (error) => {
      closers.delete(closed);
      onClose(error);
    };
    closers.add(closed);
    const connection = await overMessagePorts(() => this.#port(nodeId))(broker, { onFrame, onClose: closed });
    return {
      ...connection,
      close: () => {
        closers.delete(closed);
        connection.close();
      },
    };
  };

  async #nodeOf({ host, port }) {
    const [, own] = /^broker-(\d+)$/.exec(host) ?? [];
    if (own !== undefined) return Number(own);
    const nodeId = (await this.#names()).get(`${host}:${port}`);
    if (nodeId === undefined) throw refusal(`there is no broker at ${host}:${port}`);
    return nodeId;
  }

  /** The brokers by address, asked of the first one that runs. */
  async #names() {
    const port = await this.#port([...this.#running][0] ?? 0);
    try {
      return await new Promise((resolve, reject) => {
        setTimeout(() => reject(refusal("no broker says where the others are")), ANSWER_MS);
        port.onmessage = ({ data }) => (data instanceof Uint8Array ? resolve(namesIn(data)) : reject(refusal("the broker is gone")));
        port.postMessage(ASK.slice());
      });
    } finally {
      port.postMessage(null);
      port.close();
    }
  }

  #port(nodeId) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#wire.postMessage({ connect: { id, nodeId } });
    });
  }
}

// KafkaJS tries again what is called so.
function refusal(message) {
  return Object.assign(new Error(message), { code: "ECONNREFUSED" });
}
