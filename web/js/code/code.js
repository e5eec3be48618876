// Your own code beside the picture: an editor, and the place where what is in it runs. Loaded when first wanted.

import { element } from "../element.js";
import { Editor } from "./editor.js";
import { EXAMPLES } from "./examples.js";
import { keepCode, keptCode } from "./kept.js";
import { OutputView } from "./output-view.js";
import { Sandbox, loadLibrary } from "./sandbox/sandbox.js";

/** Where the code goes that came in a link, beside the examples. */
const LINK = "link";

let pane;

/** Shows the code, or puts it away; what runs goes on. */
export function toggleCode(api) {
  pane ??= new Pane(api);
  pane.toggle();
}

/** The code in the editor, and whether it is another than an example's. */
export function currentCode(api) {
  pane ??= new Pane(api);
  return { text: pane.editor.text, changed: pane.isChanged() };
}

/** What is kept of the code that came in an earlier link, if anything is. */
export function linkedCode(api) {
  pane ??= new Pane(api);
  return pane.kept.texts[LINK];
}

/** Shows code that came in a link, in a place of its own: what was written here stays where it is, and nothing runs. */
export function showLinkedCode(api, text) {
  pane ??= new Pane(api);
  pane.keep();
  pane.kept.texts[LINK] = text;
  pane.choose(LINK);
  pane.keep();
  pane.open();
}

class Pane {
  kept = keptCode([...Object.keys(EXAMPLES), LINK]);
  editor;
  #api;
  #output;
  #root;
  #parts = {};
  #sandbox;
  #state = "idle";
  #keepTimer;

  constructor(api) {
    this.#api = api;
    this.#build();
    // The place is made anew with the language, and so is what stands in it.
    api.addEventListener("mounted", () => {
      const wasOpen = this.isOpen;
      const text = this.editor.text;
      const untouched = !this.isChanged();
      this.#build(this.#output);
      if (!untouched) this.editor.text = text;
      if (wasOpen) this.open();
    });
    api.addEventListener("side", ({ detail }) => {
      if (detail !== "code" && this.isOpen) this.close();
    });
    addEventListener("pagehide", () => this.keep());
  }

  isOpen = false;

  toggle() {
    if (!this.isOpen) return this.open();
    this.close();
    codeTool()?.focus();
  }

