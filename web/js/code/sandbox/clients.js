// KafkaJS as the code of a person gets it: itself, with what is needed here filled in where nothing else is said.

import { Kafka as KafkaJs, Partitioners, logLevel, socketFactory } from "../../../../js/kafkajs/browser.mjs";

/** The client id that a run has on the picture. */
export const CLIENT_ID = "your-code";

/**
 * A class `Kafka` whose clients reach the tab's brokers; `report` gets what KafkaJS logs, `changed` hears whenever a client is
 * connected or not any more; `connected` of the class is how many are.
 */
export function kafkaFor(brokers, report, changed) {
  const connected = new Set();
  const watch = (kind, client) => {
    // An event for each way in and out, as KafkaJS tells them.
    client.on(client.events.CONNECT, () => { connected.add(client); changed(); });
    client.on(client.events.DISCONNECT, () => { connected.delete(client); changed(); });
    if (kind === "consumer") {
      client.on(client.events.CRASH, ({ payload: { error, restart } }) => {
        if (restart) return;
        report("error", "the consumer has stopped", error);
        connected.delete(client);
        changed();
      });
    }
    return client;
  };
  return class Kafka extends KafkaJs {
    static get connected() {
      return connected.size;
    }

    constructor(options = {}) {
      super({
        clientId: CLIENT_ID,
        brokers: brokers.bootstrap,
        logLevel: logLevel.WARN,
        logCreator: () => (entry) => logged(entry, report),
        ...options,
        socketFactory: socketFactory(brokers.connect),
      });
    }

    producer(options) {
      // KafkaJS warns of its default otherwise.
      return watch("producer", super.producer({ createPartitioner: Partitioners.DefaultPartitioner, ...options }));
    }

    consumer(options) {
      return watch("consumer", super.consumer(options));
    }

    admin(options) {
      return watch("admin", super.admin(options));
    }
  };
}

// What a transaction answers while the one before it is being ended. KafkaJS asks again, and complains each time.
const ORDINARY = /another concurrent operation on the same transaction was ongoing/;

// What KafkaJS cannot do in the end, it throws; until then its errors are warnings.
function logged({ level, namespace, log: { message, error, stack } }, report) {
  if (ORDINARY.test(error) || ORDINARY.test(message)) return;
  const more = typeof error === "string" && error !== message ? ` (${error})` : "";
  const kind = level <= logLevel.WARN ? "warn" : "info";
  report(kind, `KafkaJS${namespace ? ` [${namespace}]` : ""}: ${message}${more}`, typeof stack === "string" ? { stack } : undefined);
}
