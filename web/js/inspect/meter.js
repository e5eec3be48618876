// How fast a count grows, over the last seconds.

const WINDOW_MS = 3000;

/** Is told a count now and then. */
export class Meter {
  #seen = [];

  /** The count is this now. */
  see(value, nowMs = performance.now()) {
    this.#seen.push([nowMs, value]);
    while (this.#seen.length > 2 && this.#seen[1][0] < nowMs - WINDOW_MS) this.#seen.shift();
  }

  /** By how many a second it has grown; undefined as long as that cannot be said. */
  rate(nowMs = performance.now()) {
    if (this.#seen.length < 2) return undefined;
    const [[fromMs, from], [, to]] = [this.#seen[0], this.#seen.at(-1)];
    return nowMs > fromMs ? ((to - from) * 1000) / (nowMs - fromMs) : undefined;
  }
}
