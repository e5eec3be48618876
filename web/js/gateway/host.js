// What the page takes for a worker of brokers: it is told what such a worker is told and says what such a worker says
// (worker/protocol), but its brokers run in the gateway.

import { bridge } from "./bridge.js";
import { Broker } from "./broker.js";

/** Something like a `Worker`. `words(key, places)` gives its sentences; `onChange` hears when a broker is reached or lost. */
export class Host extends EventTarget {
  #brokers = new Map();
  #watched = false;
  #words;
  #onChange;

  constructor(words, onChange) {
    super();
    this.#words = words;
    this.#onChange = onChange;
    // Whoever makes a worker listens to it a moment later.
    queueMicrotask(() => this.#say("loaded"));
  }

  postMessage([message, port]) {
    const [name, content] = Object.entries(message)[0];
    if (name === "start") this.#start(content.node_id);
    else if (name === "connect") bridge(port, this.#broker(content.node_id));
    // The gateway's brokers have ways of their own to each other.
    else if (name === "peer") port.close();
    else if (name === "watch") this.#watch(content.on);
    else if (name === "describe") this.#brokers.get(content.node_id)?.ask(message);
    else if (name === "destroy") this.#fail(content.node_id, "gateway_not_here", false);
  }

  terminate() {
    for (const broker of this.#brokers.values()) broker.leave();
    this.#brokers.clear();
  }

  #broker(nodeId) {
    if (!this.#brokers.has(nodeId)) this.#brokers.set(nodeId, this.#newBroker(nodeId));
    return this.#brokers.get(nodeId);
  }

  #newBroker(nodeId) {
    const broker = new Broker(nodeId);
    broker.addEventListener("said", ({ detail }) => this.#say(detail));
    broker.addEventListener("reached", () => this.#onChange(nodeId, true));
    broker.addEventListener("lost", () => {
      this.#onChange(nodeId, false);
      // The page starts it anew, and so it is looked for again.
      this.#fail(nodeId, "gateway_lost", true);
    });
    broker.watch(this.#watched);
    return broker;
  }

  #start(nodeId) {
    this.#broker(nodeId).listen();
  }

  #watch(on) {
    this.#watched = on;
    for (const broker of this.#brokers.values()) broker.watch(on);
  }

  #fail(nodeId, key, retriable) {
    const report = { kind: "GATEWAY", message: this.#words(key, { address: location.host }), retriable };
    this.#say({ "broker-failed": { node_id: nodeId, report } });
  }

  #say(message) {
    this.dispatchEvent(new MessageEvent("message", { data: [message, undefined] }));
  }
}
