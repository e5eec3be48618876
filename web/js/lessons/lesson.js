// One lesson that is open: its step, what the learner does in it, and what is kept of that.

import { clearLesson, leftovers, perform, waitFor } from "./actions.js";
import { firstProblem } from "./checks.js";
import { gather, leadersOf, standing, VISIT } from "./facts.js";
import { StepView } from "./step.js";

const MAX_KEPT = 500;

/** A lesson in the pane. */
export class Lesson {
  #view;
  #busy = false;
  /** Whether it was said that what is under way waits for time to go on. */
  #waits = false;

  constructor({ api, progress, root, lesson, next, show, close }) {
    Object.assign(this, { api, progress, root, lesson, next, show, close });
  }

  get number() {
    return Math.min(this.progress.of(this.lesson.id).step, this.lesson.steps.length - 1);
  }

  get step() {
    return this.lesson.steps[this.number];
  }

  /** What is kept of this step: `choice`, `hints`, `inputs`, `notes`. */
  get kept() {
    const kept = this.progress.inStep(this.lesson.id, this.number);
    kept.inputs ??= {};
    kept.notes ??= {};
    return kept;
  }

  isDone(number = this.number) {
    return this.progress.of(this.lesson.id).done[number] === true;
  }

  /** A string of the lessons. */
  t(key, places) {
    return this.api.t(`lessons_${key}`, places);
  }

  draw() {
    this.#view = new StepView(this);
    this.root.replaceChildren(...this.#view.parts);
    if (this.#busy) this.#view.busy(true);
    this.changed();
    this.#enter().catch(reportError);
  }

  /** Notes how things stood when the step was entered first, for checks that look at what changed. */
  async #enter() {
    const { notes } = this.kept;
    if (notes.visit !== undefined) return;
    notes.visit = VISIT;
    notes.consumers = standing(this.api).consumers.map(({ id }) => id);
    this.save();
    const topics = this.step.check.map((entry) => entry.kept?.topic).filter(Boolean);
    if (topics.length === 0) return;
    const facts = await gather(this.api, { topics });
    const all = (topic) => (facts.topics[topic]?.partitions ?? []).flatMap((records, partition) =>
      records.map(({ offset, value }) => [partition, offset, value]));
    notes.records = Object.fromEntries(topics.map((topic) => [topic, all(topic).slice(0, MAX_KEPT)]));
    this.save();
  }

  /** The engine stands otherwise than before. */
  changed() {
    this.#noteBrokers();
    this.#noteLeftovers();
    this.#afterReload();
    this.#view?.standing();
    this.#sayWaiting();
  }

  /** Where time stands, what is under way cannot go on: that is said where the learner looks. */
  #sayWaiting() {
    const waits = this.#busy && this.api.rate === 0;
    if (waits === this.#waits) return;
    this.#waits = waits;
    if (this.#busy) this.#view.say("", this.t(waits ? "time_stands" : "solving"));
  }

  /** "Solve" of a step that loads the page again goes on here. */
  #afterReload() {
    const { notes } = this.kept;
    if (notes.isReloading !== true || notes.visit === VISIT || !this.api.standing.canAct) return;
    delete notes.isReloading;
    this.#alone(() => this.#passesSoon()).catch(reportError);
  }

  #noteBrokers() {
    const topic = this.step.check.find((entry) => entry["went-down"])?.["went-down"].topic;
    if (topic === undefined) return;
    const down = this.api.standing.brokers.filter(({ state }) => state === "stopped").map(({ nodeId }) => nodeId);
    const { notes } = this.kept;
    const known = notes.down ?? [];
    const isSending = standing(this.api).imports.some((each) => each.topic === topic && each.state === "running");
    const fresh = down.filter((nodeId) => !known.includes(nodeId));
    if (fresh.length === 0 || !isSending) return;
    notes.down = [...known, ...fresh];
    this.save();
  }

  save() {
    this.progress.save();
  }

  /** Shows another step. */
  go(number) {
    this.progress.of(this.lesson.id).step = number;
    this.save();
    this.draw();
    this.#view.focus();
  }

