// One record by hand, or one that was there, changed.

import { element } from "../../element.js";
import { topics } from "../cluster.js";
import { count } from "../format.js";
import { attempt, checkbox, field, input, link, outcome, select } from "../kit.js";
import { isCut } from "../payload.js";

/** More headers than anybody types. */
const MAX_HEADERS = 50;

export function send(ctx, { topic, partition, copy }) {
  const { t, choose } = ctx;
  const problem = copy && [copy.key, copy.value, ...copy.headers.map(([, value]) => value)].find((one) => one && (one.hex || isCut(one)));
  const back = copy && link("go-record", t("as_it_was", { offset: count(copy.offset) }), () => choose({ kind: "record", topic, partition, offset: copy.offset }));
  return {
    eyebrow: t("send"),
    title: copy ? t("send_again_title") : topic ?? "",
    body: [...(back ? [back] : []), problem ? element("p", { class: "problem" }, t(problem.hex ? "cannot_edit_bytes" : "cannot_edit_cut")) : fields(ctx, { topic, partition, copy })],
  };
}

function fields(ctx, { topic, partition, copy }) {
  const { api, t, choose } = ctx;
  const all = topics(api);
  const topicField = select("hand-topic", [...all.keys()].map((name) => [name, name]), topic);
  const partitionField = select("hand-partition", [], "");
  const fill = () => {
    const leaders = all.get(topicField.value)?.leaders ?? [];
    const options = [["", t("by_the_key")], ...leaders.map((_, number) => [number, t("partition_name", { partition: number })])];
    partitionField.replaceChildren(...options.map(([value, text]) => element("option", { value, selected: String(value) === String(partition ?? "") }, text)));
  };
  topicField.addEventListener("change", fill);
  fill();
  const key = input("hand-key", { value: copy?.key?.text ?? "", spellcheck: "false" });
  const noKey = checkbox("hand-no-key", copy ? !copy.key : true);
  key.addEventListener("input", () => { noKey.checked = false; });
  const value = element("textarea", { rows: 6, "data-testid": "hand-value", spellcheck: "false" }, copy?.value?.text ?? "");
  const tombstone = checkbox("hand-tombstone", Boolean(copy) && !copy.value);
  value.addEventListener("input", () => { tombstone.checked = false; });
  const headers = headerFields(ctx, copy?.headers ?? []);
  const said = outcome("hand-said");
  const button = element("button", { type: "submit", class: "primary", "data-testid": "hand-send" }, t("send_it"));
  const open = element("div");
  const work = async () => {
    const record = {
      topic: topicField.value,
      partition: partitionField.value === "" ? undefined : Number(partitionField.value),
      key: noKey.checked ? undefined : key.value,
      value: tombstone.checked ? undefined : value.value,
      headers: headers.read(),
    };
    const { sent } = await api.request({ send: record });
    const ids = { kind: "record", topic: record.topic, partition: sent.partition, offset: sent.offset };
    open.replaceChildren(link("hand-open", t("look_at_it"), () => choose(ids)));
    return t("sent_as", { partition: sent.partition, offset: count(sent.offset) });
  };
  return element("form", {
    novalidate: true, onsubmit: (event) => {
      event.preventDefault();
      open.replaceChildren();
      attempt(button, said, work);
    },
  }, element("div", { class: "pair" }, field(t("topic"), topicField), field(t("partition"), partitionField)),
    field(t("key"), key), field(t("no_key"), noKey), field(t("value"), value), field(t("tombstone"), tombstone, t("tombstone_hint")),
    headers.whole, element("div", { class: "buttons" }, button), said.place, open);
}

function headerFields({ t }, given) {
  const rows = element("div", { class: "stack" });
  const add = (name = "", content = "") => {
    if (rows.children.length >= MAX_HEADERS) return;
    const row = element("div", { class: "line header-line" },
      field(t("header_name"), input("hand-header-name", { value: name })), field(t("header_value"), input("hand-header-value", { value: content ?? "" })),
      element("button", { type: "button", class: "quiet", onclick: () => { row.remove(); button.focus(); } }, t("remove")));
    // A header without a value stays one as long as nobody types into it.
    if (content === null) row.dataset.null = "";
    row.addEventListener("input", () => { delete row.dataset.null; });
    rows.append(row);
    return row;
  };
  const button = element("button", { type: "button", "data-testid": "hand-header-add", onclick: () => add()?.querySelector("input").focus() }, t("add_header"));
  for (const [name, content] of given) add(name, content?.text ?? null);
  const read = () => [...rows.children].map((row) => {
    const [name, content] = row.querySelectorAll("input");
    return [name.value, row.dataset.null === undefined ? content.value : undefined];
  });
  return { whole: element("div", { class: "stack" }, rows, element("div", {}, button)), read };
}
