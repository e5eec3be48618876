// The lesson beside the picture, as a learner uses it.

import assert from "node:assert/strict";

/** A lesson that is open in the page. */
export class LessonPane {
  constructor(playground) {
    this.playground = playground;
    this.result = playground.id("lesson-result");
  }

  /** Opens a lesson from the tools in the page's head. */
  static async open(playground, id) {
    await playground.id("lessons-open").click();
    await playground.id(`lesson-start-${id}`).click();
    return new LessonPane(playground);
  }

  /** Waits until the lesson is at this step. */
  async at(number, title) {
    await this.playground.page.locator(`[data-testid="lesson-go-${number}"][aria-current="step"]`).waitFor();
    assert.equal(await this.playground.id("lesson-step").innerText(), title);
  }

  async next(number, title) {
    await this.playground.id("lesson-next").click();
    await this.at(number, title);
  }

  /** Checks, and answers what is said to be wrong. */
  async wrong() {
    return this.#check("bad");
  }

  /** Checks, and nothing is wrong. */
  async right() {
    return this.#check("good");
  }

  /** Checks until nothing is wrong: what the page shows first, the coordinator may say a moment later. */
  async rightSoon() {
    for (let tries = 0; ; tries += 1) {
      const { kind, text } = await this.#checked();
      if (kind === "good") return;
      assert.ok(tries < 100, text);
    }
  }

  async #check(wanted) {
    const { kind, text } = await this.#checked();
    assert.equal(kind, wanted, text);
    return text;
  }

  async #checked() {
    await this.playground.id("lesson-check").click();
    return this.#settled();
  }

  async #settled(timeout = 90_000) {
    await this.playground.page.locator('.lesson-task[aria-busy="false"]').waitFor({ timeout });
    return this.result.evaluate((element) => ({ kind: element.dataset.kind, text: element.textContent }));
  }

  /** Waits until the lesson says so. */
  async says(kind, pattern) {
    await this.playground.page.locator(`[data-testid="lesson-result"][data-kind="${kind}"]`).waitFor();
    assert.match(await this.result.innerText(), pattern);
  }

  /** Presses a button of the step and waits until it is done. */
  async press(number) {
    await this.playground.id(`lesson-button-${number}`).click();
    const { kind, text } = await this.#settled();
    assert.notEqual(kind, "bad", text);
  }

  async solve() {
    await this.playground.id("lesson-solve").click();
    const { kind, text } = await this.#settled();
    assert.equal(kind, "good", text);
  }
}
