// What the page's modules see of the engine: what brokers and clients say, requests, and connections of their own.
//
// Messages are those of worker/protocol, as JavaScript values: a variant with content is `{ "kebab-name": content }`, one
// without is `"kebab-name"`; 64-bit integers are `bigint`s, fields are snake_case.

import { fill, loadTable, loadWords, rememberLanguage } from "./language.js";
import { variant } from "./variant.js";

// Far above the ids that the rest of the page gives to its requests, and others than those of other tabs.
const FIRST_ID = BigInt(1 + Math.floor(Math.random() * 2 ** 20)) << 40n;
const PATIENCE_MS = 10_000;
// Requests that store something.
const STORES = ["create-topic", "create-partitions", "send", "import", "start-consumer"];

/** @typedef {{ canAct: boolean, isGuest: boolean, hosts: string[], brokers: { nodeId: number, host: number | null, state: string }[] }} Standing */

class Api extends EventTarget {
  /** The language of the page. */
  language = "en";
  /** How the workers stand: `hosts` by number, `brokers` by node id. @type {Standing} */
  standing = { canAct: false, isGuest: false, hosts: [], brokers: [] };
  /** The last snapshot of each broker, by node id. */
  brokers = new Map();
  /** The last snapshot of the clients. */
  clients = { imports: [], consumers: [], groups: undefined };

  /** The address of the gateway that has the brokers; none where they run in this browser. */
  gateway = undefined;

  /** How fast the workers' time goes: 1 as it does by itself, 0 where it stands still. Modules hear `time` when it is another. */
  rate = 1;

  /** Puts explanations into what workers say, where the page's language wants them. @type {((content: any) => void) | undefined} */
  explain;

  #words = {};
  #persisted = false;
  /** The parts that were asked for: their modules, in promises. */
  #parts = new Map();
  /** What is wanted of parts that are not there yet, by the functions that do it. */
  #wanted = new Map();
  /** What stands behind a module's address, so that it is fetched again: some browsers remember that they could not. */
  #again = "";
  #ask = () => {};
  #nextId = FIRST_ID;
  #pending = new Map();
  #watched = false;
  /** What says what time it is, if time goes otherwise than by itself: `message(real)` gives a `Time`. */
  #clock;
  /** Between the tabs of this browser: what guests ask of the brokers. @type {BroadcastChannel | undefined} */
  #tabs;

