// A record: key, value, headers and timestamp; its neighbours; and the form to send it again, changed.

import { element } from "../../element.js";
import { count, duration, isoTime } from "../format.js";
import { attempt, link, outcome, reason, section } from "../kit.js";
import { hexDump, isCut, prettyJson } from "../payload.js";
import { stored } from "./stored.js";

/** Offsets may be missing, where compaction or a transaction's markers were: how far back one is looked for at a time. */
const LOOK_BACK = 100n;

export function record(ctx, { topic, partition, offset }) {
  const { t, choose } = ctx;
  const wanted = BigInt(offset);
  const place = element("div", { class: "record-view", "aria-busy": "true" }, element("p", { class: "hint" }, t("loading")));
  const said = outcome("record-said");
  const step = (name, find) => {
    const button = element("button", {
      type: "button", "data-testid": `record-${name}`,
      onclick: () => attempt(button, said, async () => {
        const found = await find();
        if (found === undefined) return t(`no_${name}`);
        choose({ kind: "record", topic, partition, offset: found });
        return "";
      }),
    }, t(`${name}_record`));
    return button;
  };
  show(ctx, place, topic, partition, wanted);
  return {
    eyebrow: t("record"),
    title: t("record_of", { topic, partition, offset: count(wanted) }),
    body: [element("div", { class: "buttons" },
      step("previous", () => before(ctx, topic, partition, wanted)), step("next", () => after(ctx, topic, partition, wanted)),
      link("go-partition", t("partition_of", { topic, partition }), () => choose({ kind: "partition", topic, partition }))),
    said.place, place],
  };
}

/** A page of records, by `Request::Read`. */
export async function read(api, topic, partition, from, max = 1) {
  const reply = await api.request({ read: { topic, partition, from, max_records: max } });
  return reply.records;
}

async function show(ctx, place, topic, partition, offset) {
  const { api, t } = ctx;
  try {
    const page = await read(api, topic, partition, { offset });
    const found = page.records[0];
    place.replaceChildren(...(found?.offset === offset ? shown(ctx, topic, partition, found) : missing(ctx, topic, partition, offset, page)));
  } catch (error) {
    place.replaceChildren(element("p", { class: "problem", role: "alert" }, reason(error)));
  }
  place.removeAttribute("aria-busy");
}

function missing({ t, choose }, topic, partition, offset, { records: [next], log_start_offset: start, high_watermark: end }) {
  const why = offset < start ? "record_deleted" : offset >= end ? "record_not_yet" : "record_gone";
  const said = element("p", { class: "empty" }, t(why, { offset: count(offset), start: count(start), end: count(end) }));
  if (next === undefined) return [said];
  return [said, link("record-nearest", t("nearest_record", { offset: count(next.offset) }),
    () => choose({ kind: "record", topic, partition, offset: next.offset }))];
}

function shown(ctx, topic, partition, found) {
  const { t, choose } = ctx;
  const row = (label, ...content) => [element("dt", {}, label), element("dd", {}, ...content)];
  const facts = element("dl", { class: "facts" },
    ...row(t("timestamp"), element("time", { "data-testid": "record-time" }, isoTime(found.timestamp) ?? t("no_timestamp")),
      ` (${t("ago", { time: duration(Math.max(0, Date.now() - Number(found.timestamp))) })})`),
    ...row(t("key"), payload(ctx, found.key, "record-key")),
    ...row(t("value"), payload(ctx, found.value, "record-value")),
    ...row(t("headers"), found.headers.length === 0 ? t("none") : element("dl", { class: "facts", "data-testid": "record-headers" },
      ...found.headers.flatMap(([name, value]) => row(name, payload(ctx, value))))));
  const again = element("button", {
    type: "button", class: "primary", "data-testid": "record-edit",
    onclick: () => choose({ kind: "send", topic, partition, copy: found }),
  }, t("edit_and_send"));
  const tombstone = element("button", {
    type: "button", "data-testid": "record-tombstone",
    onclick: () => choose({ kind: "send", topic, partition, copy: { ...found, value: undefined } }),
  }, t("send_tombstone"));
  return [facts, element("div", { class: "buttons" }, again, ...(found.key ? [tombstone] : [])), section(t("where_stored"), true, stored(ctx, topic, partition, found.offset))];
}

/** A key, value or header: JSON by lines, bytes that are no text in hexadecimal. */
export function payload({ t }, content, name) {
  if (content === undefined || content === null) return element("span", { class: "null", "data-testid": name }, t("null"));
  const pretty = content.hex ? hexDump(content.text) : prettyJson(content.text) ?? content.text;
  const note = [t("bytes_long", { count: count(content.length) }), content.hex ? t("not_text") : "", isCut(content) ? t("cut") : ""];
  return element("div", {}, element("pre", { class: "payload", tabindex: 0, "data-testid": name }, pretty),
    element("span", { class: "hint" }, note.filter((part) => part !== "").join(" ")));
}

async function after({ api }, topic, partition, offset) {
  return (await read(api, topic, partition, { offset: offset + 1n })).records[0]?.offset;
}

/** Looks back further and further, as there may be nothing for a while. */
async function before({ api }, topic, partition, offset) {
  for (let back = LOOK_BACK; ; back *= 8n) {
    const from = offset > back ? offset - back : 0n;
    let last;
    for (let at = from; at < offset;) {
      const page = await read(api, topic, partition, { offset: at }, 1000);
      last = page.records.filter((found) => found.offset < offset).at(-1)?.offset ?? last;
      if (page.next_offset <= at) break;
      at = page.next_offset;
    }
    if (last !== undefined || from === 0n) return last;
  }
}
