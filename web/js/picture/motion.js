// What flies when: the records of traces as dots or, when there are many, as packets. Positions are a function of time alone.

/** Up to so many records a second each has a dot of its own. */
export const SINGLE_PER_S = 60;
/** How long a record is on its way, in milliseconds of the workers' time. */
export const FLIGHT_MS = 800;
/** The picture shows what was so long ago: traces tell of it a little later. */
export const BEHIND_MS = 300;
const BUCKET_MS = 250;
const MOST = 240;

/** The time that the picture shows: it runs evenly, at the workers' rate, a little behind what traces say. */
export class TraceClock {
  #shown = undefined;
  #real = 0;
  /** 1 as it is, 0 paused. */
  rate = 1;

  /** A trace reaches until `toMs`, heard at `realMs` of the page. */
  heard(toMs, realMs) {
    const wanted = toMs - BEHIND_MS * this.rate;
    const off = wanted - this.now(realMs);
    // A little off is caught up with unseen; after a pause, or at first, there is nothing to keep up.
    if (!(Math.abs(off) < 1500 * Math.max(1, this.rate))) this.#shown = wanted;
    else this.#shown += off * 0.08;
  }

  /** The time shown at `realMs`. */
  now(realMs) {
    if (this.#shown !== undefined) this.#shown += Math.max(0, realMs - this.#real) * this.rate;
    this.#real = realMs;
    return this.#shown;
  }
}

/** What is on its way. */
export class Flights {
  #all = new Map();
  /** How much faster than real the workers' time goes, 1 if it does not: nobody could follow flights as short as that. */
  speed = 1;
  /** Records by seconds, to know whether there are few. */
  #counts = new Map();

  /** Records a second, in both directions, before `ms`. */
  perSecond(ms) {
    for (const second of this.#counts.keys()) if (second < ms - 1000 || second > ms + 1000) this.#counts.delete(second);
    return [...this.#counts.values()].reduce((sum, records) => sum + records, 0);
  }

  /** Takes what a trace says. */
  add(moves) {
    for (const { at_ms, records } of moves) {
      const tenth = Math.floor(at_ms / 100) * 100;
      this.#counts.set(tenth, (this.#counts.get(tenth) ?? 0) + records);
    }
    const last = moves.reduce((most, { at_ms }) => Math.max(most, at_ms), 0);
    // Reading doubles what is written; both together may be twice as many.
    const single = this.perSecond(last) * this.speed <= 2 * SINGLE_PER_S;
    for (const move of moves) this.#take(move, single);
    for (const key of this.#all.keys()) {
      if (this.#all.size <= MOST) break;
      this.#all.delete(key);
    }
  }

  #take({ kind, client_id, topic, partition, first_offset, records, at_ms }, single) {
    const flight = { kind, clientId: client_id, topic, partition };
    const offset = Number(first_offset);
    const start = at_ms + (kind === "fetch" ? this.flightMs : 0);
    const place = `${kind} ${client_id} ${topic} ${partition}`;
    if (single && records <= SINGLE_PER_S) {
      const apart = Math.min(70, 500 / records);
      for (let i = 0; i < records; i++) {
        this.#all.set(`${place} ${offset + i}`, { ...flight, offset: offset + i, records: 1, start: start + i * apart });
      }
      return;
    }
    const key = `${place} in ${Math.floor(at_ms / (BUCKET_MS * this.speed))}`;
    const before = this.#all.get(key);
    if (before === undefined) this.#all.set(key, { ...flight, offset, records, start });
    else before.records += records;
  }

  /** What is on its way at `ms`: `{ flight, part }`, the part of its road from 0 to 1. What has arrived is forgotten. */
  flying(ms) {
    const flying = [];
    for (const [key, flight] of this.#all) {
      const part = (ms - flight.start) / this.flightMs;
      if (part >= 1) this.#all.delete(key);
      else if (part >= 0) flying.push({ flight, part: part * part * (3 - 2 * part) });
    }
    return flying;
  }

  /** Whether something is on its way, or will be. */
  get some() {
    return this.#all.size > 0;
  }

  /** How long a record is on its way, at the workers' speed. */
  get flightMs() {
    return FLIGHT_MS * this.speed;
  }

  /** When all have arrived. */
  get end() {
    return [...this.#all.values()].reduce((last, { start }) => Math.max(last, start + this.flightMs), 0);
  }
}

/** How wide the packet of so many records is, in pixels: by the logarithm. */
export const packetWidth = (records) => 14 + 6 * Math.log10(records);

/** Records a second, by differences between snapshots: `heard(name, count, ms)`, then `rates`. */
export class Rates {
  /** By name. */
  rates = new Map();
  #last = new Map();

  /** The count that `name` has at `ms`. */
  heard(name, count, ms) {
    const samples = this.#last.get(name) ?? [];
    // What was cleared begins anew.
    if (samples.length > 0 && count < samples.at(-1).count) samples.length = 0;
    samples.push({ count, ms });
    while (samples.length > 2 && samples[1].ms <= ms - 2000) samples.shift();
    this.#last.set(name, samples);
    const [first] = samples;
    const passed = ms - first.ms;
    this.rates.set(name, passed >= 150 ? ((count - first.count) / passed) * 1000 : 0);
  }

  /** Forgets names that are not among `names`. */
  keep(names) {
    for (const name of this.#last.keys()) {
      if (names.has(name)) continue;
      this.#last.delete(name);
      this.rates.delete(name);
    }
  }
}
