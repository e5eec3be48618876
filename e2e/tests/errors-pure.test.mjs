// What the Chinese page says about errors, beside what the engine says.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";
import { explain } from "../../web/js/errors/errors.js";

const root = (path) => new URL(`../../${path}`, import.meta.url);
const words = JSON.parse(await readFile(root("web/js/errors/strings/zh.json"), "utf8"));
const word = (key) => words[`errors_${key}`];

/** A report as a person reads it. */
function told(kind, message) {
  const content = { id: 1n, result: { Err: { kind, message, retriable: false } } };
  explain(word, content);
  return content.result.Err.message;
}

test("a code is explained beside the engine's sentence, wherever a message has it", () => {
  assert.match(told("INVALID_TOPIC_EXCEPTION", "the name has a blank"), /^主题名称不合法.*（原文：the name has a blank）$/);
  assert.equal(told("NOT_KNOWN_HERE", "as it was"), "as it was");
  assert.equal(told("NON_EMPTY_GROUP", "NON_EMPTY_GROUP"), word("NON_EMPTY_GROUP"), "a name alone is not said twice");
  const failed = () => ({ failed: { kind: "NETWORK_EXCEPTION", message: "gone" } });
  const content = {
    imports: [{ state: failed(), broken_rows: [[3n, "it has 1 column, the header has 2"]] }, { state: "running", broken_rows: [] }],
    consumers: [{ state: failed() }, { state: "assigned" }],
  };
  explain(word, content);
  for (const { state } of [content.imports[0], content.consumers[0]]) assert.match(state.failed.message, /断开.*原文：gone/);
  assert.deepEqual(content.imports[0].broken_rows, [[3n, "有 1 列，而表头有 2 列（原文：it has 1 column, the header has 2）"]]);
  assert.deepEqual([content.imports[1].state, content.consumers[1].state], ["running", "assigned"]);
  for (const nothing of [undefined, "trace", {}, { result: { Ok: 1 } }]) explain(word, nothing);
});

test("refusals that brokers count, and events that tell of them, are explained too", async () => {
  const snapshot = { errors: [{ error: "NON_EMPTY_GROUP", count: 2n, last_message: "g has 1 member" }, { error: "NEW_ONE", count: 1n, last_message: "as it was" }] };
  explain(word, snapshot);
  assert.deepEqual(snapshot.errors.map(({ last_message: last }) => last), [`${word("NON_EMPTY_GROUP")}（原文：g has 1 member）`, "as it was"]);

  const figures = JSON.parse(await readFile(root("web/js/figures/strings/zh.json"), "utf8"));
  const inChinese = (event) => {
    explain(word, event, (kind) => figures[`event_${kind.replaceAll("-", "_")}`]);
    return event;
  };
  const refused = inChinese({ kind: "request-refused", message: "...", args: [["error", "INVALID_CONFIG"], ["count", "3"], ["why", "no such one"]] });
  assert.match(refused.message, /^INVALID_CONFIG，目前共 3 次：配置项.*（原文：no such one）$/);
  assert.match(Object.fromEntries(refused.args).why, /^配置项.*（原文：no such one）$/);
  assert.equal(inChinese({ kind: "broker-registered", message: "...", args: [["broker", "2"]] }).message, "Broker 2 已注册。");
  const lost = { kind: "commit-failed", message: "...", args: [["client", "consumer-1"], ["why", "The group does not have this member."]] };
  assert.match(inChinese(lost).message, /^consumer-1 无法提交偏移量：消费者组里没有这个成员.*（原文：The group does not have this member\.）$/);
  assert.equal(inChinese(structuredClone(lost)).message, lost.message, "what another tab has explained is explained once");
  assert.equal(inChinese({ kind: "unheard-of", message: "as it was", args: [] }).message, "as it was");
});

test("sentences about files and rows are said wholly, with what is quoted in them", () => {
  assert.match(told("UNREADABLE_FILE", "Its header line (1) cannot be read: the line is longer than 1000000 bytes."), /^表头（第 1 行）读不了：这一行超过了 1000000 字节。（原文/);
  assert.match(told("", "it is not valid JSON: a comma or } is missing (byte 6)"), /^不是有效的 JSON（第 6 个字节处：缺少逗号或 }）/);
});

test("in a language without these words all stays as it is", () => {
  const content = { result: { Err: { kind: "INVALID_CONFIG", message: "The file is empty." } } };
  explain(() => undefined, content);
  assert.equal(content.result.Err.message, "The file is empty.");
});

test("what the reader of rows says is known: every sentence of its source", async () => {
  const folder = root("worker/src/clients/rows/");
  const sources = await Promise.all((await readdir(folder)).filter((name) => name !== "tests.rs").map((name) => readFile(new URL(name, folder), "utf8")));
  const said = /(?:Err|self\.wrong|Broken|format!)\(\s*"((?:[^"\\]|\\.)*)"/g;
  const sentences = sources.flatMap((source) => [...source.split("mod tests")[0].matchAll(said)].map(([, text]) => text.replaceAll('\\"', '"').replaceAll("\\\\", "\\")))
    .map((text) => text.replace("{} (byte {})", "{what} (byte {})").replace(/it has \{have\} \{\}/, "it has 1 column")
      .replace("{what} (byte {})", "it ends too early (byte 7)").replace(/\{(\w*)\}/g, (_, name) => (name === "reason" ? "it is not valid UTF-8" : "12")))
    .filter((text) => / /.test(text));
  assert.ok(sentences.length > 15, sentences.join("\n"));
  assert.deepEqual(sentences.filter((text) => told("", text) === text), []);
});

test("codes have Kafka's names, and no word is left over", () => {
  const codes = Object.keys(words).map((key) => key.replace("errors_", "")).filter((key) => /^[A-Z]/.test(key));
  assert.ok(codes.length >= 40);
  for (const code of codes) {
    const said = told(code, "why");
    assert.match(said, /[\u4e00-\u9fff].*（原文：why）$/u, code);
    assert.doesNotMatch(said, /[{}]/, code);
  }
});
