//! Bytes that do not compress: they take the room in a database that their length says.

/// So many of them, always the same.
pub(crate) fn noise(length: u32) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    (0..length).map(next).collect()
}
