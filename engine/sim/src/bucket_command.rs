//! `cargo xtask sim bucket`: seeds of the bucket's world, or its figures.

use std::process::ExitCode;
use std::time::Instant;

use headwater_sim::{BucketFaults, BucketOptions, BucketReport, Figures, Load, bench, run_bucket};

/// What there is to say.
const HELP: &str =
    "sim bucket [--seeds N] [--seed S] [--lines L], or sim bucket bench [--seconds S] [--seed S]";

pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let result = match arguments {
        [first, rest @ ..] if first == "bench" => numbers(rest).and_then(|numbers| run_bench(&numbers)),
        all => numbers(all).and_then(|numbers| run_seeds(&numbers)),
    };
    result.unwrap_or_else(|message| {
        eprintln!("{message}; {HELP}");
        ExitCode::from(2)
    })
}

fn numbers(words: &[String]) -> Result<Vec<(&str, u64)>, String> {
    let pair = |pair: &[String]| match pair {
        [name, number] => {
            let number = number.parse().map_err(|_| format!("{name} takes a number"))?;
            // The names are looked up by who asks for them, so the text has to live as long as the arguments.
            Ok((name.clone(), number))
        }
        _ => Err(format!("not understood: {}", pair.join(" "))),
    };
    let pairs: Result<Vec<(String, u64)>, String> = words.chunks(2).map(pair).collect();
    pairs?.into_iter().map(|(name, number)| known(&name).map(|name| (name, number))).collect()
}

fn known(name: &str) -> Result<&'static str, String> {
    let names = ["--seeds", "--seed", "--lines", "--seconds"];
    names.into_iter().find(|known| *known == name).ok_or_else(|| format!("not understood: {name}"))
}

fn value(numbers: &[(&str, u64)], name: &str) -> Option<u64> {
    numbers.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

fn run_seeds(numbers: &[(&str, u64)]) -> Result<ExitCode, String> {
    let first = value(numbers, "--seed").unwrap_or(0);
    let count =
        value(numbers, "--seeds").unwrap_or(if value(numbers, "--seed").is_some() { 1 } else { 1_000 });
    let lines = value(numbers, "--lines").unwrap_or(80);
    let options =
        BucketOptions { trace_lines: usize::try_from(lines).unwrap_or(80), ..BucketOptions::default() };
    let started = Instant::now();
    let mut all = BucketFaults::default();
    let (mut steps, mut records, mut commits) = (0, 0, 0);
    for seed in first..first.saturating_add(count) {
        let report = run_bucket(seed, &options);
        if count == 1 {
            println!("seed {seed}: trace hash {:016x}", report.trace_hash);
        }
        if report.violation.is_some() {
            fail(&report);
            return Ok(ExitCode::FAILURE);
        }
        all += report.faults;
        steps += report.steps;
        records += report.records;
        commits += report.commits;
    }
    let per_minute = count as f64 / started.elapsed().as_secs_f64() * 60.0;
    println!("{count} seeds from {first} on: nothing wrong");
    println!("{per_minute:.0} seeds per minute; {steps} steps, {commits} commits, {records} records");
    for (name, times) in all.named() {
        println!("{times:>10}  {name}");
    }
    Ok(ExitCode::SUCCESS)
}

fn fail(report: &BucketReport) {
    for line in &report.trace {
        println!("{line}");
    }
    println!("\nseed {} failed: {}", report.seed, report.violation.as_deref().unwrap_or_default());
    println!("to see it again: cargo xtask sim bucket --seed {}", report.seed);
}

/// A line a load; the last line on stdout is one JSON object.
fn run_bench(numbers: &[(&str, u64)]) -> Result<ExitCode, String> {
    let seconds = value(numbers, "--seconds").unwrap_or(60);
    let seed = value(numbers, "--seed").unwrap_or(1);
    println!(
        "virtual time; PUT 25, GET 15, LIST 30 ms on average, one in a hundred 50 to 300 ms more, 80 MB/s a request"
    );
    println!(
        "{:>7} {:>7} {:>9} {:>6} {:>6} {:>6}  {:>14}  {:>14}  {:>9}  {:>11}",
        "writers",
        "records",
        "appends/s",
        "p50",
        "p99",
        "max",
        "PUT+LIST f+b",
        "GET f+b",
        "$/M rec.",
        "stale 50/99"
    );
    let of = |writers, records, read_intents| {
        let figures = bench(Load { writers, records, seconds, read_intents, seed });
        print_line(writers, records, &figures);
        figures
    };
    let mut measured = Vec::new();
    for records in [1, 100, 10_000] {
        measured.push([1, 8, 64].map(|writers| of(writers, records, false)));
    }
    println!("the same, but combiners have to read intents:");
    for writers in [8, 64] {
        of(writers, 1, true);
    }
    let [one, eight, crowd] = &measured[0];
    let both = |figures: &Figures, column: usize| figures.foreground[column] + figures.background[column];
    println!(
        concat!(
            "{{\"requests_per_append_1\":{:.2},\"put_list_per_append_64\":{:.2},\"get_per_append_64\":{:.2},",
            "\"appends_per_s_64\":{:.1},\"appends_per_s_8_vs_1\":{:.2},\"p99_s_64\":{:.3},",
            "\"tail_requests_per_poll\":{:.2},\"cold_start_requests\":{},\"dollars_per_million_records\":{:.3}}}"
        ),
        both(one, 0) + both(one, 1) + both(one, 2),
        both(crowd, 0),
        both(crowd, 1),
        crowd.appends_per_s,
        eight.appends_per_s / one.appends_per_s,
        crowd.p99_ms / 1_000.0,
        one.requests_per_empty_poll,
        one.cold_start_requests.max(crowd.cold_start_requests),
        measured[1][0].dollars_per_million_records,
    );
    Ok(ExitCode::SUCCESS)
}

fn print_line(writers: usize, records: u32, figures: &Figures) {
    let [put, get, _] = figures.foreground;
    let [put_behind, get_behind, _] = figures.background;
    println!(
        "{writers:>7} {records:>7} {:>9.1} {:>6.0} {:>6.0} {:>6.0}  {put:>6.2} +{put_behind:>6.2}  {get:>6.2} +{get_behind:>6.2}  {:>9.4}  {:>5.0}/{:>5.0}   cold {}+{}",
        figures.appends_per_s,
        figures.p50_ms,
        figures.p99_ms,
        figures.max_ms,
        figures.dollars_per_million_records,
        figures.staleness_p50_ms,
        figures.staleness_p99_ms,
        figures.cold_start_requests,
        figures.cold_start_commits,
    );
}
