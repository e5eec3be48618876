// Brokers and their clients, each in a worker, joined by MessagePorts as the playground joins them.

/** Some brokers and one clients' worker. */
export class Cluster {
  #brokers = [];
  #clients = new Side("clients");
  #nextId = 1n;
  #replies = new Map();
  #imports = new Map();
  /** What each broker's last snapshot says. */
  #topics = [];
  #name;

  /** Starts all and waits until the brokers answer requests. */
  static async start(name, brokers = 1) {
    const cluster = new Cluster();
    cluster.#name = name;
    cluster.#brokers = Array.from({ length: brokers }, (_, node) => new Side(`broker ${node}`));
    cluster.#listen();
    await Promise.all([...cluster.#brokers, cluster.#clients].map((side) => side.loaded));
    const ready = cluster.#brokers.map((broker, node) => {
      const isReady = broker.next("ready");
      broker.send({ start: { node_id: node, cluster: name, configs: [], steal: false } });
      if (node > 0) {
        const { port1, port2 } = new MessageChannel();
        broker.send({ peer: { node_id: node, peer: 0 } }, port1);
        cluster.#brokers[0].send({ connect: { node_id: 0 } }, port2);
      }
      return isReady;
    });
    await Promise.all(ready);
    cluster.#brokers.forEach((broker, node) => {
      const { port1, port2 } = new MessageChannel();
      broker.send({ connect: { node_id: node } }, port1);
      cluster.#clients.send({ broker: { node_id: node } }, port2);
    });
    return cluster;
  }

  #listen() {
    this.#brokers.forEach((broker, node) => broker.on("snapshot", ({ topics }) => (this.#topics[node] = topics)));
    this.#clients.on("reply", ({ id, result }) => {
      const { resolve, reject } = this.#replies.get(BigInt(id));
      this.#replies.delete(BigInt(id));
      if ("Err" in result) reject(new Error(`${result.Err.kind}: ${result.Err.message}`));
      else resolve(typeof result.Ok === "object" ? Object.values(result.Ok)[0] : undefined);
    });
    this.#clients.on("snapshot", ({ imports }) => {
      for (const one of imports) {
        const waiting = this.#imports.get(BigInt(one.import));
        if (one.state === "done") waiting?.resolve(one);
        else if (one.state.failed) waiting?.reject(new Error(one.state.failed.message));
      }
    });
  }

  /** Asks the clients' worker and answers what its reply says. */
  request(request) {
    const id = this.#nextId++;
    const reply = new Promise((resolve, reject) => this.#replies.set(id, { resolve, reject }));
    this.#clients.send({ request: { id, request } });
    return reply;
  }

  /** Produces made-up records and answers the import's last snapshot: every record is acknowledged. */
  async produceSynthetic({ topic, records, valueBytes, partitions, configs }) {
    const source = { synthetic: { records: BigInt(records), value_size: valueBytes } };
    const { import: id } = await this.request({ import: { source, topic, partitions, configs, again: false } });
    const done = await new Promise((resolve, reject) => this.#imports.set(BigInt(id), { resolve, reject }));
    if (Number(done.acknowledged) !== records) throw new Error(`${done.acknowledged} of ${records} were acknowledged`);
    return done;
  }

  /** Bytes of a topic as stored, once the broker's snapshot shows all its records. */
  async storedBytes(topic, records) {
    for (let tries = 0; tries < 200; tries++) {
      const partitions = this.#topics.flat().filter(({ name }) => name === topic).flatMap((known) => known.partitions);
      const end = partitions.reduce((sum, { high_watermark }) => sum + Number(high_watermark), 0);
      if (end === records) return partitions.reduce((sum, { size_bytes }) => sum + Number(size_bytes), 0);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error("the broker's snapshot does not show all records");
  }

  /** The most that the module's memory was in any worker; it never shrinks. */
  maxMemoryBytes() {
    return Math.max(...[...this.#brokers, this.#clients].map((side) => side.memoryBytes));
  }

  /** Deletes what is stored and ends all workers. */
  async destroy() {
    await Promise.all(this.#brokers.map((broker, node) => {
      const destroyed = broker.next("destroyed");
      broker.send({ destroy: { node_id: node, cluster: this.#name } });
      return destroyed;
    }));
    this.#brokers.forEach((broker) => broker.end());
    this.#clients.end();
  }
}

/** A worker and what it says, by type. */
class Side {
  #handlers = new Map();
  memoryBytes = 0;
  loaded = this.next("loaded");
  #worker;
  #memory;

  constructor(name) {
    const channelName = crypto.randomUUID();
    this.#memory = new BroadcastChannel(channelName);
    this.#memory.onmessage = ({ data }) => (this.memoryBytes = data);
    const script = new URL(`./engine-worker.js#${channelName}`, import.meta.url);
    this.#worker = new Worker(script, { type: "module", name });
    this.#worker.onerror = (event) => {
      throw new Error(`${name}: ${event.message}`);
    };
    this.#worker.onmessage = ({ data: [message] }) => {
      // A message is its name, or an object with its name as the only key.
      const [type, content] = typeof message === "string" ? [message] : Object.entries(message)[0];
      if (type === "failed") throw new Error(`${name}: ${content.kind}: ${content.message}`);
      if (type === "broker-failed") throw new Error(`${name}: ${content.report.kind}: ${content.report.message}`);
      this.#handlers.get(type)?.(content);
    };
  }

  on(type, handler) {
    this.#handlers.set(type, handler);
  }

  next(type) {
    return new Promise((resolve) => this.on(type, resolve));
  }

  send(message, port) {
    this.#worker.postMessage([message, port], port ? [port] : []);
  }

  end() {
    this.#worker.terminate();
    this.#memory.close();
  }
}
