//! The bytes of a block that no match provides (section 3.1.1.3.1).

use super::{Corrupt, MAX_BLOCK_SIZE, huffman, take, take_byte, take_number};

/// Takes the literals section off the front of `block` and decodes it.
pub(super) fn decode(block: &mut &[u8], table: &mut Option<huffman::Table>) -> Result<Vec<u8>, Corrupt> {
    let first = *block.first().ok_or(Corrupt)?;
    let format = first >> 2 & 3;
    if first & 3 < 2 {
        let (header_size, shift) = [(1, 3), (2, 4), (1, 3), (3, 4)][usize::from(format)];
        let size = checked_size(take_number(block, header_size)? >> shift)?;
        return match first & 3 {
            0 => take(block, size).map(<[u8]>::to_vec),
            _ => take_byte(block).map(|byte| vec![byte; size]),
        };
    }
    let (header_size, size_bits) = [(3, 10), (3, 10), (4, 14), (5, 18)][usize::from(format)];
    let header = take_number(block, header_size)? >> 4;
    let size = checked_size(header & ((1 << size_bits) - 1))?;
    let mut streams = take(block, checked_size(header >> size_bits)?)?;
    if first & 3 == 2 {
        *table = Some(huffman::Table::read(&mut streams)?);
    }
    // Literals without a table of their own use the block's before.
    let table = table.as_ref().ok_or(Corrupt)?;
    let mut out = Vec::with_capacity(size);
    if format == 0 {
        table.decode(streams, size, &mut out)?;
    } else {
        decode_four(table, streams, size, &mut out)?;
    }
    Ok(out)
}

fn checked_size(size: u64) -> Result<usize, Corrupt> {
    usize::try_from(size).ok().filter(|&size| size <= MAX_BLOCK_SIZE).ok_or(Corrupt)
}

/// Four streams, whose sizes come first but for the last; all but the last decode to the same size.
fn decode_four(
    table: &huffman::Table,
    mut streams: &[u8],
    size: usize,
    out: &mut Vec<u8>,
) -> Result<(), Corrupt> {
    let mut jump_table = take(&mut streams, 6)?;
    let quarter = size.div_ceil(4);
    for _ in 0..3 {
        let stream = checked_size(take_number(&mut jump_table, 2)?)?;
        table.decode(take(&mut streams, stream)?, quarter, out)?;
    }
    table.decode(streams, size.checked_sub(3 * quarter).ok_or(Corrupt)?, out)
}
