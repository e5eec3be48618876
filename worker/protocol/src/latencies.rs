//! How long things took, counted by length: small enough for every snapshot, and exact enough for a percentile.

use serde::{Deserialize, Serialize};

/// Buckets for each doubling.
const STEPS: u32 = 4;
/// Buckets of a millisecond's parts: a browser's clock is no finer.
const PER_MS: f64 = 16.0;

/// Counts since the start. Bucket 0 to 3 are sixteenths of a millisecond; from there on each doubling has four buckets, up to
/// three days. The difference between two snapshots is what came between them; counts begin at 0 again after 2^32.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Latencies {
    counts: Vec<u32>,
}

impl Latencies {
    /// Counts `times` things that took so long, in milliseconds; what took less than nothing, by two clocks, took nothing.
    pub fn add(&mut self, ms: f64, times: u32) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast takes the nearest"
        )]
        let bucket = bucket((ms * PER_MS) as u32);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(bucket) {
            *count = count.wrapping_add(times);
        }
    }
}

/// Where so many sixteenths of a millisecond belong.
fn bucket(units: u32) -> usize {
    let doubled = (units | STEPS).ilog2() - STEPS.ilog2();
    (doubled * STEPS + (units >> doubled)) as usize
}

#[cfg(test)]
mod tests {
    use super::{Latencies, bucket};

    #[test]
    fn buckets_follow_each_other_and_widen() {
        let mut last = 0;
        for units in 0..100_000 {
            let next = bucket(units);
            assert!(next == last || next == last + 1, "{units}: {last}, {next}");
            last = next;
        }
        assert_eq!([0, 3, 4, 7, 8, 9, 10, 16].map(bucket), [0, 3, 4, 7, 8, 8, 9, 12]);
        assert_eq!(bucket(u32::MAX), 123);
    }

    #[test]
    fn whatever_a_clock_says_is_counted() {
        let mut latencies = Latencies::default();
        for ms in [-1.0, 0.0, 0.5, f64::NAN, f64::INFINITY] {
            latencies.add(ms, 2);
        }
        assert_eq!(latencies.counts.len(), 124);
        assert_eq!((latencies.counts[0], latencies.counts[8], latencies.counts[123]), (6, 2, 2));
        let mut full = Latencies { counts: vec![u32::MAX] };
        full.add(0.0, 2);
        assert_eq!(full.counts, [1]);
    }
}
