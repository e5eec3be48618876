// Compiles tutorials/LESSON/LANGUAGE.md into what the page shows: safe HTML, questions, checks and actions. How a lesson is
// written is in tutorials/README.md. What is wrong is an error that begins with file and line.

import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import markdownIt from "markdown-it";
import { isAlias, LineCounter, parseDocument, visit } from "yaml";
import { ACTIONS, CHECKS, misuse } from "./lessons/vocabulary.js";

/** What "partition 2" is called: `{p2}` in a text becomes that, in its colour. */
const PARTITION = { en: "partition", zh: "分区" };
/** `{=send_go}` in a text becomes what the page calls that. */
const WORD = /\{=(\w+)\}/g;
/** Those that a text can lead to: its title has this name and `-title` as its id. */
const PANELS = ["produce", "topics", "groups", "read", "brokers", "send", "status"];
const FRONT = ["title", "minutes", "order", "summary", "topics", "groups"];
const BLOCKS = ["question", "task", "button", "input", "check", "hint", "solve", "done"];

/** Compiles every lesson of `folder` into `target`, and an index of them. `words` are those of the page, by language and key. */
export async function compileLessons(folder, target, words) {
  const languages = Object.keys(words);
  const names = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory() && entry.name !== "data");
  await mkdir(target, { recursive: true });
  const index = [];
  for (const { name } of names) {
    const lessons = {};
    for (const language of languages) {
      const path = join(folder, name, `${language}.md`);
      if (!existsSync(path)) throw new Error(`${path}:1: this lesson is missing`);
      lessons[language] = compileLesson(await readFile(path, "utf8"), path, { language, words: words[language] });
    }
    sameInAll(lessons, (language) => join(folder, name, `${language}.md`));
    for (const language of languages) await writeFile(join(target, `${name}.${language}.json`), JSON.stringify(withoutLines(lessons[language])));
    index.push({ id: name, ...entryOf(lessons) });
  }
  index.sort((one, other) => one.order - other.order);
  await writeFile(join(target, "index.json"), JSON.stringify(index));
}

/** One lesson in one language. */
export function compileLesson(text, path, { language, words }) {
  const fail = (line, message) => { throw new Error(`${path}:${line}: ${message}`); };
  for (const [index, line] of text.split("\n").entries()) {
    for (const [, key] of line.matchAll(WORD)) if (words[key] === undefined) fail(index + 1, `the page has no string "${key}"`);
  }
  const { front, body, bodyLine } = splitFront(text, fail);
  const markdown = renderer(language, words);
  const steps = [];
  const loose = [];
  const tokens = markdown.parse(body, {});
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at];
    const line = (token.map?.[0] ?? 0) + bodyLine;
    if (token.type === "heading_open" && token.tag === "h2") {
      steps.push({ line, title: tokens[at + 1].content, loose: [], buttons: [], inputs: [], check: [], hints: [], solve: [] });
      at += 2;
    } else if (token.type === "fence" && BLOCKS.includes(token.info.split(" ")[0])) {
      if (steps.length === 0) fail(line, "a block stands before the first step (## Title)");
      addBlock(steps.at(-1), token, { line, markdown, fail, data: front.data ?? {} });
    } else if (token.type === "fence" && token.info !== "" && token.info !== "text") {
      fail(line, `there is no block "${token.info}"; there are ${BLOCKS.join(", ")}`);
    } else {
      (steps.at(-1)?.loose ?? loose).push(token);
    }
  }
  if (loose.length > 0) fail(bodyLine, "text stands before the first step (## Title)");
  if (steps.length === 0) fail(bodyLine, "a lesson has steps (## Title)");
  const { data: _, ...rest } = front;
  return { ...rest, steps: steps.map((step) => finished(step, markdown, fail)) };
}

function finished({ loose, ...step }, markdown, fail) {
  if (step.task === undefined) fail(step.line, `step "${step.title}" has no task`);
  if (step.check.length === 0) fail(step.line, `step "${step.title}" has no check`);
  if (step.hints.length === 0) fail(step.line, `step "${step.title}" has no hint`);
  if (step.solve.length === 0) fail(step.line, `step "${step.title}" has no solve`);
  const inputs = step.inputs.map(({ name }) => name);
  for (const entry of step.check) {
    const { input } = Object.values(entry)[0] ?? {};
    if (input !== undefined && !inputs.includes(input)) fail(step.line, `step "${step.title}" has no input "${input}"`);
  }
  return { ...step, html: markdown.renderer.render(loose, markdown.options, {}) };
}

function addBlock(step, { info, content }, { line, markdown, fail, data }) {
  const [kind, name] = info.split(" ");
  const yaml = () => parseYaml(content, line + 1, fail);
  const entries = (list, vocabulary) => {
    if (!Array.isArray(list)) fail(line, `"${kind}" is a list`);
    for (const entry of list) {
      const wrong = misuse(entry, vocabulary) ?? misuse(entry[Object.keys(entry)[0]]?.check ?? { "all-running": {} }, CHECKS);
      if (wrong !== undefined) fail(line, wrong);
    }
    return list.map((entry) => withData(entry, data, (message) => fail(line, message)));
  };
  if (kind === "task" || kind === "done") {
    if (step[kind] !== undefined) fail(line, `a step has one ${kind}`);
    step[kind] = markdown.render(content);
  } else if (kind === "hint") {
    step.hints.push(markdown.render(content));
  } else if (kind === "input") {
    if (name === undefined) fail(line, "an input has a name: ```input NAME");
    step.inputs.push({ name, label: markdown.renderInline(content.trim()) });
  } else if (kind === "check") {
    step.check.push(...entries(yaml(), CHECKS));
  } else if (kind === "solve") {
    step.solve.push(...entries(yaml(), ACTIONS));
  } else if (kind === "button") {
    const { label, do: actions } = yaml();
    if (typeof label !== "string") fail(line, "a button has a label");
    step.buttons.push({ label, do: entries(actions, ACTIONS) });
  } else {
    if (step.question !== undefined) fail(line, "a step has one question");
    step.question = question(yaml(), markdown, (message) => fail(line, message));
  }
}

