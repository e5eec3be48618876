// What a producer sends, where, and how: the fields for it, and starting it.

import { element } from "../../element.js";
import { importOf, isRunning, shownByClients } from "../cluster.js";
import { checkbox, field, input, select, wholeNumber } from "../kit.js";

/** The data sets that come with the page: where they are, and the fields that can be a key. */
export const DATA_SETS = {
  vehicles: { url: "data/vehicles.ndjson.gz", keys: ["id"], key: "id" },
};
/** How many made-up records are sent, unless a person says. */
const SYNTHETIC = { records: 1_000_000, value_size: 100 };

/** The request of an import; undefined for a file, whose bytes only the workbench has. */
export function asked({ request }) {
  return request?.source === undefined || request.source.file !== undefined ? undefined : request;
}

/** Starts a producer; gives its import's id, when snapshots tell of it. */
export async function start(api, request) {
  const reply = await api.request({ import: request });
  const id = reply["import-started"].import;
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
  const delivery = deliveryFields(ctx, known);
  fields.push(...delivery.fields);
  const readSettings = () => ({ key_field: keyField.value || undefined, ...delivery.read() });
  if (fixed) return { whole: element("div", { class: "stack" }, ...fields), read: readSettings };

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
    ...readSettings(),
  });
  const whole = element("div", { class: "stack" }, field(t("source"), source), made,
    element("div", { class: "pair" }, field(t("topic"), topic), field(t("partitions"), partitions, t("partitions_if_made"))), ...fields);
  return { whole, read };
}

/** How sure a record is before the next, and how it is packed: Kafka's own names. */
function deliveryFields({ t }, { acks = "all", compression = "none", idempotence }) {
  const acksField = select("producer-acks", ["all", "1", "0"].map((value) => [value, t(`acks_${value}`)]), acks);
  const packed = select("producer-compression", ["none", "gzip", "snappy", "lz4", "zstd"].map((value) => [value, value]), compression);
  const once = checkbox("producer-idempotence", idempotence ?? acks === "all");
  // Kafka's producer refuses idempotence without acks=all.
  const fit = () => {
    once.disabled = acksField.value !== "all";
    if (once.disabled) once.checked = false;
  };
  acksField.addEventListener("change", fit);
  fit();
  return {
    fields: [field("acks", acksField), field("compression.type", packed), field("enable.idempotence", once, t("idempotence_hint"))],
    read: () => ({ acks: acksField.value, compression: packed.value, idempotence: once.checked }),
  };
}
