// A place for code that nobody has read: a frame of an origin of its own with no network, and in it a worker. It has no storage,
// no cookies, no way to this page but the ports it is given, and what comes over them is looked at here.

import { lineBreaks } from "./lines.js";

/** In the order of worker.js. */
const NAMES = ["kafka", "Kafka", "Partitioners", "CompressionTypes", "console", "sleep"];
const POLICY = "default-src 'none'; script-src 'unsafe-inline' blob:; worker-src blob:; base-uri 'none'; form-action 'none'";
const PING_MS = 500;
const SILENT_MS = 2500;
const MAX_LINES = 1000;
const MAX_TEXT = 5000;
const MAX_CONNECTIONS = 200;
/** Messages between two looks; what is ours asks before it sends more. */
const MAX_MESSAGES = 5000;
const LEVELS = ["log", "info", "warn", "error"];

/** Runs as text in the frame: makes the worker, and says so when its browser will not have it. */
function keeper() {
  addEventListener("message", ({ data: { library, code, start }, ports: [control, wire] }) => {
    const url = (text) => URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    try {
      const worker = new Worker(url(library));
      worker.onerror = (event) => {
        event.preventDefault();
        control.postMessage(event.message || "the worker of the sandbox could not be started");
      };
      worker.postMessage({ ...start, code: url(code) }, [wire]);
    } catch (error) {
      control.postMessage(String(error));
    }
  }, { once: true });
}

/** KafkaJS, and what runs a person's code with it. */
const LIBRARY = ["kafkajs.js", "sandbox.js"];

/** The text of the library that comes before a person's code; fetched once. */
let library;

/** Fetches what a run needs, which the sandbox could not. */
export function loadLibrary() {
  library ??= Promise.all(LIBRARY.map(async (name) => {
    const response = await fetch(new URL(`./${name}`, import.meta.url));
    if (!response.ok) throw new Error(`${name}: ${response.status} ${response.statusText}`);
    return response.text();
  })).then((texts) => texts.join("\n"));
  // What failed may work when it is tried again.
  library.catch(() => (library = undefined));
  return library;
}

/**
 * Runs code. `on.output({ lines, dropped })`, `on.state(name)`: `running`, `returned` (it has, but a client of it is connected),
 * `silent` (it does not answer), then one of `done`, `failed`, `stopped`. Ends by itself, or by `stop()`.
 */
export class Sandbox {
  #api;
  #on;
  #frame;
  #control;
  #wire;
  #timer;
  /** When the question was sent that is not answered yet. */
  #asked;
  #connections = 0;
  #messages = 0;
  #silent = false;
  #state = "running";
  #standing = () => this.#wire.postMessage({ running: this.#running() });

  constructor(api, code, library, on) {
    this.#api = api;
    this.#on = on;
    this.#frame = document.createElement("iframe");
    this.#frame.setAttribute("sandbox", "allow-scripts");
    this.#frame.setAttribute("aria-hidden", "true");
    this.#frame.tabIndex = -1;
    this.#frame.hidden = true;
    this.#frame.srcdoc =
      `<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}"><script>(${keeper})()</script>`;
    const [control, wire] = [new MessageChannel(), new MessageChannel()];
    this.#control = control.port1;
    this.#wire = wire.port1;
    this.#control.onmessage = ({ data }) => this.#broke(data);
    this.#wire.onmessage = ({ data }) => this.#hear(data);
    this.#frame.onload = () => {
      const start = { running: this.#running(), lines: lineBreaks(code) + 1 };
      // An opaque origin has no name: who gets this is the frame that was made above.
      const message = { library: `"use strict";${library}`, code: asFunction(code), start };
      this.#frame.contentWindow.postMessage(message, "*", [control.port2, wire.port2]);
    };
    document.body.append(this.#frame);
    api.addEventListener("standing", this.#standing);
    this.#timer = setInterval(() => this.#ping(), PING_MS);
  }

  /** Ends it at once, whatever it does. */
  stop() {
    this.#end("stopped");
  }

  /** The page has shown the output it got last. */
  shown() {
    if (this.#frame) this.#wire.postMessage({ shown: true });
  }

  #running() {
    return this.#api.standing.brokers.filter(({ state }) => state === "running").map(({ nodeId }) => nodeId);
  }

  #hear(data) {
    if (++this.#messages > MAX_MESSAGES) return this.#broke("the code floods the page with messages");
    if (data?.pong) return this.#answered();
    if (data?.output) this.#on.output(boundedOutput(data.output));
    else if (data?.connect) this.#connect(data.connect);
    else if (data?.state === "returned") this.#on.state((this.#state = "returned"));
    else if (data?.state === "done" || data?.state === "failed") this.#end(data.state);
  }

  #connect({ id, nodeId }) {
    const refused = !this.#running().includes(nodeId) ? `broker ${Number(nodeId)} does not run`
      : ++this.#connections > MAX_CONNECTIONS ? `more than ${MAX_CONNECTIONS} connections in one run` : undefined;
    if (refused) return this.#wire.postMessage({ answer: { id, refused } });
    const port = this.#api.port(nodeId);
    this.#wire.postMessage({ answer: { id } }, [port]);
  }

  #broke(message) {
    this.#on.output({ lines: [{ level: "error", text: bounded(message) }], dropped: 0 });
    this.#end("failed");
  }

  // One question at a time: in a tab that is not seen, timers are slow and answers are not.
  #ping() {
    this.#messages = 0;
    if (this.#asked === undefined) {
      this.#asked = performance.now();
      this.#wire.postMessage({ ping: true });
    } else if (!this.#silent && performance.now() - this.#asked > SILENT_MS) {
      this.#silent = true;
      this.#on.state("silent");
    }
  }

  #answered() {
    this.#asked = undefined;
    if (this.#silent) this.#on.state(this.#state);
    this.#silent = false;
  }

  #end(state) {
    if (!this.#frame) return;
    clearInterval(this.#timer);
    this.#api.removeEventListener("standing", this.#standing);
    this.#frame.remove();
    this.#frame = undefined;
    this.#control.close();
    this.#wire.close();
    this.#on.state(state);
  }
}

/** The script of a person's code: its first line is the script's second. */
function asFunction(code) {
  return `"use strict"; headwater(async (${NAMES.join(", ")}) => {\n${code}\n});`;
}

function boundedOutput({ lines, dropped }) {
  const known = (Array.isArray(lines) ? lines.slice(-MAX_LINES) : []).map((line) => ({
    level: LEVELS.includes(line?.level) ? line.level : "log",
    text: bounded(line?.text),
    line: Number.isSafeInteger(line?.line) ? line.line : undefined,
    column: Number.isSafeInteger(line?.column) ? line.column : undefined,
  }));
  return { lines: known, dropped: Number.isSafeInteger(dropped) ? dropped : 0 };
}

function bounded(text) {
  return typeof text === "string" ? text.slice(0, MAX_TEXT) : "";
}
