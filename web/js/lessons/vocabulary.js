// What a lesson can ask of the page, by name: checks of what the learner did, and actions that buttons and "solve" do.
// The compiler of lessons and the page share it, so a lesson with a name or a parameter that is not here is not built.

/** The parameters of each check; those with a question mark may be left out. */
export const CHECKS = {
  topic: ["name", "partitions"],
  record: ["topic", "key", "count?"],
  together: ["topic"],
  holds: ["topic", "records"],
  "offset-of": ["input", "topic", "partition", "value", "last?"],
  group: ["group", "topic", "members"],
  ended: ["group", "how"],
  reread: ["group", "topic"],
  reloaded: [],
  kept: ["topic"],
  producing: ["topic"],
  "went-down": ["topic"],
  "all-running": [],
  "nothing-lost": ["topic"],
  times: ["topic", "value", "count"],
  once: ["topic"],
  "crashed-reader": ["group", "topic"],
  "read-again": ["input", "group", "topic"],
  "record-count": ["input", "topic"],
  booked: ["from", "to", "group"],
  "committed-count": ["input", "topic"],
};

/** The parameters of each action. */
export const ACTIONS = {
  "create-topic": ["name", "partitions"],
  send: ["topic", "records"],
  seed: ["topic", "partitions", "records"],
  consume: ["group", "topic", "count", "rate?"],
  "crash-a-reader": ["group", "topic", "records"],
  "stop-consumer": ["group", "count", "how"],
  "reset-offsets": ["group"],
  "fresh-group": ["group", "topic?"],
  import: ["topic", "partitions", "records", "rate"],
  "terminate-leader": ["topic"],
  "start-workers": [],
  until: ["check"],
  answer: ["input", "check"],
  reload: [],
  "lost-answer": ["topic", "records", "lose", "idempotent"],
  book: ["from", "to", "group", "crash-after?"],
  "count-committed": ["topic"],
};

/** What is wrong with an entry of checks or actions (`{ name: parameters }`), or nothing. */
export function misuse(entry, vocabulary) {
  const names = Object.keys(entry ?? {});
  if (names.length !== 1) return "an entry has one name and its parameters";
  const [name] = names;
  const known = vocabulary[name];
  if (known === undefined) return `there is no "${name}"; there are ${Object.keys(vocabulary).join(", ")}`;
  const given = Object.keys(entry[name] ?? {});
  const allowed = known.map((parameter) => parameter.replace("?", ""));
  const missing = known.filter((parameter) => !parameter.endsWith("?") && !given.includes(parameter));
  const unknown = given.filter((parameter) => !allowed.includes(parameter));
  if (missing.length > 0) return `"${name}" needs ${missing.join(", ")}`;
  if (unknown.length > 0) return `"${name}" has no ${unknown.join(", ")}`;
  return undefined;
}
