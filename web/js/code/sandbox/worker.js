// What runs in the sandbox before a person's code does, and around it: the entry of the bundle that holds KafkaJS. The code is a
// script of its own, a call of `headwater` with an async function.

import { CompressionTypes, Partitioners } from "../../../../js/kafkajs/browser.mjs";
import { Brokers } from "./brokers.js";
import { kafkaFor } from "./clients.js";
import { placeAt, placeIn } from "./lines.js";
import { Output } from "./output.js";
import { cut, render, renderAll } from "./render.js";

const LONGEST_ERROR = 2000;

addEventListener("message", ({ data, ports: [wire] }) => new Run(wire, data).load(), { once: true });

class Run {
  #wire;
  #url;
  #lines;
  #output;
  #brokers;
  #Kafka;
  #begun = false;
  #returned = false;
  #over = false;

  constructor(wire, { running, code, lines }) {
    this.#wire = wire;
    this.#url = code;
    this.#lines = lines;
    this.#output = new Output((shown, dropped) => wire.postMessage({ output: { lines: shown, dropped } }));
    this.#brokers = new Brokers(wire);
    this.#brokers.setRunning(running);
    this.#Kafka = kafkaFor(this.#brokers, (...entry) => this.#report(...entry), () => this.#look());
    wire.onmessage = (event) => this.#hear(event);
    addEventListener("unhandledrejection", (event) => {
      event.preventDefault();
      this.#report("error", "", event.reason);
    });
    addEventListener("error", (event) => {
      event.preventDefault();
      const place = event.filename === code ? placeAt(event.lineno, event.colno, lines) : undefined;
      this.#report("error", "", event.error ?? event.message, place);
      if (!this.#begun) this.#end("failed");
    });
  }

  /** What cannot be parsed comes as an `error` event, which alone names its line. */
  load() {
    globalThis.headwater = (code) => {
      delete globalThis.headwater;
      this.#begun = true;
      this.#begin(code);
    };
    importScripts(this.#url);
  }

  /** The code's names are those of sandbox.js, in its order. */
  async #begin(code) {
    const Kafka = this.#Kafka;
    const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    try {
      const result = await code(new Kafka(), Kafka, Partitioners, CompressionTypes, this.#console(), sleep);
      if (result !== undefined) this.#output.push({ level: "info", text: cut(`→ ${render(result)}`, 4000) });
      this.#returned = true;
      this.#look();
    } catch (error) {
      this.#report("error", "", error);
      this.#end("failed");
    }
  }

  #hear({ data, ports: [port] }) {
    if (data.ping !== undefined) this.#wire.postMessage({ pong: true });
    else if (data.running) this.#brokers.setRunning(data.running);
    else if (data.answer) this.#brokers.answer(data.answer, port);
    else if (data.shown) this.#output.acknowledged();
  }

  /** The run is over when the code has returned and nothing of it is connected any more. */
  #look() {
    if (!this.#returned) return;
    const connected = this.#Kafka.connected;
    if (connected === 0) this.#end("done");
    else this.#wire.postMessage({ state: "returned", connected });
  }

  #end(state) {
    if (this.#over) return;
    this.#over = true;
    this.#output.flush();
    this.#wire.postMessage({ state });
  }

  #report(level, text, error, place = error === undefined ? undefined : this.#find(error)) {
    const about = error === undefined ? "" : error instanceof Error ? render(error) : error?.stack === undefined ? render(error) : "";
    const said = [text, about].filter((one) => one !== "").join(": ");
    this.#output.push({ level, text: cut(said, LONGEST_ERROR), ...place });
  }

  #find(error) {
    // KafkaJS wraps what it tried in vain.
    for (let one = error, depth = 0; one && depth < 5; one = one.cause ?? one.originalError, depth++) {
      const place = typeof one.stack === "string" ? placeIn(one.stack, this.#url, this.#lines) : undefined;
      if (place) return place;
    }
    return undefined;
  }

  #console() {
    const write = (level) => (...values) => this.#output.push({ level, text: renderAll(values) });
    const error = (...values) => {
      const found = values.find((one) => one instanceof Error);
      this.#output.push({ level: "error", text: renderAll(values), ...(found && this.#find(found)) });
    };
    const [log, info, warn] = ["log", "info", "warn"].map(write);
    return Object.freeze({ log, info, warn, error, debug: log, trace: log, dir: log, table: log });
  }
}
