//! Some hundreds of worlds in every test run; `cargo xtask sim --seeds N` runs thousands.

use headwater_sim::{Fault, Options, Report, Tally, run};

/// Enough for every fault to happen, few enough for every test run.
const SEEDS: u64 = 200;

fn assert_fine(report: &Report) {
    assert!(
        report.violation.is_none(),
        "{}\n\nseed {} failed: {}\nto see it again: cargo xtask sim --seed {}",
        report.trace.join("\n"),
        report.seed,
        report.violation.as_deref().unwrap_or_default(),
        report.seed
    );
}

#[test]
fn a_seed_twice_is_the_same_run_and_hundreds_of_them_hold() {
    let options = Options::default();
    // First of all: if a run cannot be repeated, its failure is worth nothing.
    for seed in [1, 2, 3, u64::MAX] {
        let (first, second) = (run(seed, &options), run(seed, &options));
        assert_eq!(first.trace_hash, second.trace_hash, "seed {seed}");
        assert_eq!((first.steps, first.records, first.faults), (second.steps, second.records, second.faults));
    }
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    let share = |first: u64| {
        let mut faults = Tally::default();
        for seed in (first..SEEDS).step_by(usize::try_from(threads).unwrap()) {
            let report = run(seed, &options);
            assert_fine(&report);
            faults += report.faults;
        }
        faults
    };
    let mut faults = Tally::default();
    std::thread::scope(|scope| {
        let shares: Vec<_> = (0..threads).map(|first| scope.spawn(move || share(first))).collect();
        for share in shares {
            faults += share.join().expect("every seed holds");
        }
    });
    for fault in Fault::ALL {
        assert!(faults.of(*fault) > 0, "{SEEDS} seeds without: {}", fault.name());
    }
}

#[test]
fn different_seeds_are_different_runs() {
    let options = Options::default();
    let mut hashes: Vec<u64> = (0..10).map(|seed| run(seed, &options).trace_hash).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 10);
}
