// What the views are made of: figures that stay up to date, forms and buttons that say what went wrong beside them, tables.

import { element } from "../element.js";

let nextId = 0;

/** What an engine's or a broker's error says: Kafka's name, and the sentence. */
export function reason(error) {
  return error.kind ? `${error.kind}: ${error.message}` : error.message ?? String(error);
}

/** A list of figures `[label, () => text, testid]`, and `update`, which brings them up to date. */
export function figures(rows) {
  const values = rows.map(([, , name]) => element("dd", { "data-testid": name }));
  const list = element("dl", { class: "figures" },
    ...rows.map(([label], index) => element("div", {}, element("dt", {}, label), values[index])));
  const update = () => rows.forEach(([, value], index) => setText(values[index], value()));
  return { list, update };
}

/** Sets a text only where it is another: what has not changed is not read out again, and a selection stays. */
export function setText(target, text) {
  const wanted = String(text ?? "–");
  if (target.textContent !== wanted) target.textContent = wanted;
}

/**
 * Rows that follow what they show. `key` tells whether anything has changed, `make` gives the elements as they should be. What is there
 * stays and takes on what is new, so that a button is still the same one between being pressed and let go.
 */
export function keptRows(target, make) {
  let shown;
  return (key, ...data) => {
    if (key === shown) return;
    shown = key;
    become(target, make(...data));
  };
}

/** Gives an element these children, keeping those that are alike. */
function become(target, wanted) {
  wanted.forEach((fresh, index) => {
    const old = target.childNodes[index];
    if (old === undefined) target.append(fresh);
    else if (!alike(old, fresh)) old.replaceWith(fresh);
    else if (old.nodeType === Node.TEXT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
    } else {
      for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
      for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
      become(old, [...fresh.childNodes]);
    }
  });
  while (target.childNodes.length > wanted.length) target.lastChild.remove();
}

/** Whatever can be pressed has a name that tells what it leads to. */
function alike(old, fresh) {
  return old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && old.dataset?.testid === fresh.dataset?.testid;
}

/** A table with a caption for who cannot see it; `head` are `[text, class]` or texts. */
export function table(caption, head, name) {
  const body = element("tbody");
  const cells = head.map((cell) => (Array.isArray(cell)
    ? element("th", { scope: "col", class: cell[1] }, cell[0]) : element("th", { scope: "col" }, cell)));
  const whole = element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    element("table", { "data-testid": name }, element("caption", { class: "visually-hidden" }, caption),
      element("thead", {}, element("tr", {}, ...cells)), body));
  return { whole, body };
}

/** A labelled control. `control` is an input, select or textarea; `hint` stands below it. */
export function field(label, control, hint) {
  const id = control.id || `inspect-${nextId++}`;
  control.id = id;
  if (control.type === "checkbox") {
    return element("div", { class: "field check" }, control, element("label", { for: id }, label), ...hinted(control, hint));
  }
  return element("div", { class: "field" }, element("label", { for: id }, label), control, ...hinted(control, hint));
}

function hinted(control, hint) {
  if (!hint) return [];
  control.setAttribute("aria-describedby", `${control.id}-hint`);
  return [element("p", { class: "hint", id: `${control.id}-hint` }, hint)];
}

/** A text or number field's input. */
export function input(name, attributes = {}) {
  return element("input", { "data-testid": name, autocomplete: "off", ...attributes });
}

/** A choice among `[value, text]`. */
export function select(name, options, chosen, attributes = {}) {
  return element("select", { "data-testid": name, ...attributes },
    ...options.map(([value, text]) => element("option", { value, selected: String(value) === String(chosen) }, text)));
}

/** A box to tick. */
export function checkbox(name, checked = false, attributes = {}) {
  return element("input", { type: "checkbox", "data-testid": name, checked, ...attributes });
}

/** A button that leads somewhere else. */
export function link(name, text, act, attributes = {}) {
  return element("button", { type: "button", class: "quiet small", "data-testid": name, onclick: act, ...attributes }, text);
}

