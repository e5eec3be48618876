// The page's editor as a person uses it.

const LONG = { timeout: 90_000 };

/** Your own code, opened. */
export class CodePane {
  constructor(page) {
    this.page = page;
  }

  static async open(page) {
    await page.getByTestId("code").click();
    await page.getByTestId("code-pane").waitFor();
    return new CodePane(page);
  }

  id(name) {
    return this.page.getByTestId(`code-${name}`);
  }

  /** Puts code into the editor in place of what is there. */
  async write(text) {
    await this.id("editor").focus();
    await this.page.keyboard.press("ControlOrMeta+A");
    await this.page.keyboard.insertText(text);
  }

  run() {
    return this.id("run").click();
  }

  /** Waits until the run is in this state. */
  async is(state) {
    await this.page.locator(`[data-testid="code-state"][data-state="${state}"]`).waitFor(LONG);
  }

  /** Writes code, runs it to this end, and answers what it wrote. */
  async result(text, state = "done") {
    await this.write(text);
    await this.run();
    await this.is(state);
    return this.output();
  }

  /** What is in the output: `{ level, text }` each. */
  output() {
    return this.id("output").locator("[data-level]").evaluateAll((lines) =>
      lines.map((line) => ({ level: line.dataset.level, text: line.innerText })));
  }
}
