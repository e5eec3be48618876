// Messages of worker/protocol as JavaScript values.

/** The name of a message and what is in it. */
export function variant(message) {
  return typeof message === "string" ? [message, undefined] : Object.entries(message)[0];
}
