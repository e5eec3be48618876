// Which records a page of the panel "Read" has.

import assert from "node:assert/strict";
import { test } from "node:test";
import { newestTopic, nextPage, origin, previousPage } from "../../web/js/panels/pages.js";

const page = (first, last, { start = 0n, end = 120n } = {}) => ({
  records: Array.from({ length: last - first }, (_, index) => ({ offset: BigInt(first + index) })),
  next_offset: BigInt(last), log_start_offset: start, high_watermark: end,
});

test("a partition is read forth and back", () => {
  assert.equal(previousPage(page(0, 50)), undefined);
  assert.deepEqual(nextPage(page(0, 50)), { offset: 50n, records: 50 });
  assert.equal(nextPage(page(100, 120)), undefined, "the log ends here");
  assert.deepEqual(previousPage(page(100, 120)), { offset: 50n, records: 50 });
});

test("a page before the middle does not repeat records", () => {
  assert.deepEqual(previousPage(page(20, 70)), { offset: 0n, records: 20 });
  assert.deepEqual(previousPage(page(60, 70, { start: 40n })), { offset: 40n, records: 20 });
});

test("the last page can be reached from behind the end", () => {
  assert.deepEqual(previousPage(page(120, 120)), { offset: 70n, records: 50 });
  assert.equal(previousPage(page(0, 0, { end: 0n })), undefined, "there are no records");
});

test("the form says where to begin, or nothing", () => {
  assert.equal(origin("start", "", ""), "start");
  assert.deepEqual(origin("offset", " 17 ", ""), { offset: 17n });
  for (const wrong of ["", "-3", "1.5", "x", "9".repeat(19)]) assert.equal(origin("offset", wrong, ""), undefined, wrong);
  assert.deepEqual(origin("timestamp", "", "1970-01-01T00:00:01Z"), { timestamp: 1000n });
  assert.equal(origin("timestamp", "", ""), undefined);
});

test("the topic that is produced is what is read next", () => {
  const known = new Map([["a", {}], ["b", {}]]);
  assert.equal(newestTopic([{ topic: "b" }, { topic: "a" }], known), "a");
  assert.equal(newestTopic([{ topic: "gone" }], known), undefined);
  assert.equal(newestTopic([], known), undefined);
});
