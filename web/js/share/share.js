// Links that hold a set-up: made, and opened. Loaded when first wanted.

import { element } from "../element.js";
import { openDialog } from "../inspect/kit.js";
import { LANGUAGES } from "../language.js";
import { openLesson } from "../lessons/kept.js";
import { applyItems } from "./apply.js";
import { LinkError, pack, unpack } from "./pack.js";
import { planOf } from "./plan.js";
import { checkSetup, currentSetup } from "./setup.js";

// What some programs cut links at.
const LONG_LINK = 8000;

/** Shows the link of what there is now. */
export async function shareSetup(api) {
  const { currentCode } = await api.load("code");
  const { text, changed } = currentCode(api);
  const lesson = document.querySelector('[data-testid="lesson"]') ? openLesson() || undefined : undefined;
  const t = (key, places) => api.t(`share_${key}`, places);
  const link = element("textarea", { id: "share-link", readonly: true, rows: 4, "data-testid": "share-link", onfocus: () => link.select() });
  const note = element("p", { class: "hint", role: "status", "data-testid": "share-note" });
  const withCode = element("input", { type: "checkbox", id: "share-code", "data-testid": "share-code", checked: changed, onchange: () => make() });
  const make = async () => {
    const setup = currentSetup(api, { code: withCode.checked ? text : undefined, lesson });
    try {
      link.value = location.href.split("#")[0] + (await pack(setup));
      note.textContent = link.value.length > LONG_LINK ? t("long", { length: link.value.length.toLocaleString() }) : "";
    } catch (error) {
      link.value = "";
      note.textContent = error instanceof LinkError ? t("error_too_long") : String(error);
    }
  };
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(link.value);
      note.textContent = t("copied");
    } catch {
      // Not every browser lets a page write there: then the person copies what is selected.
      link.focus();
      link.select();
      note.textContent = t("copy_by_hand");
    }
  };
  await make();
  const dialog = openDialog("share-dialog", { class: "share" }, t("title"),
    element("p", {}, t("intro")),
    element("div", { class: "field check" }, withCode, element("label", { for: "share-code" }, t("with_code"))),
    element("div", { class: "field" }, element("label", { for: "share-link" }, t("link")), link),
    note,
    element("div", { class: "buttons" },
      button(t("close"), () => dialog.close(), { "data-testid": "share-close" }),
      button(t("copy"), copy, { class: "primary", "data-testid": "share-copy" })));
  link.focus();
}

/** Opens the link that the page was called with: says what it would do, and does what a person chooses of it. */
export async function openLink(api) {
  const fragment = location.hash;
  let isRead = true;
  try {
    const { setup, problems } = checkSetup(await unpack(fragment));
    const code = setup.code === undefined ? undefined : await api.load("code");
    const world = {
      language: api.language,
      workers: api.standing.hosts.length,
      isGuest: api.standing.isGuest,
      isGateway: api.gateway !== undefined,
      topics: await knownTopics(api),
      linkedCode: code?.linkedCode(api),
    };
    offer(api, planOf(setup, world), problems);
  } catch (error) {
    isRead = error instanceof LinkError;
    if (!isRead) throw error;
    const close = () => dialog.close();
    const dialog = openDialog("link-dialog", { class: "share" }, api.t("share_cannot"),
      element("p", { "data-testid": "link-error" }, api.t(`share_error_${error.code.replaceAll("-", "_")}`)),
      element("div", { class: "buttons" }, button(api.t("share_close"), close, { class: "primary", "data-testid": "link-close" })));
  } finally {
    // A reload asks for it no more, and the address of the page is its own again.
    if (isRead && location.hash === fragment) history.replaceState(null, "", location.pathname + location.search);
  }
}

