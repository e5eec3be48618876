// Runs before the page's own code: remembers the workers that the page starts, so that a test can be one more client
// of its broker.
(() => {
  const Original = globalThis.Worker;
  globalThis.__workers = {};
  globalThis.Worker = class extends Original {
    constructor(script, options) {
      super(script, options);
      globalThis.__workers[options?.name] = this;
    }
  };
  // A connection of the test's own to the page's broker, as the page makes them for its clients.
  globalThis.__connect = async (module) => {
    const { Connection } = await import(module);
    const { port1, port2 } = new MessageChannel();
    globalThis.__workers.broker.postMessage(["connect", port1], [port1]);
    return new Connection(port2);
  };
})();
