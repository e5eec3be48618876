// A connection of clients in this tab to a broker of the gateway: frames pass between a port and a WebSocket unread.

/**
 * Leads `port` to a broker. `broker` says when it can be reached (`reached()`, a promise), opens a WebSocket to it (`open()`) and
 * knows its bridges (`bridges`, a set of functions that close one each). Nothing is opened before the port's first frame.
 */
export function bridge(port, broker) {
  const waiting = [];
  let socket;
  let closed = false;

  const close = () => {
    if (closed) return;
    closed = true;
    broker.bridges.delete(close);
    // Not every browser tells the other end that a port was closed, so a message does.
    port.postMessage(null);
    port.close();
    socket?.close();
  };

  const open = async () => {
    await broker.reached();
    if (closed) return;
    socket = broker.open();
    socket.binaryType = "arraybuffer";
    socket.onopen = () => waiting.splice(0).forEach((frame) => socket.send(frame));
    socket.onmessage = ({ data }) => port.postMessage(new Uint8Array(data), [data]);
    socket.onclose = close;
  };

  broker.bridges.add(close);
  port.onmessage = ({ data }) => {
    // A port of its own for another connection to the same broker.
    if (data instanceof MessagePort) return bridge(data, broker);
    if (!(data instanceof Uint8Array)) return close();
    if (socket?.readyState === WebSocket.OPEN) return socket.send(data);
    if (waiting.push(data) === 1 && socket === undefined) open();
  };
  port.addEventListener("close", close);
}
