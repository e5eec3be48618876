// A connection on which an answer can be lost.

const PRODUCE = 0;

/**
 * Wraps a `connect` (js/kafkajs/socket.mjs). After `loseNext()` the answer to the next Produce request does not arrive, and its
 * connection is closed: the broker has done what was asked, and who asked cannot know.
 */
export function losingAnAnswer() {
  let lose = false;
  const wrap = (connect) => async (broker, { onFrame, onClose }) => {
    /** Correlation ids of Produce requests whose answers are to be lost. */
    const doomed = new Set();
    const connection = await connect(broker, {
      onClose,
      onFrame: (frame) => {
        if (!doomed.has(correlation(frame, 0))) return onFrame(frame);
        connection.close();
        onClose();
      },
    });
    return {
      send: (frame) => {
        if (lose && new DataView(frame.buffer, frame.byteOffset).getInt16(0) === PRODUCE) {
          lose = false;
          doomed.add(correlation(frame, 4));
        }
        connection.send(frame);
      },
      close: () => connection.close(),
    };
  };
  return { wrap, loseNext: () => { lose = true; } };
}

/** The correlation id in a frame, which requests have after their key and version, and answers at their beginning. */
function correlation(frame, at) {
  return new DataView(frame.buffer, frame.byteOffset).getInt32(at);
}
