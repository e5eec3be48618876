//! Our decoder against another one, and against input that means harm.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn corrupt() -> RecordError {
    RecordError::CorruptCompression { compression: Compression::Zstd }
}

/// A frame of one block with this header's kind, size and content.
fn frame_of(kind: u32, size: u32, content: &[u8]) -> Vec<u8> {
    let header = (size << 3 | kind << 1 | 1).to_le_bytes();
    [&MAGIC[..], &[0, 0x70], &header[..3], content].concat()
}

#[test]
fn frames_follow_each_other_and_some_are_skipped() {
    let skipped = [0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let input = [frame_of(0, 3, b"abc"), skipped.to_vec(), frame_of(1, 5, b"x")].concat();
    assert_eq!(decompress(&input, 8).unwrap(), b"abcxxxxx");
    assert_eq!(decompress(&input, 7), Err(RecordError::RecordsTooLarge { limit: 7 }));
    assert_eq!(decompress(&input[..input.len() - 1], 8), Err(corrupt()));
    assert_eq!(decompress(&frame_of(3, 1, b"x"), 8), Err(corrupt()));
    assert_eq!(decompress(b"", 8), Err(corrupt()));
}

/// Two bytes make 65 KiB here, so that a block of 128 KiB could become four gigabytes.
fn block_of_long_matches(count: u32) -> Vec<u8> {
    let literals = (count << 4 | 0b1101).to_le_bytes(); // as many equal bytes as there are sequences
    let [low, high] = u16::try_from(count - 0x7f00).unwrap().to_le_bytes();
    // All codes are given once and take no bits: one literal, offset 1, a match of 65,539 and 16 bits more.
    let mut block = [&literals[..3], b"a", &[255, low, high], &[0b0101_0100, 1, 0, 52]].concat();
    block.resize(block.len() + 2 * count as usize, 0);
    block.push(1);
    block
}

#[test]
fn a_block_that_would_become_gigabytes_is_refused() {
    let block = block_of_long_matches(0x7f00);
    let size = u32::try_from(block.len()).unwrap();
    assert_eq!(decompress(&frame_of(2, size, &block), usize::MAX), Err(corrupt()));
    assert_eq!(
        decompress(&frame_of(2, size, &block), 1000),
        Err(RecordError::RecordsTooLarge { limit: 1000 })
    );
    // The same with one sequence is as it should be.
    let one = [0b01_000, b'a', 1, 0b0101_0100, 1, 0, 52, 0, 0, 1];
    let size = u32::try_from(one.len()).unwrap();
    assert_eq!(decompress(&frame_of(2, size, &one), 65_540).unwrap(), vec![b'a'; 65_540]);
}

proptest! {
    #[test]
    fn what_the_encoder_wrote_is_read(
        words in vec(prop::sample::select(vec!["alpha", "beta", "gamma ", "{\"speed\":", "\n", "0", "17"]), 0..3000),
        noise in vec(any::<u8>(), 0..500),
    ) {
        let input = [words.concat().as_bytes(), &noise, words.concat().as_bytes()].concat();
        let compressed = compress(Vec::new(), &input);
        prop_assert_eq!(decompress(&compressed, input.len()).unwrap(), input);
    }

    #[test]
    fn damage_gives_bytes_or_an_error_and_stays_within_the_limit(
        words in vec(prop::sample::select(vec!["alpha", "beta", "gamma ", "{\"speed\":", "\n", "0", "17"]), 50..400),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = compress(Vec::new(), words.concat().as_bytes());
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(out) = decompress(&bytes, 10_000) {
            prop_assert!(out.len() <= 10_000);
        }
    }
}
