// The page's words: a table for each language, loaded when it is wanted.

import { recall, remember } from "./storage.js";

const KEY = "headwater.language";

/** The languages there are, by their names in themselves. */
export const LANGUAGES = { en: "English", zh: "中文" };

/** What was chosen before, or what the browser prefers, or English. */
export function chosenLanguage() {
  const remembered = recall(KEY);
  if (remembered in LANGUAGES) return remembered;
  const preferred = (navigator.languages ?? []).map((tag) => tag.split("-")[0].toLowerCase());
  return preferred.find((language) => language in LANGUAGES) ?? "en";
}

/** Remembers a choice, where the browser remembers anything. */
export function rememberLanguage(language) {
  remember(KEY, language);
}

/**
 * The words of a language: `page` for what is Rust (in order) and `modules` for what is JavaScript (by key). The
 * document's language, title and description become those.
 */
export async function loadWords(language) {
  const words = await loadTable(language);
  documentLanguage(language);
  document.title = words.modules.page_title;
  document.querySelector('meta[name="description"]')?.setAttribute("content", words.modules.page_description);
  return words;
}

/** Says in which language the document is. */
export function documentLanguage(language) {
  document.documentElement.lang = language === "zh" ? "zh-Hans" : language;
}

/** A table of words by its name: a language, or a part of the page and a language. */
export async function loadTable(name) {
  const response = await fetch(new URL(`./strings/${name}.json`, import.meta.url));
  if (!response.ok) throw new Error(`the words of the page (${name}): ${response.status} ${response.statusText}`);
  return response.json();
}

/** `text` with its places (`{name}`) filled in. */
export function fill(text, places = {}) {
  return text.replace(/\{(\w+)\}/g, (_, name) => String(places[name] ?? ""));
}
