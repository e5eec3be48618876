// Brokers in memory, in this process or page: `connect` for KafkaJS's socketFactory (kafkajs/socket.mjs), and nothing to start
// beside it.

/** The port that Metadata names. Nobody listens there. */
const PORT = 9092;

/**
 * A cluster in memory. `engine` is the module that `cargo xtask build` binds to the engine (`engine.js`), initialized.
 *
 * `configs` are broker configs by their keys, `brokers` is how many there are; they are `broker-0:9092` and so on.
 */
export class MemoryKafka {
  #nodes;
  #failure;

  constructor(engine, { clusterId = "headwater", configs = {}, brokers = 1 } = {}) {
    const pairs = Object.entries(configs).flatMap(([key, value]) => [key, String(value)]);
    this.#nodes = Array.from({ length: brokers }, (_, id) => {
      const [entropy] = crypto.getRandomValues(new BigUint64Array(1));
      const broker = new engine.MemoryBroker(clusterId, id, `broker-${id}`, PORT, pairs, entropy);
      return new Node(broker, this);
    });
    this.#nodes.forEach((node) => node.wake());
  }

  /** What KafkaJS is told to begin with. */
  get brokers() {
    return this.#nodes.map((_, id) => `broker-${id}:${PORT}`);
  }

  /** For `socketFactory`: a connection to the broker of that name. */
  connect = async ({ host }, { onFrame, onClose }) => {
    const node = this.#nodes[Number(/^broker-(\d+)$/.exec(host)?.[1])];
    if (node === undefined) throw new Error(`there is no broker ${host}`);
    if (this.#failure !== undefined) throw this.#failure;
    return node.connect(onFrame, onClose);
  };

  /** Ends it, with its records. */
  close() {
    this.fail(new Error("the cluster was closed"));
  }

  /** After an error of the engine nothing of it may be called any more: connections end with the error. */
  fail(error) {
    this.#failure ??= error;
    this.#nodes.forEach((node) => node.end(error));
  }

  /** For brokers among themselves. */
  node(id) {
    return this.#nodes[id];
  }
}

class Node {
  #broker;
  #cluster;
  #connections = new Map();
  #next = 1;
  #links = new Map();
  #timer;
  #scheduled = false;

  constructor(broker, cluster) {
    this.#broker = broker;
    this.#cluster = cluster;
  }

  connect(onFrame, onClose) {
    const id = this.#next++;
    this.#connections.set(id, { onFrame, onClose });
    return {
      send: (frame) => this.#tell((broker, ...now) => broker.handle_request(...now, id, frame)),
      close: () => {
        this.#connections.delete(id);
        this.#tell((broker, ...now) => broker.handle_disconnect(...now, id));
      },
    };
  }

  /** Has it work soon: what is asked until then is worked on together. */
  wake() {
    if (this.#scheduled || this.#broker === undefined) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#tell((broker, ...now) => this.#deliver(broker.advance(...now)), false);
      this.#sleep();
    });
  }

  end(error) {
    clearTimeout(this.#timer);
    this.#broker = undefined;
    const connections = [...this.#connections.values()];
    this.#connections.clear();
    connections.forEach(({ onClose }) => onClose(error));
  }

  #tell(call, wakes = true) {
    if (this.#broker === undefined) return;
    try {
      call(this.#broker, Math.floor(performance.now()), Date.now());
    } catch (error) {
      this.#cluster.fail(error);
      return;
    }
    if (wakes) this.wake();
  }

  #deliver(out) {
    for (const [id, frame, peer] of out) {
      if (id === null) {
        this.#ask(peer, frame);
        continue;
      }
      const connection = this.#connections.get(id);
      if (frame === null) {
        this.#connections.delete(id);
        connection?.onClose();
      } else {
        connection?.onFrame(frame);
      }
    }
  }

  /** A request to another broker, or the end of the connection to it. */
  #ask(peer, frame) {
    if (frame === null) {
      this.#links.get(peer)?.close();
      this.#links.delete(peer);
      return;
    }
    if (!this.#links.has(peer)) {
      const take = (answer) => this.#tell((broker, ...now) => broker.handle_peer_response(...now, peer, answer));
      // Both live and end together.
      this.#links.set(peer, this.#cluster.node(peer).connect(take, () => undefined));
    }
    this.#links.get(peer).send(frame);
  }

  #sleep() {
    clearTimeout(this.#timer);
    const at = this.#broker?.next_advance();
    if (at === undefined) return;
    this.#timer = setTimeout(() => this.wake(), Math.max(0, Math.min(at - performance.now(), 2 ** 31 - 1)) + 1);
    // A process that has nothing else to do may end.
    this.#timer.unref?.();
  }
}
