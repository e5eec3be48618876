//! The last offset of every key, in bounded memory.

use std::hash::{DefaultHasher, Hasher as _};

use crate::types::Offset;

/// Bytes that a key takes.
const SLOT_SIZE: u64 = size_of::<Slot>() as u64;

/// As few slots as there are ever.
const MIN_SLOTS: usize = 16;

/// A key by its digest, so that its length does not matter, as in Kafka's `SkimpyOffsetMap`. Two keys of one digest would be
/// taken for the same, and one be lost: of 128 bits, under seeds that nobody knows beforehand, that does not happen.
#[derive(Clone, Copy, Debug)]
struct Slot {
    digest: [u64; 2],
    /// -1 for a free slot.
    offset: Offset,
}

const FREE: Slot = Slot { digest: [0; 2], offset: -1 };

/// Keys and the last offset of each; open addressing, at most three quarters full.
#[derive(Debug)]
pub(crate) struct KeyMap {
    slots: Vec<Slot>,
    used: usize,
    max_slots: usize,
    seeds: [u64; 2],
}

impl KeyMap {
    /// A map that takes at most `max_bytes`, also while it grows.
    pub(crate) fn new(max_bytes: u64, seeds: [u64; 2]) -> KeyMap {
        // While it grows, there are the old slots and twice as many new ones.
        let fitting = usize::try_from(max_bytes / SLOT_SIZE / 3 * 2).unwrap_or(usize::MAX >> 1);
        let max_slots = (fitting.saturating_add(1).next_power_of_two() / 2).max(MIN_SLOTS);
        KeyMap { slots: vec![FREE; MIN_SLOTS], used: 0, max_slots, seeds }
    }

    /// Notes that a key stands at an offset, which is not below those before. False if there is no room for the key.
    pub(crate) fn put(&mut self, key: &[u8], offset: Offset) -> bool {
        let digest = self.digest(key);
        let at = self.find(digest);
        if self.slots[at].offset >= 0 {
            self.slots[at].offset = offset;
            return true;
        }
        if (self.used + 1) * 4 > self.slots.len() * 3 && !self.grow() {
            return false;
        }
        let at = self.find(digest);
        self.slots[at] = Slot { digest, offset };
        self.used += 1;
        true
    }

    /// The last offset of a key, if it was put.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Offset> {
        let slot = self.slots[self.find(self.digest(key))];
        (slot.offset >= 0).then_some(slot.offset)
    }

    fn digest(&self, key: &[u8]) -> [u64; 2] {
        self.seeds.map(|seed| {
            let mut hasher = DefaultHasher::new();
            hasher.write_u64(seed);
            hasher.write(key);
            hasher.finish()
        })
    }

    /// The slot of a digest, or the free one that it would get.
    fn find(&self, digest: [u64; 2]) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = usize::try_from(digest[0] & mask as u64).unwrap_or(0);
        while self.slots[at].offset >= 0 && self.slots[at].digest != digest {
            at = (at + 1) & mask;
        }
        at
    }

    /// Doubles the slots; false if there may not be as many, or memory is short.
    fn grow(&mut self) -> bool {
        let wanted = self.slots.len() * 2;
        let mut larger = Vec::new();
        if wanted > self.max_slots || larger.try_reserve_exact(wanted).is_err() {
            return false;
        }
        larger.resize(wanted, FREE);
        let old = std::mem::replace(&mut self.slots, larger);
        for slot in old.into_iter().filter(|slot| slot.offset >= 0) {
            let at = self.find(slot.digest);
            self.slots[at] = slot;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_offset_of_a_key_counts() {
        let mut map = KeyMap::new(1 << 20, [1, 2]);
        for offset in 0..5_000 {
            assert!(map.put(format!("key {}", offset % 700).as_bytes(), offset));
        }
        assert_eq!(map.used, 700);
        assert_eq!(map.get(b"key 0"), Some(4_900));
        assert_eq!(map.get(b"key 99"), Some(4_999));
        assert_eq!(map.get(b"key 100"), Some(4_300));
        assert_eq!(map.get(b"key 700"), None);
        assert_eq!(map.get(b""), None);
    }

    #[test]
    fn it_takes_no_more_than_it_may() {
        for max_bytes in [0, 1_000, 100_000] {
            let mut map = KeyMap::new(max_bytes, [1, 2]);
            let full = (0..).find(|offset: &i64| !map.put(&offset.to_be_bytes(), *offset)).unwrap();
            assert_eq!(map.used as i64, full);
            assert!(map.slots.len() == MIN_SLOTS || map.slots.len() as u64 * SLOT_SIZE * 3 / 2 <= max_bytes);
            assert!(map.slots.len() == MIN_SLOTS || map.slots.len() as u64 * SLOT_SIZE * 4 >= max_bytes);
            // What is there can be put again.
            assert!(map.put(&0_i64.to_be_bytes(), full));
            assert_eq!(map.get(&0_i64.to_be_bytes()), Some(full));
        }
    }
}
