// Where the segments of drawn logs begin: their brokers are asked, one log at a time, when there are others than before.

import { at } from "../picture/model.js";

const PAUSE_MS = 500;

/** What is known of the logs' segments. */
export class Segments {
  #api;
  #changed;
  #known = new Map();
  #asking = false;

  constructor(api, changed) {
    this.#api = api;
    this.#changed = changed;
  }

  /** The base offsets of a log's segments, as far as they are known; asks for them if need be. */
  of(log) {
    if (log.segments < 2 || !log.up || this.#api.describeLog === undefined) return [];
    const name = at(log.topic, log.partition);
    const known = this.#known.get(name);
    const asOf = `${log.segments} ${log.start}`;
    if (known?.asOf !== asOf && !this.#asking) this.#ask(log, name, asOf);
    return known?.bases ?? [];
  }

  /** Forgets logs that are not drawn. */
  keep(logs) {
    for (const name of this.#known.keys()) if (!logs.has(name)) this.#known.delete(name);
  }

  async #ask({ topic, partition }, name, asOf) {
    this.#asking = true;
    let bases = this.#known.get(name)?.bases ?? [];
    try {
      bases = (await this.#api.describeLog(topic, partition)).segments.map(({ base_offset }) => Number(base_offset));
    } catch {
      // Its broker may just have ended: the divisions that were known stay until it has others.
    }
    this.#known.set(name, { asOf, bases });
    this.#changed();
    setTimeout(() => (this.#asking = false), PAUSE_MS);
  }
}
