// A worker that runs the storage's conformance suite, one case a message.

globalThis.headwaterManual = true;
const { default: init, conformance_cases, run_conformance } = await import("../worker_bindgen.js");
await init();

let answerRoom;
const limitRoom = (bytes) => new Promise((resolve) => {
  answerRoom = resolve;
  postMessage({ type: "room", bytes });
});

onmessage = async ({ data }) => {
  if (data.type === "room") return answerRoom(data.limited);
  const started = performance.now();
  const failure = await run_conformance(data.name, limitRoom).then(() => undefined, String);
  postMessage({ type: "done", name: data.name, failure, ms: performance.now() - started });
};

postMessage({ type: "cases", cases: conformance_cases() });
