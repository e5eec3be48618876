//! Many writers and readers of one bucket, from one seed: the protocol of `headwater-journal`, its very code, over an object
//! store in which everything goes wrong that does with real ones.
//!
//! `store` is what goes wrong, `world` how things happen, `producer` and `owner` who appends, `checkers` what has to hold.
//! `bench` counts requests and takes times in a world in which nothing goes wrong.

mod bench;
mod checkers;
mod host;
mod payload;
mod producer;
mod scenario;
mod store;
mod world;

use crate::violation_of;
pub use bench::{Figures, Load, bench};
pub use checkers::BucketChecker;
pub use headwater_journal::Plant as BucketPlant;

/// How the world of a bucket is run.
#[derive(Clone, Copy, Debug)]
pub struct BucketOptions {
    /// A bug to be found.
    pub plant: Option<BucketPlant>,
    /// If set, only this checker has a say.
    pub only: Option<BucketChecker>,
    /// How many of the last lines of the trace are kept.
    pub trace_lines: usize,
}

impl Default for BucketOptions {
    fn default() -> BucketOptions {
        BucketOptions { plant: None, only: None, trace_lines: 60 }
    }
}

/// How often something went wrong in a bucket.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct BucketFaults {
    /// Answers lost after the request was applied.
    pub answers_lost: u64,
    /// Requests that never arrived, and nobody said so.
    pub requests_lost: u64,
    /// Requests that landed after their sender gave up, some an hour later.
    pub landed_late: u64,
    /// 503 and 429.
    pub refused: u64,
    /// 409.
    pub conflicts: u64,
    /// Writers and readers that slept, longer than anything is kept.
    pub slept: u64,
    /// Writers that ended amid an append.
    pub ended: u64,
    /// Commits that landed where another one had been collected.
    pub landed_on_collected: u64,
    /// Objects that were collected.
    pub collected: u64,
}

impl BucketFaults {
    /// Each with its name.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u64); 9] {
        [
            ("answer lost", self.answers_lost),
            ("request lost", self.requests_lost),
            ("landed after its sender gave up", self.landed_late),
            ("refused: 503, 429", self.refused),
            ("conflict: 409", self.conflicts),
            ("slept", self.slept),
            ("writer ended", self.ended),
            ("landed on a collected key", self.landed_on_collected),
            ("collected", self.collected),
        ]
    }
}

impl std::ops::AddAssign for BucketFaults {
    fn add_assign(&mut self, other: BucketFaults) {
        self.answers_lost += other.answers_lost;
        self.requests_lost += other.requests_lost;
        self.landed_late += other.landed_late;
        self.refused += other.refused;
        self.conflicts += other.conflicts;
        self.slept += other.slept;
        self.ended += other.ended;
        self.landed_on_collected += other.landed_on_collected;
        self.collected += other.collected;
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct BucketReport {
    /// The seed it followed from.
    pub seed: u64,
    /// What does not hold, if so.
    pub violation: Option<String>,
    /// A number for all that happened: two runs of a seed have the same.
    pub trace_hash: u64,
    /// The last lines of what happened.
    pub trace: Vec<String>,
    /// How often each fault happened.
    pub faults: BucketFaults,
    /// How many events were handled.
    pub steps: u64,
    /// How many records are in the logs in the end.
    pub records: u64,
    /// How many commits were made.
    pub commits: u64,
}

/// Runs the world of a seed to its end, or to the first thing that is wrong. A panic is a violation.
#[must_use]
pub fn run_bucket(seed: u64, options: &BucketOptions) -> BucketReport {
    let mut world = world::World::new(seed, options);
    let violation = violation_of(|| world.run());
    world.report(seed, violation)
}
