//! Finite state entropy (section 4.1): symbols whose codes take fractions of bits.

use super::Corrupt;
use super::bits::{Backward, Forward};

/// What a state stands for, and how the next one is found.
#[derive(Clone, Copy, Default)]
struct Entry {
    symbol: u8,
    /// Bits to read for the next state,
    bits: u8,
    /// which is this plus those.
    base: u16,
}

/// A decoding table of at most 512 states.
#[derive(Clone)]
pub(super) struct Table {
    entries: Vec<Entry>,
    accuracy_log: u32,
}

impl Table {
    /// The table of one symbol, which takes no bits.
    pub(super) fn of_one(symbol: u8) -> Table {
        Table { entries: vec![Entry { symbol, bits: 0, base: 0 }], accuracy_log: 0 }
    }

    /// Reads a description off the front of `input` (section 4.1.1).
    pub(super) fn read(
        input: &mut &[u8],
        max_accuracy_log: u32,
        max_symbol: usize,
    ) -> Result<Table, Corrupt> {
        let mut bits = Forward::new(input);
        let accuracy_log = bits.peek(4) + 5;
        bits.skip(4);
        if accuracy_log > max_accuracy_log {
            return Err(Corrupt);
        }
        let mut counts = Vec::new();
        let mut left = 1i32 << accuracy_log;
        while left > 0 {
            let count = read_count(&mut bits, left);
            left -= i32::from(count.abs());
            counts.push(count);
            let mut more_zeros = count == 0;
            while more_zeros {
                let zeros = bits.peek(2);
                bits.skip(2);
                counts.resize(counts.len() + zeros as usize, 0);
                more_zeros = zeros == 3 && counts.len() <= max_symbol;
            }
            if counts.len() > max_symbol + 1 {
                return Err(Corrupt);
            }
        }
        *input = input.get(bits.bytes_read()?..).ok_or(Corrupt)?;
        if left < 0 { Err(Corrupt) } else { Table::from_counts(&counts, accuracy_log) }
    }

    /// The table in which each symbol has as many states as `counts` says; -1 is one state that takes all bits.
    /// The states have to add up to `1 << accuracy_log`.
    pub(super) fn from_counts(counts: &[i16], accuracy_log: u32) -> Result<Table, Corrupt> {
        let size = 1usize << accuracy_log;
        let mut entries = vec![Entry::default(); size];
        let mut next: Vec<u16> = counts.iter().map(|count| count.unsigned_abs()).collect();
        let mut end = size;
        for (symbol, _) in (0..).zip(counts).filter(|(_, count)| **count == -1) {
            end = end.checked_sub(1).ok_or(Corrupt)?;
            entries[end].symbol = symbol;
        }
        let step = (size >> 1) + (size >> 3) + 3;
        let mut at = 0;
        for (symbol, &count) in (0..).zip(counts) {
            for _ in 0..count.max(0) {
                entries[at].symbol = symbol;
                at = (at + step) % size;
                while at >= end {
                    at = (at + step) % size;
                }
            }
        }
        if at != 0 {
            return Err(Corrupt);
        }
        for entry in &mut entries {
            let next = &mut next[usize::from(entry.symbol)];
            let state = u32::from((*next).max(1));
            let bits = accuracy_log.saturating_sub(state.ilog2());
            entry.bits = bits as u8;
            entry.base = ((state << bits) as usize).saturating_sub(size) as u16;
            *next += 1;
        }
        Ok(Table { entries, accuracy_log })
    }

    pub(super) fn start(&self, bits: &mut Backward<'_>) -> Result<State, Corrupt> {
        bits.read(self.accuracy_log).map(|index| State { index: index as usize })
    }

    pub(super) fn symbol(&self, state: State) -> u8 {
        self.entries[state.index].symbol
    }

    /// Goes on to the next state; an error if the bits do not suffice.
    pub(super) fn advance(&self, state: &mut State, bits: &mut Backward<'_>) -> Result<(), Corrupt> {
        let entry = self.entries[state.index];
        state.index = usize::from(entry.base) + bits.read(u32::from(entry.bits))? as usize;
        Ok(())
    }
}

/// Where a decoder is in the table it belongs to.
#[derive(Clone, Copy)]
pub(super) struct State {
    index: usize,
}

/// One count of a description, when `left` states have not been given to any symbol. Values that cannot be used up
/// by a longer code take a bit less.
fn read_count(bits: &mut Forward<'_>, left: i32) -> i16 {
    let most = left.cast_unsigned() + 1;
    let size = most.ilog2() + 1;
    let value = bits.peek(size);
    let low = value & ((1 << (size - 1)) - 1);
    let threshold = (1 << size) - 1 - most;
    let value = if low < threshold {
        bits.skip(size - 1);
        low
    } else {
        bits.skip(size);
        if value >= 1 << (size - 1) { value - threshold } else { value }
    };
    value as i16 - 1
}
