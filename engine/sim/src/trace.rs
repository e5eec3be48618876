//! What happened, for people, and as one number: the same seed has to give the same number.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};

/// FNV-1a, 64 bits.
const HASH_START: u64 = 0xcbf2_9ce4_8422_2325;
const HASH_PRIME: u64 = 0x0000_0100_0000_01b3;

/// The lines of a run: all of them in the hash, the last ones as text.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    tail: VecDeque<String>,
    keep: usize,
    now_ms: u64,
}

impl Trace {
    /// `keep`: how many of the last lines are kept.
    pub(crate) fn new(keep: usize) -> Trace {
        Trace { hash: HASH_START, tail: VecDeque::with_capacity(keep), keep, now_ms: 0 }
    }

    pub(crate) fn set_time(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    pub(crate) fn say(&mut self, what: fmt::Arguments<'_>) {
        let mut line = if self.tail.len() >= self.keep {
            self.tail.pop_front().unwrap_or_default()
        } else {
            String::new()
        };
        line.clear();
        // Writing to a string cannot fail.
        let _written = write!(line, "{:>7} ms  {what}", self.now_ms);
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(HASH_PRIME);
        }
        self.tail.push_back(line);
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn tail(&self) -> impl Iterator<Item = &str> {
        self.tail.iter().map(String::as_str)
    }
}
