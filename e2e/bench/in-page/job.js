// A worker's side of a job: says that it is ready, does what it is told, answers once.

export function serveJob(run) {
  const channel = new BroadcastChannel(location.hash.slice(1));
  channel.onmessage = async ({ data }) => {
    if (!data.job) return;
    try {
      channel.postMessage({ result: await run(data.job) });
    } catch (error) {
      channel.postMessage({ error: String(error?.stack ?? error) });
    }
  };
  channel.postMessage({ ready: true });
}

/** Values as the engine's synthetic import makes them: of one length, each another. */
export function valuesOf(count, bytes) {
  return Array.from({ length: count }, (_, index) => String(index).padStart(bytes, "x"));
}