  /** Looks at what the learner did, and says what is wrong. */
  check() {
    return this.#alone(async () => {
      const problem = await this.#problem();
      if (problem === undefined) this.#passed();
      else this.#view.say("bad", this.api.t(problem.key, problem.places));
    });
  }

  async #problem() {
    return firstProblem(this.step.check, await gather(this.api, this.lesson, this.kept));
  }

  #passed() {
    this.progress.of(this.lesson.id).done[this.number] = true;
    this.save();
    this.#view.passed();
  }

  /** Does the step in the learner's place. */
  solve() {
    return this.#alone(async () => {
      this.#view.say("", this.t("solving"));
      await perform(this.step.solve, this.#player());
      this.#view.showInputs();
      await this.#passesSoon();
    });
  }

  /** Waits until nothing is wrong any more, or says what still is. */
  async #passesSoon() {
    const { number } = this;
    let problem;
    await waitFor(this.api, async () => (problem = await this.#problem()) === undefined).catch((error) => {
      throw problem === undefined ? error : new Error(this.api.t(problem.key, problem.places));
    });
    if (number === this.number) this.#passed();
  }

  /** Does what a button of the step says. */
  press(button) {
    return this.#alone(async () => {
      this.#view.say("", this.t("solving"));
      await perform(button.do, this.#player());
      // What was done is told line by line.
      this.#view.say("", "");
    });
  }

  /** Deletes what the lesson has made and begins anew. */
  reset() {
    return this.#alone(async () => {
      const { topics, groups } = this.lesson;
      await this.#clear({ topics, groups });
      this.progress.forget(this.lesson.id);
      this.go(0);
      this.#view.say("good", this.t("cleared"));
    });
  }

  /** What was left of other lessons, or of an earlier try at this one, when this one was begun, and is still there. */
  leftovers() {
    const { left } = this.progress.of(this.lesson.id);
    const there = leftovers(this.api);
    const still = (kind) => (left?.[kind] ?? []).filter((name) => there[kind].includes(name));
    return { topics: still("topics"), groups: still("groups") };
  }

  /** Looks once what is left, as soon as brokers and coordinators have said what they have. */
  #noteLeftovers() {
    const { api } = this;
    const mine = this.progress.of(this.lesson.id);
    if (mine.left !== undefined || !api.standing.canAct || this.brokersDown().length > 0 || api.brokers.size === 0) return;
    if (api.clients.groups === undefined) return;
    mine.left = this.progress.isBegun(this.lesson.id) && (mine.step > 0 || this.isDone(0)) ? { topics: [], groups: [] } : leftovers(api);
    this.save();
  }

  /** The learner goes on with what is there. */
  keepLeftovers() {
    this.progress.of(this.lesson.id).left = { topics: [], groups: [] };
    this.save();
    this.changed();
  }

  clearLeftovers() {
    return this.#alone(async () => {
      await this.#clear(this.leftovers());
      this.#view.say("good", this.t("cleared"));
    });
  }

  /** What brokers have that are down cannot be deleted. */
  async #clear(what) {
    const down = this.brokersDown();
    if (down.length > 0) throw new Error(this.t("brokers_down", { brokers: down.join(", ") }));
    this.#view.say("", this.t("clearing"));
    await clearLesson(this.api, what);
  }

  #player() {
    const tell = (key, places) => this.#view.tell(this.t(`told_${key}`, places));
    return { api: this.api, lesson: this.lesson, kept: this.kept, t: (key, places) => this.t(key, places), tell, save: () => this.save() };
  }

  /** One thing at a time; what goes wrong is said where the learner looks. */
  async #alone(work) {
    if (this.#busy) return;
    this.#busy = true;
    this.#view.busy(true);
    try {
      const done = work();
      this.#sayWaiting();
      await done;
    } catch (error) {
      this.#view.say("bad", error.message === "" ? this.t("took_too_long") : error.message);
    } finally {
      this.#busy = this.#waits = false;
      this.save();
      this.#view.busy(false);
    }
  }

  /** Whether what the steps before have made is not there any more. */
  isGone() {
    const { api, lesson } = this;
    if (this.number === 0 || !this.isDone(this.number - 1) || api.brokers.size < api.standing.brokers.length) return false;
    return !lesson.topics.some((name) => leadersOf(api, name) !== undefined);
  }

  /** Brokers that stand in the way, by node id. */
  brokersDown() {
    return this.api.standing.brokers.filter(({ state }) => state !== "running").map(({ nodeId }) => nodeId);
  }
}
