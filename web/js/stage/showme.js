// The one button: records flow through a topic, from an import that is paced, to a group of two consumers.

import { variant } from "../variant.js";

const TOPIC = "vehicles";
const GROUP = "traffic";
const PARTITIONS = 4;
const CONSUMERS = 2;
const PER_S = 30;
const RUNS = ["running", "resuming"];
const LIVE = ["joining", "assigned"];

/** The import of the button that runs, if one does. */
export function running({ imports }) {
  return imports.find(({ topic, source, state }) => topic === TOPIC && source === TOPIC && RUNS.includes(variant(state)[0]));
}

/** Has records flow; also where an earlier visit has left the topic, the group, or all records of the source. */
export async function showMe(api) {
  await api.request({ "create-topic": { name: TOPIC, partitions: PARTITIONS, configs: [] } }).catch((error) => {
    if (error.kind !== "TOPIC_ALREADY_EXISTS") throw error;
  });
  const consumers = api.clients.consumers.filter(({ request, state }) =>
    request.group === GROUP && request.topic === TOPIC && LIVE.includes(variant(state)[0])).length;
  const starts = Array.from({ length: Math.max(0, CONSUMERS - consumers) }, () => api.request({ "start-consumer": {
    group: GROUP, topic: TOPIC, assignor: "range", reset: "earliest", records_per_s: undefined, instance_id: undefined,
  } }));
  await Promise.all([...starts, produce(api)]);
}

/** Stops what the button has begun; what was sent stays. */
export async function stopShowing(api) {
  const stops = [];
  const own = running(api.clients);
  if (own) stops.push({ "stop-import": { import: own.import } });
  for (const { consumer, request, state } of api.clients.consumers) {
    if (request.group === GROUP && LIVE.includes(variant(state)[0])) stops.push({ "stop-consumer": { consumer, leave: true } });
  }
  await Promise.all(stops.map((stop) => api.request(stop)));
}

async function produce(api) {
  if (running(api.clients)) return;
  if ((await begun(api, await start(api, false))) === "nothing new") await start(api, true);
}

async function start(api, again) {
  const reply = await api.request({ import: {
    source: { "data-set": { name: TOPIC, url: "data/vehicles.ndjson.gz" } },
    topic: TOPIC, partitions: PARTITIONS, configs: [], key_field: "id", records_per_s: PER_S, again,
  } });
  return reply["import-started"].import;
}

/** Waits until it is seen whether an import has something to produce. */
function begun(api, id) {
  return new Promise((resolve, reject) => {
    const look = () => {
      const one = api.clients.imports.find((each) => each.import === id);
      if (one === undefined) return;
      const [state, problem] = variant(one.state);
      if (state === "resuming" || (state === "running" && one.acknowledged === 0n)) return;
      api.removeEventListener("clients", look);
      if (state === "failed") reject(new Error(problem.message));
      else resolve(state === "done" && one.acknowledged === 0n ? "nothing new" : "flows");
    };
    api.addEventListener("clients", look);
    look();
  });
}
