// What KafkaJS takes for granted.

export { Buffer } from "buffer";

export const process = {
  env: {},
  // Seconds and nanoseconds, of which KafkaJS takes the difference of two.
  hrtime(since = [0, 0]) {
    const ms = performance.now();
    const seconds = Math.floor(ms / 1e3) - since[0];
    const nanoseconds = Math.floor((ms % 1e3) * 1e6) - since[1];
    return nanoseconds < 0 ? [seconds - 1, nanoseconds + 1e9] : [seconds, nanoseconds];
  },
  nextTick: (task, ...content) => queueMicrotask(() => task(...content)),
};