  /** What the Rust side of the page finds as `globalThis.headwater`. */
  forTheApp(language, words) {
    this.language = language;
    this.#words = words.modules;
    this.#tabs = new BroadcastChannel("headwater-modules");
    this.#tabs.onmessage = ({ data }) => {
      // Every tab works with a gateway by itself.
      if (this.gateway !== undefined) return;
      if (data.time) return this.standing.isGuest && this.#guestTime(data);
      if (this.standing.isGuest) return;
      if (data === "time") return this.#clock && this.#tabs.postMessage(this.#time);
      if (data.watch?.on) this.#watched = true;
      this.tellHosts(data);
    };
    const safely = (act) => (...args) => {
      try {
        return act(...args);
      } catch (error) {
        reportError(error);
        return undefined;
      }
    };
    return {
      api: this,
      words: words.page,
      attach: (ask) => { this.#ask = ask; },
      hear: safely((from, [message]) => this.#hear(from, message)),
      stands: safely(([standing]) => this.#stands(standing)),
      mounted: safely(() => this.dispatchEvent(new Event("mounted"))),
    };
  }

  /** The string of this key, with its places filled in. */
  t(key, places) {
    const text = this.#words[key];
    if (text === undefined) throw new Error(`there is no string ${key}`);
    return fill(text, places);
  }

  /**
   * Loads a part of the page that is not needed at first (`inspect`, `code`, `lessons`): its words, its style sheet and its module,
   * which it gives. Their words follow the page's language. What cannot be loaded is told, and tried again when it is asked for again.
   */
  load(part) {
    if (!this.#parts.has(part)) this.#parts.set(part, this.#load(part));
    return this.#parts.get(part);
  }

  async #load(part) {
    this.dispatchEvent(new CustomEvent("problem"));
    try {
      const [words, module] = await Promise.all([
        loadTable(`${part}.${this.language}`), this.module(part), loadSheet(new URL(`./${part}.css`, import.meta.url).href),
      ]);
      // Those of a language that was chosen meanwhile are there already.
      this.#words = { ...words, ...this.#words };
      return module;
    } catch (error) {
      this.#parts.delete(part);
      this.failed(error);
      throw error;
    }
  }

  /** A module that stands beside this one. */
  module(name) {
    return import(new URL(`./${name}.js${this.#again}`, import.meta.url)).catch((error) => {
      this.#again += "?";
      throw error;
    });
  }

  /** Has a function of a part do something. As long as the part is not there, what is asked of it last is what is done, once. */
  use(part, name, detail) {
    const first = !this.#wanted.has(name);
    this.#wanted.set(name, detail);
    if (!first) return;
    const take = () => {
      const wanted = this.#wanted.get(name);
      this.#wanted.delete(name);
      return wanted;
    };
    this.load(part).then((module) => module[name](this, take()), (error) => {
      take();
      throw error;
    }).catch(this.report);
  }

  /** What a person has to know: something could not be loaded. Modules hear `problem`, without an error when it is over. */
  failed(error) {
    error.told = true;
    this.dispatchEvent(new CustomEvent("problem", { detail: error }));
  }

  /** An error that nobody was told of goes to the browser's console. */
  report(error) {
    if (!error.told) reportError(error);
  }

  /** Shows the page in another language. Modules hear `language`, and `mounted` after it. */
  async setLanguage(language) {
    const words = await loadWords(language);
    this.language = language;
    const others = await Promise.all([...this.#parts.keys()].map((part) => loadTable(`${part}.${language}`)));
    this.#words = Object.assign({ ...this.#words }, words.modules, ...others);
    rememberLanguage(language);
    this.dispatchEvent(new Event("language"));
    this.#ask("words", words.page, undefined);
  }

  /**
   * Asks the clients' worker: a `Request` of worker/protocol. Gives its `Reply`; an `ErrorReport` is thrown, as an `Error`
   * with `kind`, `code` and `retriable`.
   */
  request(request, attachment) {
    if (!this.#persisted && STORES.includes(variant(request)[0])) {
      // After the first thing that is stored, the browser is asked not to throw it away; it may say no.
      this.#persisted = true;
      navigator.storage?.persist?.().catch(reportError);
    }
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      // Messages to workers are pairs: the message and what goes with it. A file is copied, not moved.
      this.#ask("clients", [{ request: { id, request } }, attachment], undefined);
    });
  }

  /** Tells the clients' worker something that has no answer: a `ToClients`. */
  tellClients(message) {
    this.#ask("clients", [message, undefined], undefined);
  }

  /** Tells every worker of brokers something: a `ToBroker`. */
  tellHosts(message) {
    this.#ask("hosts", [message, undefined], undefined);
  }

  /** Has all brokers tell what moves, or not: `trace` in what `broker` events say. */
  watch(on) {
    this.#watched = on;
    this.#tellBrokers({ watch: { on } });
  }

  /**
   * What the leader of a partition knows of its log: segments with their indexes, producers, and where the record of an offset
   * lies, if one is given. Gives a `LogDescription`; throws as `request` does.
   */
  describeLog(topic, partition, offset) {
    const known = [...this.brokers.values()].flatMap(({ topics }) => topics).find(({ name }) => name === topic);
    const leader = known?.leaders[partition];
    if (leader === undefined) {
      const message = `there is no partition ${partition} of ${topic}`;
      return Promise.reject(Object.assign(new Error(message), { kind: "UNKNOWN_TOPIC_OR_PARTITION", retriable: false }));
    }
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        const message = `broker ${leader} does not answer; it may not run`;
        this.#answered({ id, result: { Err: { kind: "REQUEST_TIMED_OUT", message, retriable: true } } });
      }, PATIENCE_MS);
      this.#pending.set(id, { resolve, reject, late });
      const place = offset === undefined ? undefined : BigInt(offset);
      this.#tellBrokers({ describe: { id, node_id: leader, topic, partition, offset: place } });
    });
  }

  #goes(thousandths) {
    this.rate = thousandths / 1000;
    this.dispatchEvent(new Event("time"));
  }

  #guestTime(data) {
    this.tellClients(data);
    this.#goes(data.time.rate);
  }

  /** Says what time it is by this clock and how fast it goes, to all workers. Guests' clients hear it too. */
  setTime(clock) {
    this.#clock = clock;
    this.tellHosts(this.#time);
    this.tellClients(this.#time);
    this.#tabs.postMessage(this.#time);
    this.#goes(clock.rate);
  }

  get #time() {
    return { time: this.#clock.message(Date.now()) };
  }

  /** Tells every worker of brokers something, be they of this tab or of another. */
  #tellBrokers(message) {
    if (this.standing.isGuest && this.gateway === undefined) this.#tabs.postMessage(message);
    else this.tellHosts(message);
  }

  /** A port that carries Kafka frames to and from a broker, as `overMessagePorts` of js/kafkajs wants it. */
  port(nodeId) {
    const { port1, port2 } = new MessageChannel();
    this.#ask("port", nodeId, port1);
    return port2;
  }

  /** Does what a button of the page does: `terminate-worker`, `start-worker`, `set-workers` (with a number), `clear-everything`. */
  act(what, number) {
    if (this.gateway !== undefined) throw new Error(this.t("gateway_not_here", { address: this.gateway }));
    this.#ask(what, number, undefined);
  }

  /** True where a message of the clients was for a module alone, and where one of a broker may have other words now. */
  #hear(from, message) {
    const [name, content] = variant(message);
    this.explain?.(content);
    // A new worker goes by the time of the others from its first moment.
    if (name === "loaded" && this.#clock) this[from === "clients" ? "tellClients" : "tellHosts"](this.#time);
    if (from === "clients") {
      if (name === "reply" && content.id >= FIRST_ID) return this.#answered(content);
      if (name === "snapshot") this.clients = content;
    } else if (name === "log") {
      // Answers for other tabs come by too.
      return this.#answered(content);
    } else if (name === "snapshot") {
      this.brokers.set(content.node_id, content);
    } else if (name === "ready") {
      // It may run in a new worker, which nobody has told.
      if (this.#watched) this.watch(true);
    } else if (name === "destroyed" || name === "broker-failed") {
      this.brokers.delete(content.node_id);
    }
    this.dispatchEvent(new CustomEvent(from, { detail: { name, content } }));
    return from === "clients" ? name === "due" : this.explain !== undefined;
  }

  #answered({ id, result }) {
    const waiting = this.#pending.get(id);
    clearTimeout(waiting?.late);
    this.#pending.delete(id);
    if (result.Err === undefined) {
      waiting?.resolve(result.Ok);
    } else {
      const { message, ...rest } = result.Err;
      waiting?.reject(Object.assign(new Error(message), rest));
    }
    return true;
  }

  #stands(standing) {
    const could = this.standing.canAct;
    if (standing.isGuest && !this.standing.isGuest) this.#tabs.postMessage("time");
    this.standing = this.gateway === undefined ? standing : elsewhere(standing);
    if (could && !standing.canAct) {
      // Whoever waits for an answer of workers that are gone would wait for ever.
      for (const { reject } of this.#pending.values()) {
        reject(Object.assign(new Error("the workers are gone"), { kind: "WORKER_GONE", retriable: true }));
      }
      this.#pending.clear();
    }
    this.dispatchEvent(new Event("standing"));
  }
}

/** How brokers of a gateway stand: none is in a worker of this browser, where it could be ended. */
function elsewhere({ canAct, brokers }) {
  return { canAct, isGuest: true, hosts: [], brokers: brokers.map((broker) => ({ ...broker, host: null })) };
}

/** Resolves when a style sheet counts, or cannot be had: what it is for is shown even so. */
function loadSheet(href) {
  if ([...document.styleSheets].some((sheet) => sheet.href === href)) return undefined;
  return new Promise((done) => {
    document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href, onload: done, onerror: done }));
  });
}

export const api = new Api();
