// Keys, values and headers of records, to look at.

/** Whether only a part of it came: much is cut. */
export function isCut({ text, hex, length }) {
  return (hex ? text.length / 2 : new TextEncoder().encode(text).length) < Number(length);
}

/** JSON text with its parts on lines of their own, number by number as it was written; undefined where it is not an object or array. */
export function prettyJson(text) {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    JSON.parse(text);
  } catch {
    return undefined; // It is no JSON: shown as it is.
  }
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[[\]{}:,]|[^\s[\]{}:,"]+/g);
  return tokens.map((token, index) => {
    const [before, after] = [tokens[index - 1], tokens[index + 1]];
    if (token === "{" || token === "[") {
      depth += 1;
      return after === "}" || after === "]" ? token : token + line();
    }
    if (token === "}" || token === "]") {
      depth -= 1;
      return before === "{" || before === "[" ? token : line() + token;
    }
    return token === "," ? token + line() : token === ":" ? ": " : token;
  }).join("");
}

/** Hexadecimal digits as lines of sixteen bytes, with their offset and what of them is ASCII. */
export function hexDump(digits) {
  const lines = [];
  for (let at = 0; at < digits.length; at += 32) {
    const pairs = digits.slice(at, at + 32).match(/../g) ?? [];
    const text = pairs.map((pair) => {
      const code = parseInt(pair, 16);
      return code >= 32 && code < 127 ? String.fromCharCode(code) : ".";
    }).join("");
    lines.push(`${(at / 2).toString(16).padStart(6, "0")}  ${pairs.join(" ").padEnd(47)}  ${text}`);
  }
  return lines.join("\n");
}

/** The same bytes in base64. */
export function base64(digits) {
  const codes = (digits.match(/../g) ?? []).map((pair) => String.fromCharCode(parseInt(pair, 16)));
  return btoa(codes.join(""));
}

/** One line of text that stands for it; undefined: there is none (null). */
export function inShort(payload, characters = 200) {
  if (payload === undefined || payload === null) return undefined;
  const text = payload.text.slice(0, characters + 1);
  return text.length > characters ? `${text.slice(0, characters)}…` : text;
}
