use uuid::Uuid;

use crate::random::SplitMix64;

/// What follows from the entropy given to the broker.
#[derive(Debug)]
pub(super) struct Random(SplitMix64);

impl Random {
    pub(super) fn new(entropy: u64) -> Random {
        Random(SplitMix64::new(entropy))
    }

    /// A number from 1 on.
    pub(super) fn positive(&mut self) -> i32 {
        i32::try_from(self.0.next_u64() >> 33).unwrap_or(0).max(1)
    }

    pub(super) fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// An id of version 4 (RFC 9562), so never one of those that Kafka reserves.
    pub(super) fn uuid(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.0.next_u64().to_be_bytes());
        bytes[8..].copy_from_slice(&self.0.next_u64().to_be_bytes());
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}
