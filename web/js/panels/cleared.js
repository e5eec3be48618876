// Tells when what the brokers had stored is gone though nobody in the page deleted it: the browser's storage was cleared.

import { element } from "../element.js";

/** Watches the brokers for it. They start anew by themselves, with nothing. */
export function watchStorage(api) {
  // Brokers that had something, by node id.
  const had = new Set();
  api.addEventListener("broker", ({ detail: { name, content } }) => {
    if (name === "snapshot" && content.topics.length > 0) had.add(content.node_id);
    // Deleted in the page, on purpose.
    if (name === "destroyed" || (name === "snapshot" && content.topics.length === 0)) had.delete(content.node_id);
    if (name === "ready" && content.logs === 0 && had.delete(content.node_id)) tell(api);
  });
}

function tell(api) {
  if (document.querySelector('[data-testid="storage-cleared"]')) return;
  const text = element("p");
  const close = element("button", { type: "button", onclick: () => notice.remove() });
  const notice = element("div", { class: "banner bad notice", role: "alert", "data-testid": "storage-cleared" }, text, close);
  const say = () => {
    text.textContent = api.t("storage_cleared");
    close.textContent = api.t("understood");
  };
  say();
  api.addEventListener("language", say);
  document.getElementById("app").before(notice);
}
