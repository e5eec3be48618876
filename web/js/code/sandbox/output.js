// What the code of a person writes, on its way to the page: a bounded queue, handed over in pieces that the page asks for.

const MOST = 1000;
const PIECE = 200;

/** `send(lines, dropped)` gets the oldest lines, and how many were left out before them; `acknowledged` asks for more. */
export class Output {
  #lines = [];
  #dropped = 0;
  #waiting = false;
  #timer;
  #send;

  constructor(send) {
    this.#send = send;
  }

  /** A line more: `{ level, text, line?, column? }`. When the page is too slow the oldest go unseen. */
  push(line) {
    this.#lines.push(line);
    // By halves: to take one from the front of a long list at each push would be slow.
    if (this.#lines.length > 2 * MOST) {
      this.#dropped += this.#lines.length - MOST;
      this.#lines.splice(0, this.#lines.length - MOST);
    }
    // A loop that never lets a timer run is heard of too.
    if (!this.#waiting && this.#lines.length >= PIECE) this.#look();
    else this.#timer ??= setTimeout(() => this.#look(), 0);
  }

  /** The page has shown the last piece. */
  acknowledged() {
    this.#waiting = false;
    if (this.#lines.length > 0) this.#look();
  }

  /** Sends all that is left, whether the page has asked or not: there will be no other time. */
  flush() {
    const dropped = this.#dropped + Math.max(0, this.#lines.length - MOST);
    const rest = this.#lines.slice(-MOST);
    if (rest.length > 0 || dropped > 0) this.#send(rest, dropped);
    this.#lines = [];
    this.#dropped = 0;
  }

  #look() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting || this.#lines.length === 0) return;
    this.#waiting = true;
    this.#send(this.#lines.splice(0, PIECE), this.#dropped);
    this.#dropped = 0;
  }
}
