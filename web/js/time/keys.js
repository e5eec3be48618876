// Keys for the toolbar of time, from anywhere on the page but where one types. They have modifiers that neither browsers nor screen
// readers take: letters alone would be in the way of both (WCAG 2.1.4).

import { element } from "../element.js";

/** By the buttons: the letter beside Alt and Shift. */
const KEYS = { pause: "P", step: "S" };
const TYPING = "input, textarea, select, dialog, [contenteditable]";

/** Which button of the toolbar a key presses, if any. */
export function buttonFor({ key, code, altKey, shiftKey, ctrlKey, metaKey, repeat }) {
  if (!altKey || !shiftKey || ctrlKey || metaKey) return undefined;
  // With Alt, some keyboards type another character.
  const letter = /^[a-z]$/i.test(key) ? key.toUpperCase() : code.replace("Key", "");
  // Held down, it steps on, and does not pause and go on by turns.
  return Object.keys(KEYS).find((name) => KEYS[name] === letter && !(repeat && name === "pause"));
}

/** Has keys press the toolbar's buttons, which say so. What a button has changed is said where nobody looks at it. */
export function openKeys(api) {
  const said = element("p", { class: "visually-hidden", role: "status", "data-testid": "time-said" });
  document.body.append(said);
  const button = (name) => document.querySelector(`.time [data-testid="${name}"]`);
  const label = () => {
    for (const [name, letter] of Object.entries(KEYS)) {
      button(name)?.setAttribute("aria-keyshortcuts", `Alt+Shift+${letter}`);
      button(name)?.setAttribute("title", `Alt+Shift+${letter}`);
    }
  };
  api.addEventListener("mounted", label);
  label();
  document.addEventListener("keydown", (event) => {
    const name = buttonFor(event);
    const pressed = name && button(name);
    // Where nothing is to be seen yet, and in a tab that others rule, there is no toolbar.
    if (!pressed?.offsetParent || event.target.closest?.(TYPING)) return;
    event.preventDefault();
    pressed.click();
    // The toolbar itself says what a step has done.
    if (name === "pause") said.textContent = api.t(pressed.closest("[data-paused=true]") ? "time_stands" : "time_goes");
  });
}
