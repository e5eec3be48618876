// How fast something goes: a slider by feeling, a number by count, or as fast as it can.

import { element } from "../../element.js";
import { attempt, field, input, outcome, wholeNumber } from "../kit.js";

/** The slider's steps: two for each doubling, from 1 to about 1,000,000 a second. */
const STEPS = 40;

/** The rate at a step of the slider. */
export function rateAt(step) {
  return Math.round(2 ** (Number(step) / 2));
}

/** The step nearest to a rate. */
export function stepOf(rate) {
  return Math.min(STEPS, Math.max(0, Math.round(2 * Math.log2(Math.max(1, rate)))));
}

/** A form for a rate; `apply` gets records a second, or undefined for no limit, each time that a person has chosen one. */
export function rateForm(ctx, name, rate, apply) {
  const { t } = ctx;
  const slider = input(`${name}-rate-slider`, { type: "range", min: 0, max: STEPS, step: 1, value: stepOf(rate ?? 1_000_000) });
  const number = input(`${name}-rate`, { type: "number", min: 1, value: rate ?? "", placeholder: t("no_limit") });
  const said = outcome(`${name}-rate-said`);
  const button = element("button", { type: "submit", "data-testid": `${name}-rate-set` }, t("set"));
  const tell = () => slider.setAttribute("aria-valuetext", t("a_second", { count: rateAt(slider.value) }));
  const submit = () => attempt(button, said, async () => {
    const wanted = wholeNumber(ctx, number, { min: 1n, max: 4294967295n, empty: null });
    await apply(wanted === null ? undefined : Number(wanted));
    return wanted === null ? t("no_limit_set") : t("rate_set", { count: wanted });
  });
  slider.addEventListener("input", () => {
    number.value = rateAt(slider.value);
    tell();
  });
  // Once, when the hand has let go.
  slider.addEventListener("change", submit);
  number.addEventListener("input", () => { if (number.value !== "") slider.value = stepOf(Number(number.value)); });
  tell();
  return element("form", {
    novalidate: true, onsubmit: (event) => {
      event.preventDefault();
      submit();
    },
  }, field(t("rate_slider"), slider), element("div", { class: "line" }, field(t("rate"), number, t("rate_hint")), button), said.place);
}
