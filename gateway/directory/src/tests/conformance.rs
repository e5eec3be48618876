use headwater_driver::conformance::{CASES, run};

use super::support::{World, ready};

fn failures(mut new: impl FnMut() -> World) -> String {
    let cases = CASES.iter();
    let failed = cases.filter_map(|case| {
        let error = ready(run(case, &mut new())).err()?;
        Some(format!("{case}: {error}\n"))
    });
    failed.collect()
}

#[test]
fn passes_the_conformance_suite() {
    assert_eq!(failures(World::new), "");
}

#[test]
fn passes_the_conformance_suite_with_few_open_files() {
    let failures = failures(|| {
        let mut world = World::new();
        world.options.max_open_files = 2;
        world.options.write_behind_bytes = 1_000;
        world
    });
    assert_eq!(failures, "");
}
