// The heading of the workbench: the panels below the picture, which it folds away.

import { element } from "./element.js";
import { recall, remember } from "./storage.js";

const KEY = "headwater.workbench";

/** Puts the heading after the picture's place, now and whenever the page is made anew. */
export function openWorkbench(api) {
  const show = () => {
    if (!document.querySelector(".workbench")) document.getElementById("stage")?.after(heading(api));
  };
  api.addEventListener("mounted", show);
  show();
}

function heading(api) {
  const isOpen = () => recall(KEY) !== "folded";
  const button = element("button", { type: "button", "data-testid": "workbench" }, api.t("workbench"));
  const title = element("h2", { class: "workbench" }, button);
  const fold = (open) => {
    title.classList.toggle("folded", !open);
    button.setAttribute("aria-expanded", String(open));
  };
  button.addEventListener("click", () => {
    const open = title.classList.contains("folded");
    remember(KEY, open ? "open" : "folded");
    fold(open);
  });
  fold(isOpen());
  return title;
}
