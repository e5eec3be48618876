// The buttons that add something to the picture: their forms are the inspector's.

import { element } from "../element.js";

const KINDS = ["add-producer", "add-topic", "add-consumers"];

/** Puts the buttons before another one, in the page's language. */
export function openAdding(api, before) {
  const buttons = KINDS.map((kind) => element("button", {
    type: "button", class: "small", "data-testid": `picture-${kind}`,
    onclick: () => api.dispatchEvent(new CustomEvent("choose", { detail: { kind } })),
  }));
  const reword = () => buttons.forEach((button, index) => {
    button.textContent = api.t(`picture_${KINDS[index].replace("-", "_")}`);
  });
  api.addEventListener("language", reword);
  reword();
  before.before(element("div", { class: "buttons adding" }, ...buttons));
}
