// What a producer sends, where, and how: the fields for it, and starting it.

import { element } from "../../element.js";
import { importOf, isRunning, shownByClients } from "../cluster.js";
import { field, input, select, wholeNumber } from "../kit.js";

/** The data sets that come with the page: where they are, and the fields that can be a key. */
export const DATA_SETS = {
  vehicles: { url: "data/vehicles.ndjson.gz", keys: ["id"], key: "id" },
};
/** How many made-up records are sent, unless a person says. */
const SYNTHETIC = { records: 1_000_000, value_size: 100 };

/** What was asked for by imports that were started here, by their ids: snapshots do not tell. */
const requests = new Map();
const MAX_REQUESTS = 100;

/** The request of an import: as it was, or as it must have been where only its source is known; undefined for a file. */
export function asked({ import: id, source, topic }) {
  const known = requests.get(String(id));
  if (known !== undefined) return known;
  const set = DATA_SETS[source];
  if (set !== undefined) {
    return { source: { "data-set": { name: source, url: set.url } }, topic, partitions: 4, configs: [], key_field: set.key, records_per_s: undefined, again: false };
  }
  const synthetic = /^(\d+) records of (\d+) bytes$/.exec(source);
  if (synthetic === null) return undefined;
  const [records, value_size] = [BigInt(synthetic[1]), Number(synthetic[2])];
  return { source: { synthetic: { records, value_size } }, topic, partitions: 4, configs: [], key_field: undefined, records_per_s: undefined, again: false };
}

/** Starts a producer; gives its import's id, when snapshots tell of it. */
export async function start(api, request) {
  const reply = await api.request({ import: request });
  const id = reply["import-started"].import;
  requests.set(String(id), request);
  if (requests.size > MAX_REQUESTS) requests.delete(requests.keys().next().value);
  await shownByClients(api, () => importOf(api, id));
  return id;
}

/** Stops a producer and starts another in its place, which goes on after its last record; gives the new import's id. */
export async function restart(api, id, request) {
  const found = importOf(api, id);
  if (found !== undefined && isRunning(found)) {
    await api.request({ "stop-import": { import: BigInt(id) } });
    await shownByClients(api, () => (isRunning(importOf(api, id) ?? {}) ? undefined : true));
  }
  return start(api, { ...request, again: false });
}

/** The fields of a producer; `fixed`: source and topic stay as they are. `read` gives their part of an `ImportRequest`. */
export function sourceFields(ctx, known, { fixed = false } = {}) {
  const { t } = ctx;
  const keyField = select("producer-key", [], "");
  const fillKeys = (name, chosen) => {
    const keys = ["", ...(DATA_SETS[name]?.keys ?? [])];
    keyField.replaceChildren(...keys.map((key) => element("option", { value: key, selected: key === chosen }, key === "" ? t("no_key") : key)));
  };
  const setName = known.source["data-set"]?.name ?? "synthetic";
  fillKeys(setName, known.key_field ?? "");
  const fields = [field(t("key_field"), keyField, t("key_field_hint"))];
  if (fixed) return { whole: element("div", { class: "stack" }, ...fields), read: () => ({ key_field: keyField.value || undefined }) };

  const source = select("producer-source", [...Object.keys(DATA_SETS), "synthetic"].map((name) => [name, t(`source_${name}`)]), setName);
  const topic = input("producer-topic", { value: known.topic, spellcheck: "false" });
  const partitions = input("producer-partitions", { type: "number", min: 1, value: known.partitions });
  const records = input("producer-records", { inputmode: "numeric", value: SYNTHETIC.records });
  const size = input("producer-size", { inputmode: "numeric", value: SYNTHETIC.value_size });
  const made = element("div", { class: "pair", hidden: setName !== "synthetic" }, field(t("records"), records), field(t("value_size"), size));
  source.addEventListener("change", () => {
    made.hidden = source.value !== "synthetic";
    fillKeys(source.value, DATA_SETS[source.value]?.key ?? "");
  });
  const read = () => ({
    source: source.value === "synthetic"
      ? { synthetic: { records: wholeNumber(ctx, records, { min: 1n }), value_size: Number(wholeNumber(ctx, size, { min: 0n, max: 1_000_000n })) } }
      : { "data-set": { name: source.value, url: DATA_SETS[source.value].url } },
    topic: topic.value.trim(),
    partitions: Number(wholeNumber(ctx, partitions, { min: 1n, max: 2147483647n })),
    key_field: keyField.value || undefined,
  });
  const whole = element("div", { class: "stack" }, field(t("source"), source), made,
    element("div", { class: "pair" }, field(t("topic"), topic), field(t("partitions"), partitions, t("partitions_if_made"))), ...fields);
  return { whole, read };
}
