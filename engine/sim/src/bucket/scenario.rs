//! What a seed chooses of a bucket's world.

use headwater_journal::Plant;

use crate::random::Random;

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    /// Nothing goes wrong: only then nobody may be passed by.
    pub(crate) calm: bool,
    pub(crate) producers: u32,
    pub(crate) idempotent: u32,
    /// How many owners of one thing, one after the other.
    pub(crate) owners: u32,
    pub(crate) readers: u32,
    pub(crate) partitions: u32,
    pub(crate) appends: u32,
    /// The most milliseconds between two appends of a producer.
    pub(crate) pause_ms: u64,
    pub(crate) collect_after_ms: i64,
    pub(crate) checkpoint_commits: u64,
    pub(crate) max_inline_bytes: usize,
    pub(crate) merge_segments: usize,
    pub(crate) list_lag_ms: u64,
    pub(crate) slow_updates: bool,
    /// Of so many requests one, or none if 0: a time-out; 503; 409.
    pub(crate) time_out_one_in: u64,
    pub(crate) refused_one_in: u64,
    pub(crate) conflict_one_in: u64,
    /// Of so many invocations one ends or falls asleep.
    pub(crate) trouble_one_in: u64,
    /// Appends take more than a name has room for.
    pub(crate) long_headers: bool,
    /// How many raise the starts of partitions.
    pub(crate) trimmers: u32,
    /// Plain producers have an id of their own for each append, so that others are forgotten.
    pub(crate) passing: bool,
    pub(crate) max_producers: usize,
}

/// The most batches of passing producers since the beginning of an append that may have to be sent again.
pub(crate) const MOST_PASSING: u64 = 32;

impl Scenario {
    pub(crate) fn new(random: &mut Random, plant: Option<Plant>) -> Scenario {
        let calm = random.one_in(5) || plant == Some(Plant::Selfish);
        let faulty = |random: &mut Random, values: &[u64]| if calm { 0 } else { random.pick(values) };
        let long = random.one_in(6);
        let mut scenario = Scenario {
            calm,
            producers: u32::try_from(random.within(1..if calm { 14 } else { 6 })).unwrap_or(1),
            idempotent: u32::try_from(random.within(1..5)).unwrap_or(1),
            owners: u32::try_from(random.below(4)).unwrap_or(0),
            readers: u32::try_from(random.within(1..4)).unwrap_or(1),
            partitions: if long { 40 } else { u32::try_from(random.within(1..6)).unwrap_or(1) },
            appends: u32::try_from(random.within(10..60)).unwrap_or(10),
            pause_ms: random.pick(&[0, 0, 50, 1_000]),
            collect_after_ms: random.pick(&[8_000, 12_000, 20_000]),
            checkpoint_commits: random.pick(&[4, 8, 16]),
            max_inline_bytes: random.pick(&[48, 200, 256 * 1024]),
            merge_segments: random.pick(&[2, 3, 8]),
            list_lag_ms: faulty(random, &[0, 0, 300, 3_000]),
            slow_updates: random.coin(),
            time_out_one_in: faulty(random, &[0, 15, 60, 200]),
            refused_one_in: faulty(random, &[0, 10, 50]),
            conflict_one_in: faulty(random, &[0, 10, 50]),
            trouble_one_in: faulty(random, &[0, 10, 40]),
            long_headers: long,
            trimmers: 0,
            passing: false,
            max_producers: 32_768,
        };
        scenario.trimmers = u32::try_from(random.below(3)).unwrap_or(0);
        scenario.passing = !long && random.coin();
        if scenario.passing {
            // Room for those that send again and for all that may come between, also by appends that land late.
            scenario.max_producers = 96;
        }
        scenario
    }
}