  open() {
    this.isOpen = true;
    document.getElementById("side")?.append(this.#root);
    codeTool()?.setAttribute("aria-expanded", "true");
    this.#root.querySelector("h2").focus();
    // One thing beside the picture at a time.
    this.#api.dispatchEvent(new CustomEvent("side", { detail: "code" }));
  }

  close() {
    this.isOpen = false;
    this.keep();
    this.#root.remove();
    codeTool()?.setAttribute("aria-expanded", "false");
  }

  /** What the example was when nobody had changed it; of a link's code there is no other. */
  #original(name = this.kept.chosen) {
    return EXAMPLES[name]?.[this.#api.language] ?? this.kept.texts[name] ?? "";
  }

  isChanged() {
    const { chosen } = this.kept;
    return chosen === LINK || Object.values(EXAMPLES[chosen]).every((text) => text !== this.editor.text);
  }

  keep() {
    clearTimeout(this.#keepTimer);
    const { chosen, texts } = this.kept;
    if (this.isChanged()) texts[chosen] = this.editor.text;
    else delete texts[chosen];
    const whole = keepCode(this.kept);
    this.#parts.tooLong.hidden = whole;
  }

  choose(name) {
    this.kept.chosen = name;
    this.editor.text = this.kept.texts[name] ?? this.#original(name);
    this.editor.mark(undefined);
    this.#showChoice();
  }

  #build(output) {
    const api = this.#api;
    const t = (key) => api.t(`code_${key}`);
    this.editor = new Editor({
      label: t("editor"),
      describedBy: "code-leave",
      changed: () => this.#edited(),
      run: () => this.#run(),
    });
    this.#output = output ?? new OutputView(api, (line, column) => this.editor.goTo(line, column));
    output?.reword();
    const button = (name, act, style) => element("button", { type: "button", class: style, "data-testid": `code-${name}`, onclick: act }, t(name));
    const parts = this.#parts = {
      choice: element("select", { id: "code-example", "data-testid": "code-example", onchange: () => this.#chosen() }),
      reset: button("reset", () => this.#reset(), "quiet"),
      run: button("run", () => this.#run(), "primary"),
      stop: button("stop", () => this.#stop(), "danger"),
      clear: button("clear", () => this.#output.clear(), "quiet"),
      state: element("p", { class: "code-state", role: "status", "data-testid": "code-state" }),
      tooLong: element("p", { class: "problem", hidden: true }, t("too_long")),
    };
    this.#root = element("section", { class: "panel code", "aria-labelledby": "code-title", "data-testid": "code-pane" },
      element("header", {}, element("h2", { id: "code-title", tabindex: "-1" }, t("title")), button("close", () => this.toggle(), "quiet")),
      element("p", { class: "hint" }, t("intro")),
      element("details", {}, element("summary", {}, t("names_title")), element("p", { class: "hint" }, t("names"))),
      element("div", { class: "line" },
        element("div", { class: "field" }, element("label", { for: "code-example" }, t("example")), parts.choice), parts.reset),
      this.editor.element,
      element("p", { class: "hint", id: "code-leave" }, t("leave")),
      parts.tooLong,
      element("div", { class: "buttons" }, parts.run, parts.stop, parts.state),
      element("header", {}, element("h3", {}, t("output")), parts.clear),
      this.#output.element);
    this.choose(this.kept.chosen);
    this.#tell(this.#state);
  }

  #showChoice() {
    const names = [...Object.keys(EXAMPLES), ...(this.kept.texts[LINK] === undefined ? [] : [LINK])];
    this.#parts.choice.replaceChildren(...names.map((value) =>
      element("option", { value, selected: value === this.kept.chosen }, this.#api.t(`code_example_${value}`))));
    this.#parts.reset.hidden = !this.isChanged() || this.kept.chosen === LINK;
  }

  #chosen() {
    this.keep();
    this.choose(this.#parts.choice.value);
    this.keep();
  }

  #reset() {
    delete this.kept.texts[this.kept.chosen];
    this.choose(this.kept.chosen);
    this.keep();
    this.#parts.choice.focus();
  }

  #edited() {
    this.#parts.reset.hidden = !this.isChanged() || this.kept.chosen === LINK;
    clearTimeout(this.#keepTimer);
    this.#keepTimer = setTimeout(() => this.keep(), 500);
  }

  async #run() {
    // One at a time.
    if (this.#state !== "idle" && !ENDED.includes(this.#state)) return;
    this.keep();
    this.editor.mark(undefined);
    this.#output.clear();
    this.#tell("loading");
    try {
      const library = await loadLibrary();
      if (this.#state !== "loading") return;
      this.#sandbox = new Sandbox(this.#api, this.editor.text, library, {
        output: (output) => this.#wrote(output),
        state: (state) => this.#tell(state),
      });
      this.#tell("running");
    } catch (error) {
      this.#output.say(String(error?.message ?? error), "error");
      this.#tell("failed");
    }
  }

  #stop() {
    if (this.#state === "loading") return this.#tell("stopped");
    this.#sandbox?.stop();
    this.#output.say(this.#api.t("code_stopped_note"));
  }

  #wrote(output) {
    const wrong = output.lines.find(({ line }) => line !== undefined);
    if (wrong) this.editor.mark(wrong.line, wrong.column);
    this.#output.add(output, () => this.#sandbox?.shown());
  }

  #tell(state) {
    const { run, stop, state: place } = this.#parts;
    this.#state = state;
    // What it wrote is seen before what became of it.
    this.#output.show();
    const idle = state === "idle" || ENDED.includes(state);
    run.disabled = idle ? false : true;
    stop.disabled = idle;
    stop.classList.toggle("urgent", state === "silent");
    place.dataset.state = state;
    place.textContent = state === "idle" ? "" : this.#api.t(`code_state_${state}`);
  }
}

const ENDED = ["done", "failed", "stopped"];

function codeTool() {
  return document.querySelector('[data-testid="code"]');
}
