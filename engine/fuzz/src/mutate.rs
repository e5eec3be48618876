//! Inputs made of others by chance, from a number: the same number, the same input.

use headwater_engine::random::SplitMix64;

struct Random(SplitMix64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// From 0 to `bound`, exclusive; 0 if that is empty.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % (bound.max(1) as u64)).unwrap_or(0)
    }

    /// More often small than large, from 1 to `bound`.
    fn length(&mut self, bound: usize) -> usize {
        let bits = self.below(bound.max(1).ilog2() as usize + 1);
        1 + self.below((2 << bits).min(bound.max(1)))
    }
}

/// Lengths, counts and offsets at which code tends to break, as the lowest bytes of a big-endian number.
const EDGES: [i64; 16] = [
    0,
    1,
    2,
    -1,
    -2,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    i32::MAX as i64,
    i32::MIN as i64,
    0x0fff_ffff,
    i64::MAX,
    i64::MIN,
];

/// The longest input that is made.
const MAX_LENGTH: usize = 64 * 1024;

/// The input of a number, made of one or two of `corpus`.
#[must_use]
pub fn case(number: u64, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut random = Random(SplitMix64::new(number));
    let any = |random: &mut Random| corpus.get(random.below(corpus.len())).cloned().unwrap_or_default();
    let mut bytes = any(&mut random);
    for _ in 0..random.length(8) {
        if random.below(8) == 0 {
            let other = any(&mut random);
            splice(&mut random, &mut bytes, &other);
        } else {
            change(&mut random, &mut bytes);
        }
    }
    bytes.truncate(MAX_LENGTH);
    bytes
}

fn change(random: &mut Random, bytes: &mut Vec<u8>) {
    let at = random.below(bytes.len());
    let length = random.length(bytes.len() - at);
    match random.below(10) {
        _ if bytes.is_empty() => bytes.extend((0..length).map(|_| random.next() as u8)),
        0..=2 => bytes[at] ^= 1 << random.below(8),
        3 => bytes[at] = random.next() as u8,
        4 => bytes[at] = bytes[at].wrapping_add(if random.below(2) == 0 { 1 } else { 0xff }),
        5 | 6 => {
            let edge = EDGES[random.below(EDGES.len())].to_be_bytes();
            let width = (1 << random.below(4)).min(bytes.len() - at);
            bytes[at..at + width].copy_from_slice(&edge[8 - width..]);
        }
        7 => drop(bytes.drain(at..at + length.min(bytes.len() - at))),
        8 => {
            let again = bytes[at..at + length.min(bytes.len() - at)].to_vec();
            bytes.splice(at..at, again);
        }
        _ => bytes.truncate(at),
    }
}

/// Puts a part of another input somewhere, over what is there or between.
fn splice(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    let from = random.below(other.len());
    let part = &other[from..(from + random.length(other.len() - from)).min(other.len())];
    let at = random.below(bytes.len() + 1);
    let end = if random.below(2) == 0 { at } else { (at + part.len()).min(bytes.len()) };
    bytes.splice(at..end, part.iter().copied());
}
