// Where in a person's code an error lies.

/** Lines of the script before the code's first (sandbox.js). */
const BEFORE = 1;

/** How many lines a text begins beyond the first; what ends a line in JavaScript. */
export function lineBreaks(text) {
  return text.match(/\r\n|[\n\r\u2028\u2029]/g)?.length ?? 0;
}

/**
 * The place in the code that an error's stack names first: `{ line, column }`, both from 1, or nothing. `url` is that of the
 * code's script, `lines` how many lines the code has.
 */
export function placeIn(stack, url, lines) {
  for (const frame of String(stack).split("\n")) {
    const at = frame.indexOf(`${url}:`);
    const [, line, column] = (at >= 0 && /^:(\d+):(\d+)/.exec(frame.slice(at + url.length))) || [];
    if (line !== undefined) return placeAt(Number(line), Number(column), lines);
  }
  return undefined;
}

/** The same for a place in the script. What lies behind the code is a bracket of ours that closes one of theirs. */
export function placeAt(line, column, lines) {
  const own = line - BEFORE;
  if (!(own >= 1)) return undefined;
  return own <= lines ? { line: own, column: Math.max(column || 1, 1) } : { line: lines, column: 1 };
}
