// The last two minutes in figures, and how a line is drawn through them. Nothing of the DOM.

/** How many samples are kept, one a second. */
export const SAMPLES = 120;

/** Series of numbers by name, bounded. */
export class History {
  #series = new Map();

  /** Takes what is measured now; what is `undefined` was not. */
  add(values) {
    for (const [name, value] of Object.entries(values)) {
      const series = this.of(name);
      series.push(value);
      if (series.length > SAMPLES) series.shift();
      this.#series.set(name, series);
    }
  }

  /** The samples of a name, the newest last. */
  of(name) {
    return this.#series.get(name) ?? [];
  }

  /** The largest that these names have had. */
  peak(...names) {
    return names.flatMap((name) => this.of(name)).reduce((most, value) => Math.max(most, value ?? 0), 0);
  }
}

/** The path of a series in a field of this size, its newest sample at the right edge, `peak` at the upper. */
export function line(series, peak, width, height) {
  const step = width / (SAMPLES - 1);
  let path = "";
  let drawn = false;
  series.forEach((value, index) => {
    if (value === undefined) return (drawn = false);
    const x = width - (series.length - 1 - index) * step;
    const y = height - (peak > 0 ? value / peak : 0) * height;
    path += `${drawn ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    drawn = true;
  });
  return path;
}
