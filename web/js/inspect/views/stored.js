// Where a record lies: its batch, its segment, and the index entry at which looking for it begins.

import { element } from "../../element.js";
import { bytes, count } from "../format.js";
import { link, reason } from "../kit.js";
import { fileName } from "./segments.js";

export function stored(ctx, topic, partition, offset) {
  const { api, t } = ctx;
  const place = element("div", {}, element("p", { class: "hint" }, t("loading")));
  const show = async () => {
    try {
      const { batch } = await api.describeLog(topic, partition, offset);
      place.replaceChildren(batch ? facts(ctx, topic, partition, offset, batch) : element("p", { class: "hint" }, t("stored_nowhere")));
    } catch (error) {
      place.replaceChildren(element("p", { class: "problem", role: "alert" }, reason(error)), link("stored-again", t("try_again"), show));
    }
  };
  show();
  return place;
}

function facts({ t, choose }, topic, partition, offset, batch) {
  const row = (label, name, ...content) => [element("dt", {}, label), element("dd", { "data-testid": name }, ...content)];
  const segment = link("go-segment", fileName(batch.segment), () => choose({ kind: "segment", topic, partition, baseOffset: batch.segment }));
  const [entryOffset, entryPosition] = batch.index_entry;
  const sequence = BigInt(batch.base_sequence) + (offset - batch.base_offset);
  const rows = [
    row(t("segment"), "stored-segment", segment),
    row(t("position"), "stored-position", t("bytes_in", { position: count(batch.position) })),
    row(t("found_by"), "stored-entry", t("index_entry", { offset: count(entryOffset), position: count(entryPosition) })),
    row(t("batch"), "stored-batch", t("batch_facts", { start: count(batch.base_offset), end: count(batch.last_offset), records: batch.records, bytes: bytes(batch.size_bytes) })),
    row("compression.type", "stored-compression", batch.compression),
    row("message.timestamp.type", "stored-timestamp-type", batch.timestamp_type),
    row("CRC-32C", "stored-crc", batch.crc.toString(16).padStart(8, "0")),
    row(t("leader_epoch"), "stored-epoch", batch.partition_leader_epoch),
    row("producer.id", "stored-producer", batch.producer_id < 0n ? t("not_idempotent")
      : t("producer_facts", { id: batch.producer_id, epoch: batch.producer_epoch, sequence })),
    ...(batch.is_transactional ? [row(t("transaction"), "stored-transaction", t("is_transactional"))] : []),
  ];
  return element("dl", { class: "facts" }, ...rows.flat());
}