/** Where an outcome is said: what went wrong, or what was done. */
export function outcome(name) {
  const place = element("p", { "data-testid": name, role: "status" });
  return {
    place,
    failed: (error) => { place.className = "problem"; place.setAttribute("role", "alert"); place.textContent = reason(error); },
    done: (text = "") => { place.className = "good"; place.setAttribute("role", "status"); place.textContent = text; },
  };
}

/**
 * Runs `work` with a button that does nothing meanwhile; says how it went. `work` gives what is said when it went well. The button
 * is only said to be disabled: one that is would lose the focus, and Esc with it.
 */
export async function attempt(button, said, work) {
  if (button.getAttribute("aria-disabled") === "true" || button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  said.done();
  try {
    said.done((await work()) ?? "");
  } catch (error) {
    said.failed(error);
  } finally {
    button.removeAttribute("aria-busy");
  }
}

/** Whether a button does anything now. */
export function usable(button, is) {
  if (button.getAttribute("aria-disabled") !== String(!is)) button.setAttribute("aria-disabled", String(!is));
}

/** A button that does something; what went wrong stands below it. `ask` is what a dialog asks first, `{ title, text }`. */
export function action(ctx, name, text, work, { kind = "", ask } = {}) {
  const said = outcome(`${name}-said`);
  const button = element("button", {
    type: "button", class: kind, "data-testid": name,
    onclick: async () => {
      if (button.getAttribute("aria-disabled") === "true") return;
      if (ask !== undefined && !(await confirmed(ctx, ask(), text))) return;
      await attempt(button, said, work);
    },
  }, text);
  return { button, said: said.place };
}

/** Buttons in a line, and what they say below it. */
export function actions(...all) {
  return [element("div", { class: "buttons" }, ...all.map(({ button }) => button)), ...all.map(({ said }) => said)];
}

/** A form: its fields, a button, and what went wrong. `work` gives what is said when it went well. */
export function form(name, fields, text, work, { kind = "primary" } = {}) {
  const said = outcome(`${name}-said`);
  const button = element("button", { type: "submit", class: kind, "data-testid": name }, text);
  const whole = element("form", {
    novalidate: true,
    onsubmit: (event) => {
      event.preventDefault();
      attempt(button, said, work);
    },
  }, ...fields, element("div", { class: "buttons" }, button), said.place);
  return whole;
}

/** A part of a view that can be folded away. */
export function section(title, open, ...children) {
  return element("details", { open, class: "part" }, element("summary", {}, element("h3", {}, title)), ...children);
}

/** Shows a dialog, in the place of an earlier one of this name; it is gone when it is closed. */
export function openDialog(name, attributes, title, ...content) {
  document.querySelector(`[data-testid="${name}"]`)?.close();
  const dialog = element("dialog", { "aria-labelledby": `${name}-title`, "data-testid": name, ...attributes },
    element("h2", { id: `${name}-title` }, title), ...content);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Asks in a dialog; Esc is "no". */
export function confirmed(ctx, { title, text }, yes) {
  return new Promise((resolve) => {
    const button = (name, kind, words) => element("button", {
      type: "button", class: kind, "data-testid": `inspect-${name}`, onclick: () => dialog.close(name),
    }, words);
    const dialog = openDialog("inspect-ask", {
      "aria-describedby": "inspect-ask-text", onclose: () => resolve(dialog.returnValue === "yes"),
    }, title, element("p", { id: "inspect-ask-text" }, text),
      element("div", { class: "buttons" }, button("no", undefined, ctx.t("cancel")), button("yes", "danger", yes)));
  });
}

/** A whole number that a person typed; an error with a sentence where it is none. `empty` is what nothing typed means. */
export function wholeNumber(ctx, control, { min = 0n, max = 2n ** 63n - 1n, empty } = {}) {
  const text = control.value.trim();
  control.removeAttribute("aria-invalid");
  if (text === "" && empty !== undefined) return empty;
  const number = /^-?\d{1,19}$/.test(text) ? BigInt(text) : undefined;
  if (number !== undefined && number >= min && number <= max) return number;
  control.setAttribute("aria-invalid", "true");
  control.focus();
  const label = control.labels?.[0]?.textContent ?? "";
  throw new Error(ctx.t("not_a_number", { label, min, max }));
}
