export default function assert(condition, message) {
  if (!condition) throw message instanceof Error ? message : new Error(message ?? "an assertion failed");
}
