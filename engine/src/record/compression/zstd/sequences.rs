//! Sequences: so many literals, then so many bytes from so far back (section 3.1.1.3.2).

use super::bits::Backward;
use super::fse::Table;
use super::{Corrupt, Failure, Output, take_byte, take_number};

/// What the sequences of a block leave behind for those of the next.
pub(super) struct Context {
    literal_lengths: Option<Table>,
    offsets: Option<Table>,
    match_lengths: Option<Table>,
    /// The last three offsets, the most recent first.
    recent: [usize; 3],
}

impl Default for Context {
    fn default() -> Context {
        Context { literal_lengths: None, offsets: None, match_lengths: None, recent: [1, 4, 8] }
    }
}

/// Decodes the sequences section that `block` is, and writes what it and `literals` make.
pub(super) fn execute(
    mut block: &[u8],
    mut literals: &[u8],
    out: &mut Output<'_>,
    context: &mut Context,
) -> Result<(), Failure> {
    let count = sequence_count(&mut block)?;
    if count == 0 {
        return if block.is_empty() { out.extend(literals) } else { Err(Failure::Corrupt) };
    }
    context.read_tables(&mut block)?;
    let mut sequences = Sequences::new(context, block)?;
    for left in (0..count).rev() {
        let sequence = sequences.read(left == 0)?;
        let (now, rest) = literals.split_at_checked(sequence.literal_length).ok_or(Corrupt)?;
        literals = rest;
        out.extend(now)?;
        out.repeat(sequence.offset, sequence.match_length)?;
    }
    if sequences.bits.left() > 0 {
        return Err(Failure::Corrupt);
    }
    context.recent = sequences.recent;
    out.extend(literals)
}

fn sequence_count(block: &mut &[u8]) -> Result<usize, Corrupt> {
    Ok(match usize::from(take_byte(block)?) {
        first @ 0..128 => first,
        first @ 128..255 => (first - 128) << 8 | usize::from(take_byte(block)?),
        _ => take_number(block, 2)? as usize + 0x7f00,
    })
}

impl Context {
    fn read_tables(&mut self, block: &mut &[u8]) -> Result<(), Corrupt> {
        let modes = take_byte(block)?;
        if modes & 3 != 0 {
            return Err(Corrupt);
        }
        read_table(modes >> 6, block, &mut self.literal_lengths, &LITERAL_LENGTHS)?;
        read_table(modes >> 4 & 3, block, &mut self.offsets, &OFFSETS)?;
        read_table(modes >> 2 & 3, block, &mut self.match_lengths, &MATCH_LENGTHS)
    }
}

fn read_table(mode: u8, block: &mut &[u8], table: &mut Option<Table>, kind: &Kind) -> Result<(), Corrupt> {
    match mode {
        0 => *table = Some(Table::from_counts(kind.default_counts, kind.default_accuracy_log)?),
        1 => {
            let symbol = take_byte(block)?;
            if usize::from(symbol) > kind.max_symbol {
                return Err(Corrupt);
            }
            *table = Some(Table::of_one(symbol));
        }
        2 => *table = Some(Table::read(block, kind.max_accuracy_log, kind.max_symbol)?),
        // The table of the block before, if there was one.
        _ => return table.as_ref().map(drop).ok_or(Corrupt),
    }
    Ok(())
}

struct Sequence {
    literal_length: usize,
    offset: usize,
    match_length: usize,
}

