// Light or dark: as the system has it, or as was chosen in the page.

import { recall, remember } from "./storage.js";

const KEY = "headwater.theme";
const DARK = "(prefers-color-scheme: dark)";
/** What the dark half of the style sheet applies to, for each choice. */
const MEDIA = { auto: DARK, light: "not all", dark: "all" };

/** The choices there are. */
export const THEMES = Object.keys(MEDIA);

/** What was chosen before, or `auto`. */
export function chosenTheme() {
  const remembered = recall(KEY);
  return remembered in MEDIA ? remembered : "auto";
}

/** Shows the page in a theme: the colours of the style sheet, and `data-theme` (`light` or `dark`) of the document. */
export function applyTheme(theme) {
  for (const media of darkRules()) media.mediaText = MEDIA[theme];
  const dark = theme === "dark" || (theme === "auto" && globalThis.matchMedia(DARK).matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

/** Applies a choice and remembers it. */
export function setTheme(theme) {
  remember(KEY, theme);
  applyTheme(theme);
}

/** Calls `changed` when the system goes from light to dark or back. */
export function onSystemTheme(changed) {
  globalThis.matchMedia(DARK).addEventListener("change", changed);
}

let found;
function darkRules() {
  // Looked for once: a choice changes what they could be found by.
  found ??= [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules])
    .filter((rule) => rule instanceof CSSMediaRule && rule.media.mediaText === DARK)
    .map((rule) => rule.media);
  return found;
}
