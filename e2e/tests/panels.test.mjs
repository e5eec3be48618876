// The panels that read and send records: what they say of what is typed, and of what was done.

import assert from "node:assert/strict";
import { browserTest } from "../lib/test.mjs";

async function created(playground, name) {
  await playground.id("create-topic-name").fill(name);
  await playground.id("create-topic").click();
  await playground.id(`topic-${name}`).waitFor();
}

/** What a screen reader says of a control beside its name. */
const described = (control) => control.evaluate((one) => ({
  invalid: one.getAttribute("aria-invalid"),
  words: (one.getAttribute("aria-describedby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent).join(" "),
  isProblem: document.getElementById(one.getAttribute("aria-describedby"))?.classList.contains("problem"),
}));

browserTest("what is no offset or time is said beside its field, and what was read is announced", async ({ open }) => {
  const playground = await open();
  await created(playground, "announced");
  await playground.id("send-topic").selectOption("announced");
  await playground.id("send-value").fill("one");
  await playground.id("send-go").click();
  await playground.id("send-result").waitFor();
  await playground.id("read-topic").selectOption("announced");
  await playground.id("read-from").selectOption("offset");
  const [offset, time, go] = ["read-offset", "read-time", "read-go"].map((name) => playground.id(name));
  const whole = "A whole number, 0 or above.";
  assert.deepEqual(await described(offset), { invalid: null, words: whole, isProblem: false }, "nothing is typed yet");
  for (const wrong of ["-1", "1.5", "e"]) {
    await offset.fill("");
    await offset.pressSequentially(wrong);
    assert.deepEqual(await described(offset), { invalid: "true", words: whole, isProblem: true }, wrong);
    assert.equal(await go.isDisabled(), true);
  }
  await playground.id("read-from").selectOption("timestamp");
  assert.deepEqual(await described(time), { invalid: null, words: "A date and a time.", isProblem: false });
  await time.press("1");
  assert.deepEqual(await described(time), { invalid: "true", words: "A date and a time.", isProblem: true }, "half a date");
  await playground.id("language").selectOption("zh");
  await playground.page.locator("#read-title", { hasText: "读取" }).waitFor();
  assert.equal((await described(offset)).words, "0 或更大的整数。");
  assert.equal((await described(time)).words, "日期和时间。");
  await playground.id("language").selectOption("en");
  await playground.page.locator("#read-title", { hasText: "Read" }).waitFor();

  await playground.id("read-from").selectOption("offset");
  const said = await playground.id("read-said").elementHandle();
  assert.equal(await said.getAttribute("role"), "status");
  await offset.fill("0");
  await go.click();
  await playground.id("record-row").waitFor();
  // In the place that was there before.
  assert.equal(await said.textContent(), "announced, partition 0: offsets 0 to 0, the log is 0 to 1");
  await offset.fill("7");
  await go.click();
  await playground.page.getByTestId("read-empty").waitFor();
  assert.match(await said.textContent(), /No records from there on: the partition ends at offset 1/);
});

browserTest("headers have names of their own, also after one was removed", async ({ open }) => {
  const playground = await open();
  await created(playground, "headers");
  await playground.id("send-topic").selectOption("headers");
  const add = playground.id("send-header-add");
  await add.click();
  await add.click();
  await playground.id("send-header-name-0").fill("gone");
  await playground.id("send-header-name-1").fill("kept");
  await playground.id("send-header-remove-0").click();
  await add.click();
  const fields = playground.page.locator('input[data-testid^="send-header-"]');
  const names = await fields.evaluateAll((all) => all.map(({ id }) => id));
  assert.equal(names.length, 4);
  assert.equal(new Set(names).size, 4, names.join(" "));
  // A label leads to its own field.
  await playground.page.locator(".header-line").nth(1).getByText("Header name").click();
  await playground.page.keyboard.type("last");
  await playground.id("send-go").click();
  await playground.id("send-result").waitFor();
  const [{ headers }] = await playground.everyRecord("headers", 1);
  assert.deepEqual(headers.map(([name]) => name), ["kept", "last"]);
});
