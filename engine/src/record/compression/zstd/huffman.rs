//! Huffman codes of literals (section 4.2).

use super::bits::Backward;
use super::{Corrupt, fse, take, take_byte};

const MAX_BITS: u32 = 11;

/// For every `max_bits` bits, the symbol they begin with and how many of them it takes.
pub(super) struct Table {
    entries: Vec<(u8, u8)>,
    max_bits: u32,
}

impl Table {
    /// Reads the description of a code off the front of `input`.
    pub(super) fn read(input: &mut &[u8]) -> Result<Table, Corrupt> {
        let header = usize::from(take_byte(input)?);
        let weights = match header.checked_sub(127) {
            Some(count) => {
                let bytes = take(input, count.div_ceil(2))?;
                bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]).take(count).collect()
            }
            None => coded_weights(take(input, header)?)?,
        };
        Table::from_weights(weights)
    }

    /// The weight of the last symbol is not written: it fills up the code.
    fn from_weights(mut weights: Vec<u8>) -> Result<Table, Corrupt> {
        if weights.len() > 255 || weights.iter().any(|&weight| u32::from(weight) > MAX_BITS) {
            return Err(Corrupt);
        }
        let share = |&weight: &u8| (1u32 << weight) >> 1;
        let sum: u32 = weights.iter().map(share).sum();
        let max_bits = sum.checked_ilog2().ok_or(Corrupt)? + 1;
        let left = (1u32 << max_bits) - sum;
        if max_bits > MAX_BITS || !left.is_power_of_two() {
            return Err(Corrupt);
        }
        weights.push(left.ilog2() as u8 + 1);
        let mut entries = Vec::with_capacity(1 << max_bits);
        for weight in 1..=max_bits as u8 {
            let bits = max_bits as u8 + 1 - weight;
            for (symbol, _) in (0..=255u8).zip(&weights).filter(|(_, of_symbol)| **of_symbol == weight) {
                entries.resize(entries.len() + (1 << (weight - 1)), (symbol, bits));
            }
        }
        if entries.len() == 1 << max_bits { Ok(Table { entries, max_bits }) } else { Err(Corrupt) }
    }

    /// Decodes one stream of `count` symbols, and nothing may be left of it.
    pub(super) fn decode(&self, stream: &[u8], count: usize, out: &mut Vec<u8>) -> Result<(), Corrupt> {
        let mut bits = Backward::new(stream)?;
        for _ in 0..count {
            let (symbol, size) = self.entries[bits.peek(self.max_bits) as usize];
            bits.read(u32::from(size))?;
            out.push(symbol);
        }
        if bits.left() == 0 { Ok(()) } else { Err(Corrupt) }
    }
}

/// Weights written as two alternating states of one FSE table (section 4.2.1.2). They end when the bits do.
fn coded_weights(mut input: &[u8]) -> Result<Vec<u8>, Corrupt> {
    let table = fse::Table::read(&mut input, 6, MAX_BITS as usize)?;
    let mut bits = Backward::new(input)?;
    let mut states = [table.start(&mut bits)?, table.start(&mut bits)?];
    let mut weights = Vec::new();
    for turn in (0..2).cycle() {
        weights.push(table.symbol(states[turn]));
        if table.advance(&mut states[turn], &mut bits).is_err() {
            weights.push(table.symbol(states[1 - turn]));
            break;
        }
        // A table of one symbol takes no bits, and would go on for ever.
        if weights.len() > 255 {
            return Err(Corrupt);
        }
    }
    Ok(weights)
}
