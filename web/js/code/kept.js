// The code that a browser keeps: for each example what became of it, and what came in a link.

import { recall, remember } from "../storage.js";

const KEY = "headwater.code";
/** Longer code is not kept, nor taken out of a link. */
export const MAX_CODE = 100_000;

/** What is kept: `{ chosen, texts }`; what is no such thing is nothing. */
export function keptCode(names) {
  const { chosen, texts } = parsed(recall(KEY));
  const known = names.filter((name) => typeof texts?.[name] === "string" && texts[name].length <= MAX_CODE);
  return { chosen: names.includes(chosen) ? chosen : names[0], texts: Object.fromEntries(known.map((name) => [name, texts[name]])) };
}

/** Keeps it, where it is not too long; says whether. */
export function keepCode({ chosen, texts }) {
  const short = Object.entries(texts).filter(([, text]) => text.length <= MAX_CODE);
  remember(KEY, JSON.stringify({ chosen, texts: Object.fromEntries(short) }));
  return short.length === Object.keys(texts).length;
}

function parsed(text) {
  try {
    return JSON.parse(text ?? "{}") ?? {};
  } catch {
    return {}; // Somebody else wrote it: it is as good as nothing.
  }
}
