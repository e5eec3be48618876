// The views by what they show. Each is `(ctx, ids) => { eyebrow, title, body, update?, close? }`: `update` is called when workers have
// told something, `close` when something else is shown.

import { addConsumers, addProducer, addTopic } from "./add.js";
import { broker } from "./broker.js";
import { consumer } from "./consumer.js";
import { exporting } from "./export.js";
import { group } from "./group.js";
import { overview } from "./overview.js";
import { partition } from "./partition.js";
import { producer } from "./producer.js";
import { record } from "./record.js";
import { send } from "./send.js";
import { tail } from "./tail.js";
import { topic } from "./topic.js";

export const views = {
  overview,
  producer,
  topic,
  partition,
  segment: partition,
  record,
  group,
  consumer,
  broker,
  send,
  tail,
  export: exporting,
  "add-producer": addProducer,
  "add-topic": addTopic,
  "add-consumers": addConsumers,
};
