//! Records that say who sent them, and of which every byte can be checked.

/// Names a record: no two have the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct RecordId {
    /// Who sent it.
    pub(crate) producer: u32,
    /// The how manieth of its producer it is, from 0.
    pub(crate) number: u64,
}

impl std::fmt::Display for RecordId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.producer, self.number)
    }
}

const NAME_SIZE: usize = 12;

impl RecordId {
    /// The record's value: its name, then up to `max_filler` bytes that follow from the name.
    pub(crate) fn value(self, max_filler: usize) -> Vec<u8> {
        let mut value = Vec::with_capacity(NAME_SIZE + max_filler);
        value.extend_from_slice(&self.producer.to_be_bytes());
        value.extend_from_slice(&self.number.to_be_bytes());
        let length = usize::try_from(self.mix(u64::MAX)).unwrap_or(0) % (max_filler + 1);
        value.extend((0..length as u64).map(|at| self.filler(at)));
        value
    }

    /// The name that a value bears, if all of its bytes are what they were.
    pub(crate) fn of(value: &[u8]) -> Option<RecordId> {
        let producer = u32::from_be_bytes(value.get(..4)?.try_into().ok()?);
        let number = u64::from_be_bytes(value.get(4..NAME_SIZE)?.try_into().ok()?);
        let id = RecordId { producer, number };
        let filler = value[NAME_SIZE..].iter().zip(0..);
        filler.into_iter().all(|(byte, at)| *byte == id.filler(at)).then_some(id)
    }

    fn filler(self, at: u64) -> u8 {
        // Runs of equal bytes, so that there is something to compress.
        self.mix(at / 8).to_be_bytes()[0]
    }

    fn mix(self, at: u64) -> u64 {
        let mut z = (self.number << 20) ^ u64::from(self.producer) ^ at.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        z ^ (z >> 33)
    }
}
