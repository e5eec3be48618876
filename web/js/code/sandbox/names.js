// Which broker is meant by a host and a port: behind a gateway brokers have the addresses that it says, and only Kafka's own Metadata
// knows whose they are.

/** A Metadata request (version 1) for no topics, as a frame. */
export const ASK = Uint8Array.from([0, 3, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0]);

/** The brokers in the answer: `host:port` → node id. */
export function namesIn(frame) {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const names = new Map();
  // After the correlation id: how many, then each one's node id, host, port and rack, which may be none.
  let at = 8;
  const text = () => {
    const length = Math.max(view.getInt16(at), 0);
    at += 2 + length;
    return new TextDecoder().decode(frame.subarray(at - length, at));
  };
  for (let left = view.getInt32(4); left > 0; left--) {
    const nodeId = view.getInt32(at);
    at += 4;
    const host = text();
    names.set(`${host}:${view.getInt32(at)}`, nodeId);
    at += 4;
    text();
  }
  return names;
}
