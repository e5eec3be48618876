/// Numbers that need not be secret: which partition, how much jitter. All of them follow from the seed given to the
/// client, so a run can be repeated.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
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
