// A broker: what it leads and has done; its worker can be terminated, which is a crash, and started again.

import { element } from "../../element.js";
import { topics } from "../cluster.js";
import { BROKER, describeConfigs } from "../admin.js";
import { bytes, count } from "../format.js";
import { action, actions, figures, keptRows, link, reason, section, table, usable } from "../kit.js";

export function broker(ctx, { nodeId: id }) {
  const nodeId = Number(id);
  const { api, t, choose } = ctx;
  const standing = () => api.standing.brokers.find((one) => one.nodeId === nodeId);
  const now = () => api.brokers.get(nodeId);
  const host = () => standing()?.host;
  const { list, update } = figures([
    [t("state"), () => t(`broker_${standing()?.state ?? "unknown"}`), "broker-now"],
    [t("worker"), () => (host() === null || host() === undefined ? t("none") : host())],
    [t("leads"), () => count(led(api, nodeId).length), "broker-leads"],
    [t("commits"), () => count(now()?.commits)],
    [t("requests"), () => count(now()?.requests)],
    [t("connections"), () => count(now()?.connections)],
    [t("memory"), () => bytes(now()?.memory_bytes)],
  ]);
  const together = element("p", { class: "hint" });
  const terminate = action(ctx, "broker-terminate", t("terminate"), async () => api.act("terminate-worker", host()), {
    kind: "danger", ask: () => ({ title: t("terminate"), text: t("terminate_ask", { brokers: mates(api, host()).join(", ") }) }),
  });
  const again = action(ctx, "broker-start", t("start_again"), async () => api.act("start-worker", host()));
  const leads = table(t("leads"), [t("partition"), [t("end"), "number"], [t("bytes"), "number"]], "broker-leads-table");
  const fillLeads = keptRows(leads.body, () => led(api, nodeId).map((one) => ledRow(ctx, one)));
  const errors = element("ul", { class: "errors" });
  const fillErrors = keptRows(errors, (found) => (found.length === 0 ? [element("li", { class: "hint" }, t("no_refused"))]
    : found.map(({ error, count: times, last_message }) =>
      element("li", {}, element("code", {}, error), ` × ${count(times)}`, element("span", {}, last_message)))));
  return {
    eyebrow: t("broker"),
    title: t("broker_name", { nodeId }),
    body: [list, together, ...actions(terminate, again), section(t("leads"), true, leads.whole), section(t("refused"), true, errors),
      section(t("settings"), false, settings(ctx, nodeId))],
    update: () => {
      update();
      const runs = standing()?.state === "running";
      const guest = api.standing.isGuest;
      usable(terminate.button, runs && !guest);
      usable(again.button, !runs && !guest && (host() ?? undefined) !== undefined);
      const brokers = mates(api, host());
      together.textContent = t(guest ? "broker_elsewhere" : brokers.length > 1 ? "broker_together" : "broker_alone", { brokers: brokers.join(", ") });
      fillLeads(led(api, nodeId).map(({ topic, partition, figure }) => `${topic}-${partition}@${figure?.high_watermark}`).join());
      const refused = now()?.errors ?? [];
      fillErrors(JSON.stringify(refused.map(({ error, count: times }) => [error, String(times)])), refused);
    },
  };
}

/** The partitions that a broker leads. */
function led(api, nodeId) {
  return [...topics(api).values()].flatMap(({ name, leaders, partitions }) => leaders.flatMap((leader, partition) =>
    (leader === nodeId ? [{ topic: name, partition, figure: partitions[partition] }] : [])));
}

/** The brokers of a worker. */
function mates(api, host) {
  return api.standing.brokers.filter((one) => one.host === host).map(({ nodeId }) => nodeId);
}

function ledRow({ t, choose }, { topic, partition, figure }) {
  return element("tr", {}, element("th", { scope: "row" }, element("span", { class: "swatch", "data-p": partition % 8, "aria-hidden": "true" }),
    link(`go-partition-${topic}-${partition}`, t("short_partition", { topic, partition }), () => choose({ kind: "partition", topic, partition }))),
  element("td", { class: "number" }, count(figure?.high_watermark) ?? "–"), element("td", { class: "number" }, bytes(figure?.size_bytes) ?? "–"));
}

/** What it is set to; asked for when somebody looks. */
function settings({ api, t }, nodeId) {
  const place = element("div", {});
  const show = async () => {
    const { whole, body } = table(t("settings"), [t("name"), t("value")], "broker-configs");
    try {
      const found = await describeConfigs(api, BROKER, String(nodeId));
      body.append(...found.map(({ name, value, documentation }) => element("tr", {},
        element("th", { scope: "row" }, element("code", {}, name), element("div", { class: "hint", lang: "en" }, documentation ?? "")), element("td", {}, element("code", {}, value ?? "–")))));
      place.replaceChildren(whole);
    } catch (error) {
      place.replaceChildren(element("p", { class: "problem", role: "alert" }, reason(error)), link("configs-again", t("try_again"), show));
    }
  };
  place.append(link("broker-configs-show", t("show_settings"), show));
  return place;
}
