// Where in a log: the fields for an offset and for a time.

import { field, input, wholeNumber } from "../kit.js";

/**
 * Fields, of which those are seen that the choice `to` asks for by `offset`, or by `time` or `timestamp`. `offset()` and `time()` give
 * what was typed there, as `bigint`s, or throw a sentence.
 */
export function placeFields(ctx, name, to) {
  const { t } = ctx;
  const offset = input(`${name}-offset`, { inputmode: "numeric", value: 0 });
  const time = input(`${name}-time`, { type: "datetime-local", step: 0.001 });
  const [offsetField, timeField] = [field(t("offset"), offset), field(t("time"), time, t("local_time"))];
  const show = () => {
    offsetField.hidden = to.value !== "offset";
    timeField.hidden = !["time", "timestamp"].includes(to.value);
  };
  to.addEventListener("change", show);
  show();
  return {
    fields: [offsetField, timeField],
    offset: () => wholeNumber(ctx, offset, { min: 0n }),
    time: () => {
      const at = new Date(time.value).getTime();
      if (Number.isNaN(at)) throw new Error(t("no_time"));
      return BigInt(at);
    },
  };
}
