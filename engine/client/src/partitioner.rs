//! Which partition a record goes to, exactly as the Java client has it (KIP-480, KIP-794; `BuiltInPartitioner.java`).

use crate::random::Random;

/// Kafka's 32-bit murmur2, whose seed is fixed (`Utils.murmur2`).
#[must_use]
pub fn murmur2(data: &[u8]) -> i32 {
    const M: u32 = 0x5bd1_e995;
    const SEED: u32 = 0x9747_b28c;
    // Lengths of 4 GiB and more do not occur: a record is limited long before.
    let mut hash = SEED ^ (data.len() as u32);
    let mut words = data.chunks_exact(4);
    for word in words.by_ref() {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let tail = words.remainder();
    if !tail.is_empty() {
        for (i, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * i);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    (hash ^ (hash >> 15)) as i32
}

/// The partition of a record with this key in a topic of `partitions` partitions; 0 if there are none.
#[must_use]
pub fn partition_for_key(key: &[u8], partitions: i32) -> i32 {
    if partitions <= 0 { 0 } else { (murmur2(key) & i32::MAX) % partitions }
}

/// Chooses partitions for records without a key: stays with one until `batch.size` bytes went there, so that batches
/// fill, then draws another, more often one with a short queue (KIP-794).
#[derive(Debug)]
pub(crate) struct StickyPartitioner {
    sticky_bytes: usize,
    current: Option<i32>,
    produced_bytes: usize,
    load: Option<Load>,
}

/// Queue lengths turned into a cumulative frequency table.
#[derive(Debug)]
struct Load {
    cumulative: Vec<u32>,
    partitions: Vec<i32>,
}

impl StickyPartitioner {
    /// `sticky_bytes` is `batch.size`.
    pub(crate) fn new(sticky_bytes: usize) -> StickyPartitioner {
        StickyPartitioner { sticky_bytes: sticky_bytes.max(1), current: None, produced_bytes: 0, load: None }
    }

    /// The partition to append to now. `available` are the partitions that have a leader, `count` is how many there
    /// are.
    pub(crate) fn current(&mut self, available: &[i32], count: i32, random: &mut Random) -> i32 {
        match self.current {
            Some(partition) if partition < count => partition,
            _ => {
                let partition = self.next(available, count, random);
                self.current = Some(partition);
                partition
            }
        }
    }

    /// Counts what was appended to the current partition; moves on once enough went there. The move waits for the batch
    /// to be full, up to twice the size, so that no fraction of a batch is left behind (`enable_switch` says it is).
    pub(crate) fn appended(
        &mut self,
        bytes: usize,
        enable_switch: bool,
        available: &[i32],
        count: i32,
        random: &mut Random,
    ) {
        self.produced_bytes += bytes;
        let enough = self.produced_bytes >= self.sticky_bytes && enable_switch;
        if enough || self.produced_bytes >= self.sticky_bytes.saturating_mul(2) {
            self.current = Some(self.next(available, count, random));
            self.produced_bytes = 0;
        }
    }

    /// Takes in how many batches wait for each available partition (`updatePartitionLoadStats`).
    pub(crate) fn update_load(&mut self, queues: impl Iterator<Item = (i32, u32)>, count: i32) {
        let (partitions, mut cumulative): (Vec<i32>, Vec<u32>) = queues.unzip();
        let Some((first, longest)) = cumulative.first().copied().zip(cumulative.iter().max().copied()) else {
            self.load = None;
            return;
        };
        let uniform = cumulative.iter().all(|length| *length == first);
        if uniform && partitions.len() as i64 == i64::from(count) {
            self.load = None;
            return;
        }
        let mut sum = 0;
        for length in &mut cumulative {
            sum += longest + 1 - *length;
            *length = sum;
        }
        self.load = Some(Load { cumulative, partitions });
    }

    fn next(&self, available: &[i32], count: i32, random: &mut Random) -> i32 {
        let draw = random.next_u32() & (i32::MAX as u32);
        if let Some(load) = &self.load
            && let Some(total) = load.cumulative.last()
        {
            let weighted = draw % total;
            // The first entry above the drawn number.
            let index = load.cumulative.partition_point(|bound| *bound <= weighted);
            if let Some(partition) = load.partitions.get(index).filter(|partition| **partition < count) {
                return *partition;
            }
        }
        match available.get(draw as usize % available.len().max(1)) {
            Some(partition) => *partition,
            None if count > 0 => (draw % count as u32) as i32,
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests;
