// What is seen of a step. Texts of lessons are HTML that the build made of Markdown without HTML of its own; all else is text.

import { element } from "../element.js";

const MAX_LINES = 40;

/** The view of the step that a lesson is at. */
export class StepView {
  #lesson;
  #title;
  #result = element("p", { class: "lesson-result", role: "status", "data-testid": "lesson-result" });
  #lines = element("ol");
  #log = element("div", { class: "lesson-log", role: "log", tabindex: "0", hidden: true, "data-testid": "lesson-log" }, this.#lines);
  #hints = element("ol", { class: "lesson-hints", "data-testid": "lesson-hints", "aria-live": "polite" });
  #note = element("div", { class: "lesson-note", "data-testid": "lesson-note", hidden: true });
  #noted = "";
  #done = element("div", { class: "lesson-done", "data-testid": "lesson-done", hidden: true });
  #inputs = new Map();
  #buttons = [];
  #next;
  /** The elements, from above. */
  parts;

  constructor(lesson) {
    this.#lesson = lesson;
    this.#log.setAttribute("aria-label", lesson.t("log"));
    const { step } = lesson;
    this.#title = element("h3", { tabindex: "-1", "data-testid": "lesson-step" }, step.title);
    this.parts = [
      ...this.#head(), this.#note, this.#title, html("div", "lesson-text", step.html),
      ...(step.question === undefined ? [] : [this.#question(step.question)]), this.#task(step), this.#foot(),
    ];
    if (lesson.isDone()) this.passed();
    for (let number = 0; number < (lesson.kept.hints ?? 0); number += 1) this.#showHint(number);
  }

  #head() {
    const { lesson, number } = this.#lesson;
    const t = (key, places) => this.#lesson.t(key, places);
    const count = lesson.steps.length;
    const steps = lesson.steps.map(({ title }, index) => element("li", {},
      this.#button("", "", () => this.#lesson.go(index), {
        class: "lesson-dot", title, "aria-label": t(this.#lesson.isDone(index) ? "step_done" : "step_open", { number: index + 1, title }),
        "aria-current": index === number ? "step" : undefined, "data-done": this.#lesson.isDone(index), "data-testid": `lesson-go-${index + 1}`,
      })));
    return [
      element("header", {},
        element("h2", { id: "lesson-title", tabindex: "-1" }, lesson.title),
        element("p", { class: "hint" }, t("step_of", { number: number + 1, count })),
        element("div", { class: "lesson-head-buttons" },
          this.#button("lesson-list", t("list"), () => this.#lesson.show(""), { class: "quiet small" }),
          this.#button("lessons-close", t("close"), () => this.#lesson.close(), { class: "quiet small" }))),
      element("ol", { class: "lesson-steps", "aria-label": t("steps") }, ...steps),
    ];
  }

  #question({ ask, choices, right, because }) {
    const { kept } = this.#lesson;
    const verdict = element("p", { role: "status", class: "lesson-verdict", "data-testid": "lesson-verdict" });
    const labels = choices.map((choice, index) => {
      const input = element("input", {
        type: "radio", name: "lesson-choice", value: index, checked: kept.choice === index, onchange: () => choose(index), "data-testid": `lesson-choice-${index}`,
      });
      return element("label", {}, input, html("span", "", choice));
    });
    const choose = (index) => {
      kept.choice = index;
      this.#lesson.save();
      show();
    };
    const show = () => {
      const { choice } = kept;
      if (choice === undefined) return;
      verdict.innerHTML = because; // From the build, as all texts of a lesson.
      verdict.prepend(element("b", {}, this.#lesson.t(choice === right ? "predicted" : "not_predicted")), " ");
      for (const [index, label] of labels.entries()) label.dataset.state = index === right ? "right" : index === choice ? "wrong" : "";
    };
    show();
    return element("fieldset", { class: "lesson-question", "data-testid": "lesson-question" },
      element("legend", {}, this.#lesson.t("predict")), html("p", "", ask), ...labels, verdict);
  }

  #task({ task, buttons, inputs }) {
    const t = (key) => this.#lesson.t(key);
    const fields = inputs.map(({ name, label }) => {
      const input = element("input", {
        id: `lesson-input-${name}`, inputmode: "numeric", autocomplete: "off", "data-testid": `lesson-input-${name}`,
        oninput: () => {
          this.#lesson.kept.inputs[name] = input.value;
          this.#lesson.save();
        },
        onkeydown: (event) => { if (event.key === "Enter") this.#lesson.check(); },
      });
      this.#inputs.set(name, input);
      return element("div", { class: "field" }, html("label", "", label, { for: input.id }), input);
    });
    this.showInputs();
    const actions = buttons.map((button, index) => this.#button(`lesson-button-${index + 1}`, button.label, () => this.#lesson.press(button)));
    return element("section", { class: "lesson-task", "aria-labelledby": "lesson-task-title" },
      element("h4", { id: "lesson-task-title" }, t("task")), html("div", "lesson-text", task),
      ...(actions.length > 0 ? [element("div", { class: "buttons" }, ...actions)] : []), this.#log, ...fields,
      element("div", { class: "buttons" },
        this.#button("lesson-check", t("check"), () => this.#lesson.check(), { class: "primary" }),
        this.#button("lesson-hint", t("hint"), () => this.#hint()),
        this.#button("lesson-solve", t("solve"), () => this.#lesson.solve(), { class: "quiet" })),
      this.#result, this.#hints, this.#done);
  }

  #foot() {
    const { lesson, number, next } = this.#lesson;
    const t = (key, places) => this.#lesson.t(key, places);
    const isLast = number === lesson.steps.length - 1;
    this.#next = isLast
      ? this.#button("lesson-next", next === undefined ? t("list") : t("next_lesson"), () => this.#lesson.show(next?.id ?? ""))
      : this.#button("lesson-next", t("next"), () => this.#lesson.go(number + 1));
    const back = this.#button("lesson-back", t("back"), () => this.#lesson.go(number - 1), { disabled: number === 0 });
    const reset = this.#button("lesson-reset", t("reset"), () => this.#lesson.reset(), { class: "quiet small", title: t("reset_title") });
    return element("footer", {}, back, this.#next, reset);
  }

  #button(id, label, act, attributes = {}) {
    const onclick = () => Promise.resolve(act()).catch(reportError);
    const button = element("button", { type: "button", "data-testid": id === "" ? undefined : id, onclick, ...attributes }, label);
    if (attributes.disabled !== true) this.#buttons.push(button);
    return button;
  }

  /** While something is done nothing else is begun. */
  busy(isBusy) {
    for (const button of this.#buttons) button.disabled = isBusy && !button.classList.contains("lesson-dot");
    this.#result.parentElement.setAttribute("aria-busy", String(isBusy));
  }

  /** Says how it stands: `good`, `bad` or neither. */
  say(kind, text) {
    this.#result.dataset.kind = kind;
    // A live region tells the same text again only if it was another in between.
    this.#result.textContent = "";
    this.#result.textContent = text;
    if (text !== "" && this.#result.isConnected) this.#result.scrollIntoView({ block: "nearest" });
  }

  /** A line of what an action did. */
  tell(text) {
    this.#log.hidden = false;
    this.#lines.append(element("li", {}, text));
    while (this.#lines.childElementCount > MAX_LINES) this.#lines.firstElementChild.remove();
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  passed() {
    const { step, number } = this.#lesson;
    this.say("good", this.#lesson.t("passed"));
    if (step.done !== undefined) {
      this.#done.innerHTML = step.done; // From the build.
      this.#done.hidden = false;
    }
    this.#next?.classList.add("primary");
    const dot = this.parts?.flatMap((part) => [...part.querySelectorAll(".lesson-dot")])[number];
    dot?.setAttribute("data-done", "");
  }

  showInputs() {
    for (const [name, input] of this.#inputs) input.value = this.#lesson.kept.inputs[name] ?? "";
  }

  #hint() {
    const { kept, step } = this.#lesson;
    const shown = kept.hints ?? 0;
    if (shown === step.hints.length) return this.say("", this.#lesson.t("no_more_hints"));
    kept.hints = shown + 1;
    this.#lesson.save();
    this.#showHint(shown);
  }

  #showHint(number) {
    this.#hints.append(html("li", "", this.#lesson.step.hints[number]));
  }

  /** Puts the cursor where the step begins. */
  focus() {
    this.#title.focus();
    this.#title.scrollIntoView({ block: "nearest" });
  }

  /** Says what stands in the way: brokers that are down, or what is left of before. */
  standing() {
    const lesson = this.#lesson;
    const { standing: { canAct }, rate } = lesson.api;
    const down = lesson.brokersDown();
    const isMeant = lesson.step.check.some((entry) => "went-down" in entry || "all-running" in entry);
    const there = lesson.leftovers();
    const names = [...there.topics, ...there.groups].join(", ");
    const text = rate !== 1 ? lesson.t(rate === 0 ? "time_stands" : "time_slow") : !canAct && !isMeant ? lesson.t("cannot_act")
      : down.length > 0 && !isMeant ? lesson.t("brokers_down", { brokers: down.join(", ") })
        : down.length > 0 ? "" : names !== "" ? lesson.t("leftovers", { names }) : lesson.isGone() ? lesson.t("gone") : "";
    if (text === this.#noted) return;
    this.#noted = text;
    this.#note.hidden = text === "";
    const isLeft = text !== "" && rate === 1 && canAct && down.length === 0 && names !== "";
    this.#note.replaceChildren(element("p", { role: "status" }, text), ...(rate !== 1 ? [this.#timeButton()] : isLeft ? [this.#leftoverButtons()] : []));
  }

  /** What has begun in slow time cannot be called off: this button stays usable meanwhile. */
  #timeButton() {
    const { api } = this.#lesson;
    const part = (name) => document.querySelector(`#time [data-testid="${api.standing.isGuest ? "other-" : ""}${name}"]`);
    const onclick = () => {
      const stood = api.rate === 0;
      const speed = part("speed");
      speed.value = 1000;
      speed.dispatchEvent(new Event("change"));
      if (stood) part("pause").click();
    };
    return element("div", { class: "buttons" },
      element("button", { type: "button", class: "small", "data-testid": "lesson-time", onclick }, this.#lesson.t("time_usual")));
  }

  #leftoverButtons() {
    const t = (key) => this.#lesson.t(key);
    return element("div", { class: "buttons" },
      this.#button("lesson-clear", t("clear_leftovers"), () => this.#lesson.clearLeftovers(), { class: "small" }),
      this.#button("lesson-keep", t("keep_leftovers"), () => this.#lesson.keepLeftovers(), { class: "quiet small" }));
  }
}

/** An element with HTML of the build. */
function html(name, className, content, attributes = {}) {
  const made = element(name, { class: className === "" ? undefined : className, ...attributes });
  made.innerHTML = content;
  return made;
}
