use headwater_engine::random::SplitMix64;

/// Numbers that need not be secret: which partition, how much jitter. All of them follow from the seed given to the
/// client, so a run can be repeated.
#[derive(Clone, Debug)]
pub(crate) struct Random(SplitMix64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(SplitMix64::new(seed))
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub(crate) fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    /// `base` give or take a fifth, as Kafka's back-offs have it.
    pub(crate) fn jitter(&mut self, base_ms: u64) -> u64 {
        let spread = base_ms / 5;
        base_ms - spread + self.next_u64() % (2 * spread + 1)
    }
}
