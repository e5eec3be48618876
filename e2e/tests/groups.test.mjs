// Consumers of one group share a topic: what they read, who takes over, and where they go on.

import assert from "node:assert/strict";
import { VEHICLES } from "../lib/playground.mjs";
import { browserTest } from "../lib/test.mjs";

const TOPIC = "vehicles";
const GROUP = "readers";

browserTest("two consumers share the partitions, and the group goes on where it was", async ({ open }) => {
  const playground = await open();
  await playground.produce({ topic: TOPIC, partitions: 4 });
  await playground.imported();

  await playground.consume({ group: GROUP, topic: TOPIC, count: 2 });
  let group = await playground.groupWith(GROUP, { state: "Stable", lag: 0, reading: ["0,1", "2,3"] });
  assert.equal(consumed(group), VEHICLES.length, "every record is read once");
  assertCommitted(group, await playground.partitions(TOPIC));

  // The one that goes leaves its partitions to the other, which reads on from what is committed.
  const first = group.members.find(({ partitions }) => partitions === "0,1");
  await playground.id(`stop-${first.name}`).click();
  group = await playground.groupWith(GROUP, { state: "Stable", reading: ["0,1,2,3"] });
  assert.ok(group.generation >= 2, "its leaving was a rebalance");
  await playground.produceAgain({ topic: TOPIC });
  group = await playground.groupWith(GROUP, { state: "Stable", committed: 2 * VEHICLES.length, consumed: 2 * VEHICLES.length });
  assert.equal(consumed(group), 2 * VEHICLES.length, "nothing is read twice, nothing is passed over");
  assert.equal(first.records, member(group, first.name).records, "who has left reads no more");
  assert.match(await playground.id(`group-events-${GROUP}`).innerText(), /generation/);

  // Members are gone with the page; offsets are in the log.
  await playground.reload();
  group = await playground.groupWith(GROUP, { state: "Empty", lag: 0 });
  assertCommitted(group, await playground.partitions(TOPIC));
  await playground.id(`add-consumer-${GROUP}`).click();
  group = await playground.groupWith(GROUP, { state: "Stable", reading: ["0,1,2,3"] });
  await playground.produceAgain({ topic: TOPIC });
  group = await playground.groupWith(GROUP, { state: "Stable", committed: 3 * VEHICLES.length, consumed: VEHICLES.length });
  assert.equal(consumed(group), VEHICLES.length, "it goes on after what was committed");
});

browserTest("who is killed is replaced when its session is over", async ({ open }) => {
  const playground = await open();
  await playground.produce({ topic: TOPIC, partitions: 4 });
  await playground.imported();
  await playground.consume({ group: GROUP, topic: TOPIC, count: 2, assignor: "cooperative-sticky", rate: 1000 });
  let group = await playground.groupWith(GROUP, { state: "Stable", consumed: 2000 });
  const killed = group.members.find(({ partitions }) => partitions.length === 3);
  await playground.id(`kill-${killed.name}`).click();
  group = await playground.groupWith(GROUP, { state: "Stable", reading: ["0,1,2,3"] });
  assert.ok(group.lag > 0, "at this pace there is something left to read");
  assert.equal(member(group, killed.name).state, "killed");
});

browserTest("offsets are set and groups are deleted when nobody is in them", async ({ open }) => {
  const playground = await open();
  await playground.produce({ topic: TOPIC, partitions: 2 });
  await playground.imported();
  await playground.consume({ group: GROUP, topic: TOPIC, count: 1, assignor: "sticky" });
  const [only] = (await playground.groupWith(GROUP, { state: "Stable", lag: 0 })).members;
  assert.equal(await playground.id(`delete-group-${GROUP}`).count(), 0, "it has a member");
  await playground.id(`stop-${only.name}`).click();
  await playground.groupWith(GROUP, { state: "Empty" });

  await playground.id(`reset-earliest-${GROUP}`).click();
  await playground.groupWith(GROUP, { lag: VEHICLES.length });
  await playground.id(`reset-latest-${GROUP}`).click();
  await playground.groupWith(GROUP, { lag: 0 });
  await playground.id(`delete-group-${GROUP}`).click();
  await playground.confirm();
  await playground.page.locator('[data-testid="group-list"][data-count="0"]').waitFor();
  await playground.reload();
  await playground.page.locator('[data-testid="group-list"][data-count="0"]').waitFor();
});

function consumed({ members }) {
  return members.reduce((sum, { records }) => sum + records, 0);
}

function member(group, name) {
  return group.members.find((member) => member.name === name);
}

/** Asserts that what is committed is each partition's end. */
function assertCommitted(group, partitions) {
  assert.deepEqual(group.offsets.map(({ committed }) => committed), partitions.map(({ end }) => end));
}
