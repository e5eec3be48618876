//! Some worlds of the bucket in every test run; `cargo xtask sim bucket --seeds N` runs thousands.

use headwater_sim::{BucketFaults, BucketOptions, run_bucket};

/// Enough for every fault to happen, few enough for every test run.
const SEEDS: u64 = 40;

#[test]
fn a_seed_twice_is_the_same_run_and_many_of_them_hold() {
    let options = BucketOptions::default();
    // First of all: if a run cannot be repeated, its failure is worth nothing.
    for seed in [1, 2, u64::MAX] {
        let (first, second) = (run_bucket(seed, &options), run_bucket(seed, &options));
        assert_eq!(first.trace_hash, second.trace_hash, "seed {seed}");
        assert_eq!((first.steps, first.records, first.faults), (second.steps, second.records, second.faults));
    }
    let mut faults = BucketFaults::default();
    for seed in 0..SEEDS {
        let report = run_bucket(seed, &options);
        assert!(
            report.violation.is_none(),
            "{}\n\nseed {seed} failed: {}\nto see it again: cargo xtask sim bucket --seed {seed}",
            report.trace.join("\n"),
            report.violation.unwrap_or_default()
        );
        faults += report.faults;
    }
    for (name, times) in faults.named() {
        assert!(times > 0, "{SEEDS} seeds without: {name}");
    }
}
