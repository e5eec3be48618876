// Panels of the workbench, a notice, and keys, that the first picture does without. Loaded after it.

import { onceAFrame } from "../frame.js";
import { openKeys } from "../time/keys.js";
import { watchStorage } from "./cleared.js";
import { openOtherTime } from "./other-time.js";
import { ReadPanel } from "./read-panel.js";
import { SendPanel } from "./send-panel.js";

/** What the stage's button does: the first picture does without. */
export { showMe, stopShowing } from "../stage/showme.js";

let opened = false;

/** Puts the panels into their places, now and whenever those are made anew; once is enough. */
export function open(api) {
  if (opened) return;
  opened = true;
  watchStorage(api);
  openKeys(api);
  openOtherTime(api);
  explainErrors(api);
  // Lists that scroll are reached by the keyboard also where the browser does not see to it.
  document.addEventListener("toggle", ({ target }) => target.querySelector(":scope > .rows")?.setAttribute("tabindex", "0"), true);
  api.addEventListener("language", () => explainErrors(api));
  for (const panel of [new ReadPanel(api), new SendPanel(api)]) {
    api.addEventListener("mounted", () => panel.mount());
    panel.mount();
    const update = onceAFrame(() => panel.update());
    for (const heard of ["broker", "standing"]) api.addEventListener(heard, update);
  }
}

/** Errors come in English, as from any Kafka; what is known of them in another language is loaded where it is wanted. */
function explainErrors(api) {
  const { language } = api;
  api.explain = undefined;
  if (language !== "en") api.module("errors").then((errors) => errors.explainErrors(api, language)).catch(reportError);
}
