// Everything can be touched: topics and their settings, records, producers, consumers, groups and brokers, asserted against the engine.

import assert from "node:assert/strict";
import { control, figure, inspect, said } from "../lib/inspector.mjs";
import { browserTest } from "../lib/test.mjs";

browserTest("a topic: made, set, refused with Kafka's error, given partitions, emptied and deleted", async ({ open }) => {
  const playground = await open();
  await inspect(playground, "go-add-topic");
  await control(playground, "new-topic-name").fill("no spaces here");
  await control(playground, "new-topic-create").click();
  assert.match(await said(playground, "new-topic-create-said"), /^INVALID_TOPIC_EXCEPTION: /);
  await control(playground, "new-topic-name").fill("made");
  await control(playground, "new-topic-partitions").fill("2");
  await control(playground, "new-topic-create").click();
  await figure(playground, "topic-partitions", "2");

  // A setting that is wrong is refused beside it; one that is right holds, and is what brokers tell.
  const retention = control(playground, "config-retention.ms");
  await retention.fill("soon");
  await retention.press("Enter");
  assert.match(await said(playground, "config-said-retention.ms"), /^INVALID_CONFIG: .*retention\.ms/);
  assert.equal(await retention.getAttribute("aria-invalid"), "true");
  await retention.fill("60000");
  await control(playground, "config-set-retention.ms").click();
  await control(playground, "config-source-retention.ms").filter({ hasText: "set on this topic" }).waitFor();
  await control(playground, "config-cleanup.policy").selectOption("compact");
  await control(playground, "config-set-cleanup.policy").click();
  await said(playground, "config-said-cleanup.policy");
  await playground.page.locator('[data-testid="topic-made"] .configs').filter({ hasText: "retention.ms=60000" }).filter({ hasText: "cleanup.policy=compact" }).waitFor();
  await control(playground, "config-reset-cleanup.policy").click();
  assert.equal(await said(playground, "config-said-cleanup.policy"), "The default holds again.");
  assert.equal(await control(playground, "config-cleanup.policy").inputValue(), "delete");

  await control(playground, "partitions-add").locator("xpath=ancestor::details").locator("summary").click();
  await control(playground, "partitions-count").fill("1");
  await control(playground, "partitions-add").click();
  assert.match(await said(playground, "partitions-add-said"), /^INVALID_PARTITIONS: /);
  await control(playground, "partitions-count").fill("3");
  await control(playground, "partitions-add").click();
  await figure(playground, "topic-partitions", "3");

  await sendByHand(playground, { partition: "2", key: "k", value: "v" });
  await inspect(playground, "go-topic-made");
  await figure(playground, "topic-records", "1");
  await control(playground, "records-delete").click();
  await playground.id("inspect-no").click();
  assert.equal((await playground.everyRecord("made", 3)).length, 1, "No is no");
  await control(playground, "records-delete").click();
  await playground.id("inspect-yes").click();
  await figure(playground, "topic-records", "0");
  assert.equal((await playground.everyRecord("made", 3)).length, 0);
  await control(playground, "topic-delete").click();
  await playground.id("inspect-yes").click();
  await playground.id("topic-made").waitFor({ state: "detached" });
});