function offer(api, { items, problems, there }, bad) {
  const boxes = items.map((item, index) => {
    const id = `link-item-${index}`;
    const box = element("input", { type: "checkbox", id, checked: item.chosen, "data-testid": `link-${item.kind}` });
    return { item, box, row: element("li", { class: "check field" }, box, element("label", { for: id }, wordsFor(api, item))) };
  });
  const t = (key, places) => api.t(`share_${key}`, places);
  const cannot = [...problems, ...bad].map(({ key, ...places }) => api.t(key, places));
  const already = there.map((name) => t("there", { name }));
  const apply = button(t("apply"), () => carryOut(), { class: "primary", "data-testid": "link-apply" });
  const carryOut = async () => {
    apply.disabled = true;
    apply.textContent = t("applying");
    const chosen = boxes.filter(({ box }) => box.checked).map(({ item }) => item);
    const failed = await applyItems(api, chosen).catch((error) => chosen.map((item) => ({ item, error })));
    report(api, dialog, { done: chosen.filter((item) => failed.every((one) => one.item !== item)), failed, cannot });
  };
  const dialog = openDialog("link-dialog", { class: "share" }, t("open_title"),
    element("p", {}, t(items.length > 0 ? "open_intro" : "open_nothing")),
    element("ul", { class: "share-items" }, ...boxes.map(({ row }) => row)),
    ...sentences(t("already"), already, "link-there"),
    ...sentences(t("cannot"), cannot, "link-problems"),
    element("div", { class: "buttons" },
      button(t(items.length > 0 ? "not_now" : "close"), () => dialog.close(), { "data-testid": "link-close" }),
      ...(items.length > 0 ? [apply] : [])));
}

function report(api, dialog, { done, failed, cannot }) {
  const t = (key, places) => api.t(`share_${key}`, places);
  const not = failed.map(({ item, error }) => `${wordsFor(api, item)}: ${error?.message ?? error}`);
  dialog.replaceChildren(
    element("h2", { id: "link-dialog-title", tabindex: "-1" }, t("done_title")),
    ...sentences(t("done"), done.map((item) => wordsFor(api, item)), "link-done"),
    ...sentences(t("cannot"), [...not, ...cannot], "link-problems"),
    element("div", { class: "buttons" }, button(t("close"), () => dialog.close(), { class: "primary", "data-testid": "link-close" })));
  dialog.querySelector("h2").focus();
}

function wordsFor(api, { kind, value }) {
  const t = (key, places) => api.t(`share_do_${key}`, places);
  const pace = ({ rate }) => rate === undefined ? "" : api.t("share_at_rate", { rate: rate.toLocaleString() });
  const words = {
    language: () => t("language", { name: LANGUAGES[value] }),
    workers: () => t("workers", { count: value }),
    topic: () => t(value.configs ? "topic_configs" : "topic", {
      name: value.name, partitions: value.partitions,
      configs: Object.entries(value.configs ?? {}).map(([key, one]) => `${key}=${one}`).join(", "),
    }),
    producer: () => t("producer", {
      topic: value.topic, pace: pace(value),
      source: value.source.dataSet ?? api.t("share_synthetic", { records: value.source.synthetic.records.toLocaleString() }),
    }),
    group: () => t("group", { group: value.group, topic: value.topic, consumers: value.consumers, pace: pace(value) }),
    code: () => t("code", { length: value.length.toLocaleString() }),
    lesson: () => t("lesson", { name: value }),
  };
  return words[kind]();
}

function sentences(title, all, testid) {
  if (all.length === 0) return [];
  return [element("h3", {}, title), element("ul", { class: "share-said", "data-testid": testid }, ...all.map((one) => element("li", {}, one)))];
}

function button(words, act, attributes) {
  return element("button", { type: "button", onclick: act, ...attributes }, words);
}

/** The topics and how many partitions they have, once the brokers have said so; none if they do not. */
async function knownTopics(api) {
  const isKnown = () => api.standing.brokers.length > 0 && api.standing.brokers.every(({ nodeId }) => api.brokers.has(nodeId));
  if (!isKnown()) {
    await new Promise((resolve) => {
      const timer = setTimeout(done, 10_000);
      function done() {
        clearTimeout(timer);
        api.removeEventListener("broker", look);
        resolve();
      }
      function look() {
        if (isKnown()) done();
      }
      api.addEventListener("broker", look);
    });
  }
  const topics = [...api.brokers.values()].flatMap((broker) => broker.topics);
  return new Map(topics.map(({ name, leaders }) => [name, leaders.length]));
}
