//! Kafka's numbers of variable length: zigzag, then seven bits a byte, lowest first, as Protocol Buffers have them.

/// Takes a 64-bit number off the front of `bytes`; `None` if it is cut off or longer than 64 bits.
pub(super) fn take_varlong(bytes: &mut &[u8]) -> Option<i64> {
    let (&first, rest) = bytes.split_first()?;
    // One byte is by far the most frequent length: deltas of offsets and timestamps, and short lengths.
    if first < 0x80 {
        *bytes = rest;
        return Some(unzigzag(u64::from(first)));
    }
    let mut value = u64::from(first & 0x7f);
    for (index, &byte) in rest.iter().enumerate().take(9) {
        let shift = 7 * (index + 1);
        if shift == 63 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            *bytes = &rest[index + 1..];
            return Some(unzigzag(value));
        }
    }
    None
}

/// Takes a 32-bit number off the front of `bytes`; `None` if it is cut off or larger than that.
pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<i32> {
    take_varlong(bytes).and_then(|value| i32::try_from(value).ok())
}

/// The bytes that [`put_varlong`] needs for `value`.
pub(super) fn varlong_size(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// Writes `value` to the start of `out` and returns how many bytes it took.
pub(super) fn put_varlong(out: &mut [u8], value: i64) -> usize {
    let mut rest = zigzag(value);
    let mut size = 0;
    while rest >= 0x80 {
        out[size] = (rest as u8) | 0x80;
        rest >>= 7;
        size += 1;
    }
    out[size] = rest as u8;
    size + 1
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}