/// Reads sequences one after the other.
struct Sequences<'a> {
    literal_lengths: (&'a Table, super::fse::State),
    offsets: (&'a Table, super::fse::State),
    match_lengths: (&'a Table, super::fse::State),
    recent: [usize; 3],
    bits: Backward<'a>,
}

impl<'a> Sequences<'a> {
    fn new(context: &'a Context, stream: &'a [u8]) -> Result<Sequences<'a>, Corrupt> {
        let mut bits = Backward::new(stream)?;
        let mut start = |table: &'a Option<Table>| {
            let table = table.as_ref().ok_or(Corrupt)?;
            Ok((table, table.start(&mut bits)?))
        };
        let (literal_lengths, offsets) = (start(&context.literal_lengths)?, start(&context.offsets)?);
        let match_lengths = start(&context.match_lengths)?;
        Ok(Sequences { literal_lengths, offsets, match_lengths, recent: context.recent, bits })
    }

    fn read(&mut self, is_last: bool) -> Result<Sequence, Corrupt> {
        let bits = &mut self.bits;
        let offset_code = u32::from(self.offsets.0.symbol(self.offsets.1));
        let offset_value = (1usize << offset_code) + bits.read(offset_code)? as usize;
        let match_length =
            read_length(self.match_lengths.0.symbol(self.match_lengths.1), &MATCH_CODES, 3, bits)?;
        let literal_length =
            read_length(self.literal_lengths.0.symbol(self.literal_lengths.1), &LITERAL_CODES, 0, bits)?;
        if !is_last {
            self.literal_lengths.0.advance(&mut self.literal_lengths.1, bits)?;
            self.match_lengths.0.advance(&mut self.match_lengths.1, bits)?;
            self.offsets.0.advance(&mut self.offsets.1, bits)?;
        }
        let offset = self.offset(offset_value, literal_length == 0)?;
        Ok(Sequence { literal_length, offset, match_length })
    }

    /// Values up to 3 are recent offsets; without literals the most recent one makes no sense, and they mean the
    /// ones after it (section 3.1.1.5).
    fn offset(&mut self, value: usize, no_literals: bool) -> Result<usize, Corrupt> {
        let [first, second, third] = self.recent;
        let (offset, recent) = match value + usize::from(no_literals && value <= 3) {
            1 => (first, [first, second, third]),
            2 => (second, [second, first, third]),
            3 if value <= 3 => (third, [third, first, second]),
            4 if value <= 3 => (first - 1, [first - 1, first, second]),
            _ => (value - 3, [value - 3, first, second]),
        };
        if offset == 0 {
            return Err(Corrupt);
        }
        self.recent = recent;
        Ok(offset)
    }
}

/// A code below the first of `codes` is a length by itself, plus `least`; the others have a base and further bits.
fn read_length(
    code: u8,
    codes: &[(u32, u8)],
    least: usize,
    bits: &mut Backward<'_>,
) -> Result<usize, Corrupt> {
    let plain = if least == 0 { 16 } else { 32 };
    let Some(index) = usize::from(code).checked_sub(plain) else { return Ok(usize::from(code) + least) };
    let (base, size) = *codes.get(index).ok_or(Corrupt)?;
    Ok(base as usize + bits.read(u32::from(size))? as usize)
}

/// Base and further bits of the literal length codes from 16 on.
const LITERAL_CODES: [(u32, u8); 20] = [
    (16, 1),
    (18, 1),
    (20, 1),
    (22, 1),
    (24, 2),
    (28, 2),
    (32, 3),
    (40, 3),
    (48, 4),
    (64, 6),
    (128, 7),
    (256, 8),
    (512, 9),
    (1024, 10),
    (2048, 11),
    (4096, 12),
    (8192, 13),
    (16384, 14),
    (32768, 15),
    (65536, 16),
];

/// Base and further bits of the match length codes from 32 on.
const MATCH_CODES: [(u32, u8); 21] = [
    (35, 1),
    (37, 1),
    (39, 1),
    (41, 1),
    (43, 2),
    (47, 2),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 5),
    (131, 7),
    (259, 8),
    (515, 9),
    (1027, 10),
    (2051, 11),
    (4099, 12),
    (8195, 13),
    (16387, 14),
    (32771, 15),
    (65539, 16),
];

/// What is particular about the tables of one of the three codes.
struct Kind {
    max_symbol: usize,
    max_accuracy_log: u32,
    default_accuracy_log: u32,
    default_counts: &'static [i16],
}

const LITERAL_LENGTHS: Kind = Kind {
    max_symbol: 35,
    max_accuracy_log: 9,
    default_accuracy_log: 6,
    default_counts: &[
        4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1,
        -1, -1, -1,
    ],
};

const OFFSETS: Kind = Kind {
    max_symbol: 31,
    max_accuracy_log: 8,
    default_accuracy_log: 5,
    default_counts: &[
        1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1,
    ],
};

const MATCH_LENGTHS: Kind = Kind {
    max_symbol: 52,
    max_accuracy_log: 9,
    default_accuracy_log: 6,
    default_counts: &[
        1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
    ],
};
