// What opening a link would do here: a list of things that a person can leave out one by one, and what cannot be done at all.

const MAX_WORKERS = 4;

/**
 * `{ items, problems, there }` of a set-up; `world` is `{ language, workers, isGuest, isGateway, topics, groups, linkedCode }`. An
 * item is `{ kind, value, chosen }`, a problem `{ key, ...places }`, `there` names the topics that are as the link wants them.
 */
export function planOf(setup, world) {
  const items = [];
  const problems = [];
  const there = [];
  const add = (kind, value, chosen = true) => items.push({ kind, value, chosen });
  if (setup.language !== undefined && setup.language !== world.language) add("language", setup.language);
  planWorkers(setup.workers, world, add, problems);
  for (const topic of setup.topics) {
    const partitions = world.topics.get(topic.name);
    if (partitions === undefined) add("topic", topic);
    else if (partitions === topic.partitions) there.push(topic.name);
    else problems.push({ key: "share_other_partitions", name: topic.name, here: partitions, wanted: topic.partitions });
  }
  for (const producer of setup.producers) {
    if (producer.source.file === undefined) add("producer", producer);
    else problems.push({ key: "share_file", name: producer.source.file, topic: producer.topic });
  }
  for (const group of setup.groups) add("group", group);
  // Code of an earlier link may have been worked on since.
  if (setup.code !== undefined && setup.code !== world.linkedCode) add("code", setup.code, world.linkedCode === undefined);
  // A lesson makes, ends and clears what it needs.
  if (setup.lesson !== undefined && world.isGateway) problems.push({ key: "share_lesson_gateway" });
  else if (setup.lesson !== undefined) add("lesson", setup.lesson);
  return { items, problems, there };
}

function planWorkers(workers, world, add, problems) {
  if (workers === undefined || workers === world.workers) return;
  if (workers > MAX_WORKERS) problems.push({ key: "share_workers_many", wanted: workers, most: MAX_WORKERS });
  else if (world.isGuest) problems.push({ key: "share_workers_guest", wanted: workers });
  // All of them start anew for it: nobody has to want that.
  else add("workers", workers, false);
}
