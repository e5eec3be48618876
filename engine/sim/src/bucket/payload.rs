//! What records say of themselves, so that checkers know them again.

use bytes::Bytes;

/// The bytes of a record.
pub(crate) const RECORD: usize = 24;

/// A record: its producer, the append it came with and how many batches that has, its number among the records of its
/// producer in its partition, and the epoch of the owner that wrote it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Record {
    pub(crate) producer: u32,
    pub(crate) append: u32,
    pub(crate) batches: u32,
    pub(crate) number: u32,
    pub(crate) epoch: u32,
    pub(crate) partition: u32,
}

impl Record {
    fn words(self) -> [u32; 6] {
        [self.producer, self.append, self.batches, self.number, self.epoch, self.partition]
    }
}

pub(crate) fn encode(records: &[Record]) -> Bytes {
    records.iter().flat_map(|record| record.words()).flat_map(u32::to_be_bytes).collect()
}

pub(crate) fn decode(bytes: &[u8]) -> Vec<Record> {
    let (chunks, _) = bytes.as_chunks::<RECORD>();
    let word = |chunk: &[u8; RECORD], index: usize| {
        let (words, _) = chunk.as_chunks::<4>();
        words.get(index).map_or(0, |word| u32::from_be_bytes(*word))
    };
    chunks
        .iter()
        .map(|chunk| Record {
            producer: word(chunk, 0),
            append: word(chunk, 1),
            batches: word(chunk, 2),
            number: word(chunk, 3),
            epoch: word(chunk, 4),
            partition: word(chunk, 5),
        })
        .collect()
}
