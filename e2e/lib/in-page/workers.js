// Runs before the page's own code: remembers the workers that the page starts, so that a test can be one more client
// of its broker.
(() => {
  const Original = globalThis.Worker;
  globalThis.__workers = {};
  globalThis.Worker = class extends Original {
    constructor(script, options) {
      super(options?.name?.startsWith("broker-") ? (globalThis.__workerScript ?? script) : script, options);
      globalThis.__workers[options?.name] = this;
    }
  };
  // A connection of the test's own to one of the page's brokers, as the page makes them for its clients.
  globalThis.__connect = async (module, node = 0) => {
    const { Connection } = await import(module);
    const { port1, port2 } = new MessageChannel();
    const count = document.querySelectorAll('[data-testid^="terminate-worker-"], [data-testid^="start-worker-"]').length;
    globalThis.__workers[`broker-${node % count}`].postMessage([{ connect: { node_id: node } }, port1], [port1]);
    return new Connection(port2);
  };
})();
