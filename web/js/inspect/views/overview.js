// Everything there is, by name: the way to each thing without the picture.

import { element } from "../../element.js";
import { groupOf, groupState, isReading, isRunning, recordsOf, topics, totalLag } from "../cluster.js";
import { count } from "../format.js";
import { keptRows } from "../kit.js";

export function overview(ctx) {
  const { api, t, choose } = ctx;
  const parts = [
    list(ctx, "producers", "add-producer", () => api.clients.imports.map((one) => ({
      choice: { kind: "producer", import: one.import },
      name: t("producer_name", { source: one.source, topic: one.topic }),
      note: isRunning(one) ? t("running") : t("ended"),
    }))),
    list(ctx, "topics", "add-topic", () => [...topics(api).values()].map((one) => ({
      choice: { kind: "topic", topic: one.name },
      name: one.name,
      note: t("topic_note", { partitions: one.leaders.length, records: count(recordsOf(one)) }),
    }))),
    list(ctx, "groups", "add-consumers", () => groupNames(api).map((name) => {
      const known = groupOf(api, name);
      return {
        choice: { kind: "group", group: name },
        name,
        note: known === undefined ? t("unknown_yet") : t("group_note", { state: groupState(t, known.state), lag: count(totalLag(known)) }),
      };
    })),
    list(ctx, "brokers", undefined, () => api.standing.brokers.map(({ nodeId, state }) => ({
      choice: { kind: "broker", nodeId },
      name: t("broker_name", { nodeId }),
      note: t(`broker_${state}`) ?? state,
    }))),
  ];
  return {
    eyebrow: t("cluster"),
    title: t("overview_title"),
    body: [element("div", { class: "overview" }, ...parts.map(({ whole }) => whole))],
    update: () => parts.forEach(({ update }) => update()),
  };
}

/** Groups that coordinators know, and those that consumers are about to found. */
export function groupNames(api) {
  const known = (api.clients.groups ?? []).map(({ group }) => group);
  const founding = api.clients.consumers.filter(isReading).map(({ request }) => request.group);
  return [...new Set([...known, ...founding])].sort();
}

function list({ t, choose }, what, add, things) {
  const items = element("ul", { class: "things" });
  const fill = keptRows(items, (found) => (found.length === 0 ? [element("li", { class: "hint" }, t(`no_${what}`))]
    : found.map(({ choice, name, note }) => element("li", {}, element("button", {
      type: "button", class: "quiet small", "data-testid": `go-${choice.kind}-${choice.import ?? choice.topic ?? choice.group ?? choice.nodeId}`,
      onclick: () => choose(choice),
    }, name), element("span", { class: "hint" }, note)))));
  const adding = add === undefined ? [] : [element("button", {
    type: "button", class: "small", "data-testid": `go-${add}`, onclick: () => choose({ kind: add }),
  }, t(add.replace("-", "_")))];
  return {
    whole: element("section", {}, element("h3", {}, t(what)), items, ...adding),
    update: () => {
      const found = things();
      fill(JSON.stringify(found.map(({ name, note }) => [name, note])), found);
    },
  };
}
