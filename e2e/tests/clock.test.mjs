// The one clock of all workers: its own arithmetic, and what a step is.

import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualClock, described, nextStep } from "../../web/js/time/clock.js";
import { buttonFor } from "../../web/js/time/keys.js";

test("virtual time goes at its rate, stands still, and never goes back", () => {
  const clock = new VirtualClock(1_000);
  assert.deepEqual(clock.message(1_500), { rate: 1000, real_ms: 1_500, virtual_ms: 1_500 });
  clock.set(2_000, 0);
  assert.equal(clock.now(60_000), 2_000);
  clock.set(60_000, 0, 2_250);
  assert.equal(clock.now(61_000), 2_250);
  clock.set(61_000, 100, 1);
  assert.equal(clock.now(62_000), 2_350, "a tenth as fast, from where it stood");
});

test("a step is what waits longest, else the next time-out", () => {
  const held = (node_id, since_ms, due_ms) => ({ node_id, first: since_ms && { api_key: 0, client_id: "p", since_ms }, due_ms });
  assert.equal(nextStep([held(0, 20, 1), held(1, 10, 1), held(2)], 1).node_id, 1);
  assert.deepEqual(nextStep([held(0, undefined, 70), held(1, undefined, 50)], 60), { until: 50 });
  assert.deepEqual(nextStep([held(0)], 60), { until: 60 });
  assert.equal(nextStep([held(0)], undefined), undefined);
});

test("what a step did has words", () => {
  assert.deepEqual(described({ node_id: 1, first: { api_key: 1, client_id: "c" } }), ["time_handled", { n: 1, request: "Fetch", client: "c" }]);
  assert.deepEqual(described({ node_id: 1, first: { client_id: "" } }), ["time_stored", { n: 1 }]);
  assert.deepEqual(described({ ms: 5 }), ["time_went_on", { ms: 5 }]);
});

test("keys of time have two modifiers, go by the letter or its place, and pause once when held down", () => {
  const plain = { key: "P", code: "KeyP", altKey: true, shiftKey: true, ctrlKey: false, metaKey: false, repeat: false };
  const pressed = (more) => buttonFor({ ...plain, ...more });
  assert.equal(pressed(), "pause");
  assert.equal(pressed({ key: "∏" }), "pause", "as a Mac types it");
  assert.equal(pressed({ key: "s", code: "Semicolon" }), "step");
  for (const other of [{ altKey: false }, { shiftKey: false }, { ctrlKey: true }, { metaKey: true }, { key: "L" }, { repeat: true }]) {
    assert.equal(pressed(other), undefined, JSON.stringify(other));
  }
  assert.equal(pressed({ key: "S", code: "KeyS", repeat: true }), "step");
});