/** `$name` stands for what the front matter has under `data`. */
function withData(value, data, fail) {
  if (typeof value === "string" && value.startsWith("$")) return data[value.slice(1)] ?? fail(`the front matter has no data "${value.slice(1)}"`);
  if (Array.isArray(value)) return value.map((each) => withData(each, data, fail));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withData(each, data, fail)]));
}

function question({ ask, choices, because }, markdown, fail) {
  if (typeof ask !== "string" || typeof because !== "string") fail("a question has ask, choices and because");
  const right = (choices ?? []).findIndex((choice) => choice?.right === true);
  if (right === -1) fail("one of the choices is right (right: true)");
  const texts = choices.map((choice) => markdown.renderInline(String(choice.right === true ? choice.text : choice)));
  return { ask: markdown.renderInline(ask), choices: texts, right, because: markdown.renderInline(because) };
}

function splitFront(text, fail) {
  const match = /^---\n(.*?)\n---\n/s.exec(text);
  if (match === null) fail(1, "a lesson begins with front matter between two lines of ---");
  const front = parseYaml(match[1], 2, fail);
  for (const key of FRONT) if (front?.[key] === undefined) fail(1, `the front matter has no ${key}`);
  for (const name of [...front.topics, ...front.groups]) {
    if (!name.startsWith("lesson-")) fail(1, `"${name}" has to begin with lesson-, so that it is known for a lesson's own`);
  }
  return { front, body: text.slice(match[0].length), bodyLine: match[0].split("\n").length };
}

function parseYaml(text, firstLine, fail) {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [error] = document.errors;
  if (error !== undefined) fail(firstLine + lines.linePos(error.pos[0]).line - 1, error.message.split("\n")[0]);
  visit(document, { Alias: (_, node) => isAlias(node) && fail(firstLine, "aliases are not for lessons") });
  return document.toJS();
}

/** Markdown without HTML of its own, so that what comes out is safe. */
function renderer(language, words) {
  const markdown = markdownIt({ html: false, linkify: false, typographer: false });
  const plain = markdown.renderer.rules.text;
  // What a button or field is called is taken from the page, without what is filled in there.
  const word = (_, key) => {
    const name = `<b>${markdown.utils.escapeHtml(words[key].replace(/\s*\{\w+\}/g, ""))}</b>`;
    const panel = key.replace(/_title$/, "");
    return PANELS.includes(panel) ? `<a href="#${panel}-title">${name}</a>` : name;
  };
  markdown.renderer.rules.text = (...given) =>
    plain(...given).replace(/\{p(\d)\}/g, (_, p) => `<span class="lesson-partition" data-partition="${p}">${PARTITION[language]} ${p}</span>`)
      .replace(WORD, word);
  return markdown;
}

/** All languages have the same steps, inputs, checks and actions; only words differ. */
function sameInAll(lessons, pathOf) {
  const [first, ...others] = Object.keys(lessons);
  for (const other of others) {
    const differ = difference(lessons[first], lessons[other]);
    if (differ !== undefined) throw new Error(`${pathOf(other)}:${differ.line}: not as in ${first}.md: ${differ.what}`);
  }
}

function difference(one, other) {
  for (const key of ["minutes", "order", "topics", "groups"]) {
    if (JSON.stringify(one[key]) !== JSON.stringify(other[key])) return { line: 1, what: key };
  }
  if (one.steps.length !== other.steps.length) return { line: other.steps.at(-1).line, what: `${one.steps.length} steps` };
  const essence = ({ check, solve, inputs, buttons, question: asked, hints, done }) => ({
    check, solve, inputs: inputs.map(({ name }) => name), buttons: buttons.map((button) => button.do),
    question: asked && [asked.right, asked.choices.length], hints: hints.length, done: done !== undefined,
  });
  for (const [index, step] of one.steps.entries()) {
    const [mine, theirs] = [essence(step), essence(other.steps[index])];
    const what = Object.keys(mine).find((key) => JSON.stringify(mine[key]) !== JSON.stringify(theirs[key]));
    if (what !== undefined) return { line: other.steps[index].line, what: `the ${what} of step ${index + 1}` };
  }
  return undefined;
}

function entryOf(lessons) {
  const [{ order, minutes, topics, groups, steps }] = Object.values(lessons);
  const each = (key) => Object.fromEntries(Object.entries(lessons).map(([language, lesson]) => [language, lesson[key]]));
  return { order, minutes, topics, groups, steps: steps.length, title: each("title"), summary: each("summary") };
}

function withoutLines(lesson) {
  return { ...lesson, steps: lesson.steps.map(({ line: _, ...step }) => step) };
}