browserTest("a record: JSON by lines, headers, its neighbours, edited and sent again, and a tombstone", async ({ open }) => {
  const playground = await open();
  await inspect(playground, "go-add-topic");
  await control(playground, "new-topic-name").fill("notes");
  await control(playground, "new-topic-partitions").fill("1");
  await control(playground, "new-topic-create").click();
  await figure(playground, "topic-partitions", "1");
  await sendByHand(playground, { key: "a", value: '{"n":12345678901234567890,"deep":{"list":[1,2]}}', headers: [["trace", "x"]] });
  await control(playground, "hand-open").click();
  await control(playground, "record-value").waitFor();
  // A number that no double holds stays as it was written.
  assert.match(await control(playground, "record-value").innerText(), /^\{\n {2}"n": 12345678901234567890,\n {2}"deep": \{/);
  assert.match(await control(playground, "record-headers").innerText(), /trace\s+x/);
  await control(playground, "record-next").click();
  assert.equal(await said(playground, "record-said"), "This is the last record so far.");

  await control(playground, "record-edit").click();
  assert.equal(await control(playground, "hand-key").inputValue(), "a");
  await control(playground, "hand-value").fill("changed");
  await control(playground, "hand-send").click();
  assert.equal(await said(playground, "hand-said"), "Acknowledged: partition 0, offset 1.");
  await control(playground, "hand-open").click();
  await control(playground, "record-tombstone").click();
  await control(playground, "hand-send").click();
  await said(playground, "hand-said");
  const records = await playground.everyRecord("notes", 1);
  assert.deepEqual(records.map(({ offset, key, value, headers }) => [offset, key, value, headers]), [
    [0, "a", '{"n":12345678901234567890,"deep":{"list":[1,2]}}', [["trace", "x"]]],
    [1, "a", "changed", [["trace", "x"]]],
    [2, "a", null, [["trace", "x"]]],
  ]);
  await control(playground, "hand-open").click();
  await control(playground, "record-previous").click();
  await control(playground, "record-value").filter({ hasText: "changed" }).waitFor();
});

browserTest("a producer, its consumers and their group: paces changed, left, offsets set, deleted", async ({ open }) => {
  const playground = await open();
  await inspect(playground, "go-add-producer");
  await control(playground, "producer-partitions").fill("2");
  await control(playground, "producer-rate").fill("50");
  await control(playground, "producer-start").click();
  await figure(playground, "producer-state", "producing");
  await control(playground, "producer-rate").fill("");
  await control(playground, "producer-rate-set").click();
  await figure(playground, "producer-state", "done");
  const { length } = await playground.everyRecord("vehicles", 2);
  assert.equal(length, 56_899, "each reading once, also those from before the pace was another");

  await inspect(playground, "go-add-consumers");
  await control(playground, "consumers-group").fill("watchers");
  await control(playground, "consumers-count").fill("2");
  await control(playground, "consumers-start").click();
  await figure(playground, "group-members", "2");
  await figure(playground, "group-lag", "0");
  await control(playground, "reset-go").locator("xpath=ancestor::details").locator("summary").click();
  await control(playground, "reset-to").selectOption("offset");
  await control(playground, "reset-offset").fill("7");
  await control(playground, "reset-go").click();
  assert.match(await said(playground, "reset-go-said"), /^(UNKNOWN_MEMBER_ID|REBALANCE_IN_PROGRESS|ILLEGAL_GENERATION|NON_EMPTY_GROUP)/, "a group that reads keeps its offsets");
  await control(playground, "group-leave").click();
  await figure(playground, "group-state", "Empty");
  await control(playground, "reset-go").click();
  await control(playground, "reset-go-said").filter({ hasText: "partitions: 2" }).waitFor();
  await figure(playground, "committed-vehicles-0", "7");
  const { offsets } = await playground.groupWith("watchers", { state: "Empty", lag: 56_899 - 14 });
  assert.deepEqual(offsets.map(({ committed }) => committed), [7, 7]);
  await control(playground, "group-delete").click();
  await playground.id("inspect-yes").click();
  await playground.id("group-watchers").waitFor({ state: "detached" });
});

browserTest("a broker: terminated and started again, by keyboard; Esc leaves the inspector", async ({ open }) => {
  const playground = await open({ workers: 2 });
  const { page } = playground;
  await playground.id("inspect").focus();
  await page.keyboard.press("Enter");
  await control(playground, "go-broker-1").press("Enter");
  await figure(playground, "broker-now", "running");
  await control(playground, "broker-terminate").press("Enter");
  await playground.id("inspect-yes").press("Enter");
  await figure(playground, "broker-now", "terminated");
  await control(playground, "broker-start").press("Enter");
  await figure(playground, "broker-now", "running");
  await page.keyboard.press("Escape");
  await playground.id("inspector").waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => document.activeElement.dataset.testid), "inspect", "the focus is back where it was");
});

/** Fills the form for a record of the topic that is shown, and sends it. */
async function sendByHand(playground, { partition = "", key, value, headers = [] }) {
  await control(playground, "go-send").click();
  await control(playground, "hand-partition").selectOption(partition);
  await control(playground, "hand-key").fill(key);
  await control(playground, "hand-value").fill(value);
  for (const [index, [name, content]] of headers.entries()) {
    await control(playground, "hand-header-add").click();
    await control(playground, "hand-header-name").nth(index).fill(name);
    await control(playground, "hand-header-value").nth(index).fill(content);
  }
  await control(playground, "hand-send").click();
  await said(playground, "hand-said");
}
