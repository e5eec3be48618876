//! Reading bits: from the front for table descriptions, from the back for everything coded.

use super::Corrupt;

/// Reads from the lowest bit of the first byte on.
pub(super) struct Forward<'a> {
    bytes: &'a [u8],
    /// Bits read.
    position: usize,
}

impl<'a> Forward<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Forward<'a> {
        Forward { bytes, position: 0 }
    }

    /// The next `count` bits, at most 16. Behind the end come zeros; [`Forward::bytes_read`] tells.
    pub(super) fn peek(&self, count: u32) -> u32 {
        let byte = |k: usize| u32::from(self.bytes.get(self.position / 8 + k).copied().unwrap_or(0));
        let three = byte(0) | byte(1) << 8 | byte(2) << 16;
        three >> (self.position % 8) & ((1 << count) - 1)
    }

    pub(super) fn skip(&mut self, count: u32) {
        self.position += count as usize;
    }

    /// The bytes that were begun.
    pub(super) fn bytes_read(&self) -> Result<usize, Corrupt> {
        let bytes = self.position.div_ceil(8);
        if bytes <= self.bytes.len() { Ok(bytes) } else { Err(Corrupt) }
    }
}

/// Reads from below the highest set bit of the last byte down to the first (section 4.1).
pub(super) struct Backward<'a> {
    bytes: &'a [u8],
    /// Bits left.
    left: usize,
}

impl<'a> Backward<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Backward<'a>, Corrupt> {
        let last = *bytes.last().filter(|&&last| last != 0).ok_or(Corrupt)?;
        Ok(Backward { bytes, left: bytes.len() * 8 - last.leading_zeros() as usize - 1 })
    }

    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// The next `count` bits, at most 32; zeros follow the last one.
    #[inline]
    pub(super) fn peek(&self, count: u32) -> u64 {
        let mask = (1 << count) - 1;
        match self.left.checked_sub(count as usize) {
            Some(low) => self.word(low / 8) >> (low % 8) & mask,
            None => self.word(0) << (count as usize - self.left) & mask,
        }
    }

    /// Takes `count` bits that there have to be.
    #[inline]
    pub(super) fn read(&mut self, count: u32) -> Result<u64, Corrupt> {
        let bits = self.peek(count);
        self.left = self.left.checked_sub(count as usize).ok_or(Corrupt)?;
        Ok(bits)
    }

    /// Eight bytes from `at` on, as far as there are any, without the bits above the first one to read.
    #[inline]
    fn word(&self, at: usize) -> u64 {
        let bytes = &self.bytes[at.min(self.bytes.len())..];
        let word = match bytes.first_chunk() {
            Some(eight) => u64::from_le_bytes(*eight),
            None => bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        match self.left - at * 8 {
            bits @ 0..64 => word & ((1 << bits) - 1),
            _ => word,
        }
    }
}
