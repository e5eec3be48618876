// Where a key goes: murmur2 as Kafka's clients have it, its sign dropped, modulo the partitions.

const M = 0x5bd1e995;

/** The partition of a key. */
export function partitionOf(key, partitions) {
  const bytes = new TextEncoder().encode(key);
  const view = new DataView(bytes.buffer);
  let hash = 0x9747b28c ^ bytes.length;
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) {
    const word = Math.imul(view.getInt32(at, true), M);
    hash = Math.imul(hash, M) ^ Math.imul(word ^ (word >>> 24), M);
  }
  const rest = bytes.subarray(at);
  if (rest.length > 0) {
    rest.forEach((byte, index) => { hash ^= byte << (8 * index); });
    hash = Math.imul(hash, M);
  }
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return ((hash ^ (hash >>> 15)) & 0x7fffffff) % partitions;
}
