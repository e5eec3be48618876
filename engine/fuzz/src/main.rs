//! Runs a target: under libFuzzer when built for it by `cargo xtask fuzz`, else on inputs from files or by number.

#![cfg_attr(headwater_libfuzzer, no_main)]

use headwater_fuzz::{Guard, TARGETS, Target};

#[global_allocator]
static GUARD: Guard = Guard;

fn target(name: &str) -> Result<&'static Target, String> {
    let names = || TARGETS.iter().map(|target| target.name).collect::<Vec<_>>().join(", ");
    TARGETS
        .iter()
        .find(|target| target.name == name)
        .ok_or_else(|| format!("there are the targets {}", names()))
}

#[cfg(headwater_libfuzzer)]
mod guided {
    #![allow(unsafe_code, reason = "libFuzzer calls a function by its name")]

    use std::sync::OnceLock;

    static TARGET: OnceLock<&'static headwater_fuzz::Target> = OnceLock::new();

    libfuzzer_sys::fuzz_target!(
        init: {
            let name = std::env::var("HEADWATER_FUZZ_TARGET").unwrap_or_default();
            match super::target(&name) {
                Ok(target) => TARGET.get_or_init(|| target),
                Err(message) => {
                    eprintln!("{message}");
                    std::process::exit(2);
                }
            };
        },
        |bytes: &[u8]| {
            if let Some(target) = TARGET.get() {
                (target.run)(bytes);
            }
        }
    );
}

#[cfg(not(headwater_libfuzzer))]
mod plain {
    use std::process::ExitCode;
    use std::time::{Duration, Instant};

    use headwater_fuzz::{TARGETS, Target, corpus, mutate, watched};

    pub(super) fn run() -> ExitCode {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let result = match words[..] {
            ["--targets"] => {
                TARGETS.iter().for_each(|target| println!("{}", target.name));
                Ok(())
            }
            ["--write-corpus"] => corpus::write().map_err(|error| error.to_string()),
            [name, "--file", file] => super::target(name).and_then(|target| replay_file(target, file)),
            [name, "--case", number] => super::target(name).and_then(|target| replay(target, number)),
            [name, "--seconds", seconds] => super::target(name).and_then(|target| unguided(target, seconds)),
            _ => Err("give a target with --file FILE, --case NUMBER or --seconds N".to_owned()),
        };
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => {
                eprintln!("{message}");
                ExitCode::from(2)
            }
        }
    }

    fn replay_file(target: &Target, file: &str) -> Result<(), String> {
        let bytes = std::fs::read(file).map_err(|error| format!("{file} cannot be read: {error}"))?;
        (target.run)(&bytes);
        println!("{}: nothing wrong with {file}", target.name);
        Ok(())
    }

    fn number(text: &str) -> Result<u64, String> {
        text.parse().map_err(|_| format!("{text} is not a number"))
    }

    fn inputs(target: &Target) -> Result<Vec<Vec<u8>>, String> {
        let corpus = corpus::read(target).map_err(|error| format!("the corpus cannot be read: {error}"))?;
        Ok(corpus.into_iter().map(|(_, input)| input).collect())
    }

    fn replay(target: &Target, case: &str) -> Result<(), String> {
        let bytes = mutate::case(number(case)?, &inputs(target)?);
        let file = std::env::temp_dir().join(format!("headwater-fuzz-{}-{case}", target.name));
        std::fs::write(&file, &bytes)
            .map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
        println!("{}: {} bytes, in {}", target.name, bytes.len(), file.display());
        (target.run)(&bytes);
        println!("{}: nothing wrong with case {case}", target.name);
        Ok(())
    }

    /// Cases one after the other, without knowing what they reach.
    fn unguided(target: &Target, seconds: &str) -> Result<(), String> {
        let (inputs, time) = (inputs(target)?, Duration::from_secs(number(seconds)?));
        // Beyond those of every test run.
        let (started, mut case) = (Instant::now(), target.cases);
        while started.elapsed() < time {
            watched(format!("again: cargo xtask fuzz {} --case {case}", target.name));
            let bytes = mutate::case(case, &inputs);
            if std::panic::catch_unwind(|| (target.run)(&bytes)).is_err() {
                return Err(format!("again: cargo xtask fuzz {} --case {case}", target.name));
            }
            case += 1;
        }
        println!("{}: {} cases, nothing wrong", target.name, case - target.cases);
        Ok(())
    }
}

#[cfg(not(headwater_libfuzzer))]
fn main() -> std::process::ExitCode {
    plain::run()
}
