// The editor: CodeMirror with what is used of it, and a mark for the line that an error lies in.

import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { javascriptLanguage } from "@codemirror/lang-javascript";
import { HighlightStyle, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { EditorState, StateEffect, StateField } from "@codemirror/state";
import {
  Decoration, EditorView, drawSelection, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";

// The colours are the page's (style.css).
const COLOURS = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier, tags.self], class: "code-keyword" },
  { tag: [tags.string, tags.special(tags.string), tags.regexp], class: "code-string" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], class: "code-number" },
  { tag: tags.comment, class: "code-comment" },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName)], class: "code-function" },
  { tag: tags.propertyName, class: "code-property" },
]);

const setMark = StateEffect.define();

/** The line of an error; it goes with the next change. */
const mark = StateField.define({
  create: () => Decoration.none,
  update(lines, { docChanged, effects, state }) {
    for (const effect of effects) {
      if (!effect.is(setMark)) continue;
      const line = effect.value;
      if (line === undefined || line > state.doc.lines) return Decoration.none;
      return Decoration.set(Decoration.line({ class: "code-wrong", attributes: { "data-testid": "code-wrong" } }).range(state.doc.line(line).from));
    }
    return docChanged ? Decoration.none : lines;
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** An editor. `changed` hears of each change of a person's. */
export class Editor {
  #view;
  #changed;

  constructor({ label, describedBy, changed, run }) {
    this.#changed = changed;
    const keys = [{ key: "Mod-Enter", run: () => (run(), true) }, ...defaultKeymap, ...historyKeymap, indentWithTab];
    this.#view = new EditorView({
      state: EditorState.create({
        extensions: [
          lineNumbers(), highlightActiveLineGutter(), history(), drawSelection(), indentOnInput(), bracketMatching(),
          highlightActiveLine(), indentUnit.of("  "), javascriptLanguage, syntaxHighlighting(COLOURS), mark, keymap.of(keys),
          // Lines are broken: code beside a picture has little room.
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({
            "aria-label": label, "aria-describedby": describedBy, "data-testid": "code-editor", tabindex: "0",
          }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged && !this.#setting) this.#changed();
          }),
        ],
      }),
    });
  }

  #setting = false;

  get element() {
    return this.#view.dom;
  }

  get text() {
    return this.#view.state.doc.toString();
  }

  set text(text) {
    this.#setting = true;
    this.#view.dispatch({ changes: { from: 0, to: this.#view.state.doc.length, insert: text } });
    this.#setting = false;
  }

  /** Marks a line, from 1, and shows it; none takes the mark away. */
  mark(line, column = 1) {
    const { doc } = this.#view.state;
    const effects = [setMark.of(line)];
    if (line !== undefined && line <= doc.lines) {
      const { from, to } = doc.line(line);
      effects.push(EditorView.scrollIntoView(Math.min(from + column - 1, to), { y: "center" }));
    }
    this.#view.dispatch({ effects });
  }

  /** Puts the cursor there, and the keyboard into the editor. */
  goTo(line, column = 1) {
    const { doc } = this.#view.state;
    const { from, to } = doc.line(Math.min(line, doc.lines));
    this.#view.dispatch({ selection: { anchor: Math.min(from + column - 1, to) }, scrollIntoView: true });
    this.#view.focus();
  }
}
