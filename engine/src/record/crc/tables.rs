//! CRC-32C where no processor helps: in wasm.
//!
//! A table of bytes is too slow for a broker. Eight tables take eight bytes in one step, and since each step waits
//! for the one before, three stretches of the input are worked on side by side. The state after the first stretch
//! then has to be moved on as if the zeros of the second had followed, which takes four more tables.
//!
//! The tables have fixed addresses, which wasm wants to be fast, and are filled at first use: 12 KB that do not
//! compress would otherwise be part of every download. A relaxed atomic load is an ordinary load.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32};

/// The Castagnoli polynomial with its bits reversed (RFC 3720, section 12.1).
pub(super) const POLYNOMIAL: u32 = 0x82f6_3b78;

/// The bytes of one of the three stretches.
const STRETCH: usize = 1024;

type Table = [AtomicU32; 256];

/// `STEP[k][b]`: what byte `b` does to the state when `k` more bytes follow it in the same step.
static STEP: [Table; 8] = [const { [const { AtomicU32::new(0) }; 256] }; 8];

/// `SKIP[k][b]`: what byte `k` of the state, being `b`, becomes after [`STRETCH`] zeros.
static SKIP: [Table; 4] = [const { [const { AtomicU32::new(0) }; 256] }; 4];

static TABLES_ARE_FILLED: AtomicBool = AtomicBool::new(false);

/// The CRC-32C (Castagnoli) of `bytes`.
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    if !TABLES_ARE_FILLED.load(Acquire) {
        fill_tables();
    }
    let mut state = !0;
    let mut rest = bytes;
    while let Some((three, after)) = rest.split_at_checked(3 * STRETCH) {
        state = three_stretches(state, three);
        rest = after;
    }
    !update(state, rest)
}

/// Takes in any number of bytes.
fn update(state: u32, bytes: &[u8]) -> u32 {
    let (words, tail) = bytes.as_chunks::<8>();
    let state = words.iter().fold(state, |state, &eight| step(state, eight));
    tail.iter().fold(state, |state, byte| (state >> 8) ^ at(&STEP[0], state.to_le_bytes()[0] ^ byte))
}

/// Takes in `bytes`, three times [`STRETCH`] of them.
fn three_stretches(state: u32, bytes: &[u8]) -> u32 {
    let (first, rest) = bytes.split_at(STRETCH);
    let (second, third) = rest.split_at(STRETCH);
    let words = |stretch| <[u8]>::as_chunks::<8>(stretch).0.iter();
    let (mut a, mut b, mut c) = (state, 0, 0);
    for ((&first, &second), &third) in words(first).zip(words(second)).zip(words(third)) {
        a = step(a, first);
        b = step(b, second);
        c = step(c, third);
    }
    skip(skip(a) ^ b) ^ c
}

/// Takes in eight bytes.
#[inline(always)]
fn step(state: u32, [a, b, c, d, e, f, g, h]: [u8; 8]) -> u32 {
    let [a, b, c, d] = (u32::from_le_bytes([a, b, c, d]) ^ state).to_le_bytes();
    // As a tree, so that no exclusive-or waits for more than two others.
    ((at(&STEP[3], e) ^ at(&STEP[2], f)) ^ (at(&STEP[1], g) ^ at(&STEP[0], h)))
        ^ ((at(&STEP[7], a) ^ at(&STEP[6], b)) ^ (at(&STEP[5], c) ^ at(&STEP[4], d)))
}

/// The state after [`STRETCH`] zeros.
fn skip(state: u32) -> u32 {
    let [a, b, c, d] = state.to_le_bytes();
    at(&SKIP[0], a) ^ at(&SKIP[1], b) ^ at(&SKIP[2], c) ^ at(&SKIP[3], d)
}

#[inline(always)]
fn at(table: &Table, byte: u8) -> u32 {
    table[usize::from(byte)].load(Relaxed)
}

/// Takes some 20 µs. Threads that do it at the same time write the same values.
#[cold]
fn fill_tables() {
    let bit = |crc: u32, _| (crc >> 1) ^ (POLYNOMIAL & 0u32.wrapping_sub(crc & 1));
    let byte: [u32; 256] = std::array::from_fn(|byte| (0..8).fold(byte as u32, bit));
    let zero = |crc: u32| (crc >> 8) ^ byte[(crc & 0xff) as usize];
    let mut step = byte;
    for table in &STEP {
        for (entry, value) in table.iter().zip(step) {
            entry.store(value, Relaxed);
        }
        step = step.map(zero);
    }
    // The checksum is linear: every bit of the state has its effect, and they add up.
    let bits: [u32; 32] = std::array::from_fn(|bit| (0..STRETCH).fold(1 << bit, |crc, _| zero(crc)));
    for (table, bits) in SKIP.iter().zip(bits.as_chunks::<8>().0) {
        for (byte, entry) in table.iter().enumerate() {
            let set = bits.iter().enumerate().filter(|(bit, _)| byte >> bit & 1 == 1);
            entry.store(set.fold(0, |crc, (_, effect)| crc ^ effect), Relaxed);
        }
    }
    TABLES_ARE_FILLED.store(true, Release);
}
