//! Runs seeds: `cargo xtask sim --seeds N`, or one of them again with `--seed S`.

mod bucket_command;

use std::process::ExitCode;
use std::time::Instant;

use headwater_sim::{Fault, Options, Report, Tally, run};

/// How many lines of the trace a failure shows if nothing else is asked for.
const TRACE_LINES: usize = 80;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, rest @ ..] = arguments.as_slice()
        && first == "bucket"
    {
        return bucket_command::run(rest);
    }
    match parse(&arguments) {
        Ok(asked) => run_seeds(&asked),
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

/// What is to be run.
struct Asked {
    first: u64,
    count: u64,
    /// How many lines of the trace a failure shows.
    lines: usize,
}

fn parse(arguments: &[String]) -> Result<Asked, String> {
    let (mut first, mut count, mut lines) = (None, None, None);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let number = words.next().and_then(|text| text.parse::<u64>().ok());
        let number = number.ok_or_else(|| format!("{word} takes a number"))?;
        match word.as_str() {
            "--seed" => first = Some(number),
            "--seeds" => count = Some(number),
            "--lines" => lines = usize::try_from(number).ok(),
            _ => return Err(format!("not understood: {word}; there are --seeds N, --seed S, --lines L")),
        }
    }
    Ok(Asked {
        first: first.unwrap_or(0),
        count: count.unwrap_or(if first.is_some() { 1 } else { 1_000 }),
        lines: lines.unwrap_or(TRACE_LINES),
    })
}

fn run_seeds(asked: &Asked) -> ExitCode {
    let &Asked { first, count, lines } = asked;
    let options = Options { trace_lines: lines, ..Options::default() };
    let started = Instant::now();
    let mut faults = Tally::default();
    let (mut steps, mut records, mut virtual_ms) = (0, 0, 0);
    for seed in first..first.saturating_add(count) {
        let report = run(seed, &options);
        if count == 1 {
            println!("seed {seed}: trace hash {:016x}", report.trace_hash);
        }
        if report.violation.is_some() {
            fail(&report);
            return ExitCode::FAILURE;
        }
        faults += report.faults;
        steps += report.steps;
        records += report.records;
        virtual_ms += report.virtual_ms;
    }
    let seconds = started.elapsed().as_secs_f64();
    let per_minute = count as f64 / seconds * 60.0;
    println!("{count} seeds from {first} on: nothing wrong");
    println!(
        "{per_minute:.0} seeds per minute; {steps} steps, {records} records, {} s of virtual time",
        virtual_ms / 1_000
    );
    for fault in Fault::ALL {
        println!("{:>10}  {}", faults.of(*fault), fault.name());
    }
    ExitCode::SUCCESS
}

fn fail(report: &Report) {
    for line in &report.trace {
        println!("{line}");
    }
    println!("\nseed {} failed after {} ms of virtual time", report.seed, report.virtual_ms);
    println!("  {}", report.violation.as_deref().unwrap_or_default());
    println!("to see it again: cargo xtask sim --seed {}", report.seed);
}
