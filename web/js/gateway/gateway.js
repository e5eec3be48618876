// The page of `headwater serve --ui`: the same page, but the brokers that it shows and drives are those of the server that it
// came from. Loaded only there (boot.js).

import { element } from "../element.js";
import { Host } from "./host.js";
import { takePlace, withWorkers } from "./platform.js";

/** Starts the page by `start`, with `brokers` brokers of the gateway in the place of its own. */
export async function startWithGateway(api, brokers, start) {
  const reached = new Map();
  const notice = element("p", { class: "gateway", role: "status", "data-testid": "gateway" });
  const show = () => {
    const lost = [...reached.values()].some((there) => !there);
    notice.dataset.state = lost ? "lost" : "there";
    notice.textContent = api.t(lost ? "gateway_lost" : "gateway_there", { address: location.host });
  };
  takePlace(() => new Host((key, places) => api.t(key, places), (nodeId, there) => {
    reached.set(nodeId, there);
    show();
  }));
  api.gateway = location.host;
  document.documentElement.dataset.gateway = "";
  document.body.prepend(notice);
  api.addEventListener("language", show);
  show();
  await withWorkers(brokers, start);
}
