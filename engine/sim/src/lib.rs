//! A world in which broker cores and their clients live through everything that may go wrong, from one seed.
//!
//! The seed chooses configuration, workload and faults; time is virtual; whatever is random follows from the seed. So a
//! run can be repeated exactly, and a failure is a number. `docs/fault-model.md` says what is survived, and which
//! checker shows it.
//!
//! Start at [`run`]; `world` is how things happen, `storage` and `network` are what goes wrong, `actors` are who talks
//! to the broker, `checkers` are what has to hold.

mod actors;
mod bucket;
mod checkers;
mod disk;
mod faults;
mod network;
mod payload;
mod plant;
mod random;
mod retained;
mod scenario;
mod storage;
mod trace;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use bucket::{
    BucketChecker, BucketFaults, BucketOptions, BucketPlant, BucketReport, Figures, Load, bench, run_bucket,
};
pub use checkers::Checker;
pub use faults::{Fault, Tally};
pub use plant::Plant;
use world::World;

/// How a world is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// A bug to be found.
    pub plant: Option<Plant>,
    /// If set, only this checker has a say.
    pub only: Option<Checker>,
    /// How many of the last lines of the trace are kept.
    pub trace_lines: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { plant: None, only: None, trace_lines: 60 }
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The seed it followed from.
    pub seed: u64,
    /// What does not hold, if so.
    pub violation: Option<String>,
    /// A number for all that happened: two runs of a seed have the same.
    pub trace_hash: u64,
    /// The last lines of what happened.
    pub trace: Vec<String>,
    /// How often each fault happened.
    pub faults: Tally,
    /// How many events were handled.
    pub steps: u64,
    /// How long it took in the world's own time.
    pub virtual_ms: u64,
    /// How many records are in the logs in the end.
    pub records: u64,
}

/// Runs the world of a seed to its end, or to the first thing that is wrong. A panic is a violation.
#[must_use]
pub fn run(seed: u64, options: &Options) -> Report {
    let mut world = World::new(seed, options);
    let violation = violation_of(|| world.run());
    world.report(seed, violation)
}

/// What does not hold in a world that is run to its end, if so: it says so, or panics.
fn violation_of(run: impl FnOnce() -> Result<(), String>) -> Option<String> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result.err(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Some(format!("panic: {}", text.unwrap_or("of an unknown kind")))
        }
    }
}
