// A topic and one of its partitions, to choose from those that there are.

import { element } from "../element.js";
import { topics } from "../inspect/cluster.js";
import { keptRows, select } from "../inspect/kit.js";

/**
 * Two choices, named `NAME-topic` and `NAME-partition`. `before` are partitions to choose that are none: `[value, text]`.
 * `update(wanted)` brings the choices up to date, and chooses the topic that is wanted, if any; true: the topics are others.
 */
export function topicChoice(api, name, before = []) {
  const [topic, partition] = [select(`${name}-topic`, [], ""), select(`${name}-partition`, [], "")];
  for (const control of [topic, partition]) control.id = control.dataset.testid;
  const option = ([value, text]) => element("option", { value }, text);
  const fillTopics = keptRows(topic, (names) => names.map((one) => option([one, one])));
  const fillPartitions = keptRows(partition, (number) => [...before, ...Array.from({ length: number }, (_, one) => [one, String(one)])].map(option));
  let shown;
  const update = (wanted) => {
    const known = topics(api);
    const names = [...known.keys()];
    const [chosen, key] = [topic.value, names.join("\n")];
    fillTopics(key, names);
    topic.value = [wanted?.(known), chosen].find((one) => known.has(one)) ?? names[0] ?? "";
    const number = known.get(topic.value)?.leaders.length ?? 0;
    const was = partition.value;
    fillPartitions(String(number), number);
    partition.value = [...partition.options].some(({ value }) => value === was) ? was : partition.options[0]?.value ?? "";
    topic.disabled = partition.disabled = names.length === 0;
    const changed = shown !== key;
    shown = key;
    return changed;
  };
  topic.addEventListener("change", () => {
    partition.value = partition.options[0]?.value ?? "";
    update();
  });
  return { topic, partition, update };
}
