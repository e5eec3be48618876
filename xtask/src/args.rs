//! The command line.

/// What `cargo xtask --help` prints.
pub(crate) const HELP: &str = "\
The commands of this repository.

cargo xtask play [--port 8080]         sets up, builds and serves the playground on 127.0.0.1
cargo xtask serve [ARGUMENTS]           builds the native server and runs `headwater serve`; --help says what it takes.
                                       With --ui HOST:PORT it builds the page too, which shows and drives that server
cargo xtask test [SUITE]               sets up and runs the tests; all of them unless told otherwise
      rust   formatting, clippy for native and wasm32, unit tests, some hundreds of simulated worlds, some
             ten thousands of fuzzed inputs, dependency and style rules
      wasm   the storage conformance suite on IndexedDB, in Chromium
      e2e    the built playground, in Chromium and Firefox, from a static host and from the native server
      clients  KafkaJS, librdkafka, kafka-python, kcat and the Java client against the native server
      bucket the library for buckets on object stores that it starts (ministack, azurite): a race of
             processes under kill -9, and the same library as wasm in Node
cargo xtask build                      builds the playground into dist/, for any static host and any sub-path
cargo xtask build js                   builds the engine for Node and other JavaScript into target/js/
cargo xtask bench browser [ARGUMENTS]  measures in Chromium; the last line on stdout is a JSON object
cargo xtask bench import [--bytes N]   imports a file of N bytes (100 MB) through the page and looks for every row; JSON as above
cargo xtask bench gateway [ARGUMENTS]  measures the native server, and Apache Kafka where it can be had; JSON as above
cargo xtask bench bucket [--seconds S] what appends to a bucket cost, in the simulator's time; JSON as above
cargo xtask sim [--seeds N] [--seed S] runs the broker through N seeded worlds, from S on (1,000 from 0);
                                       --seed alone: that one again
cargo xtask sim bucket [the same]      the same for the bucket's protocol
cargo xtask fuzz [TARGET] [--seconds N] gives any bytes to what reads bytes from elsewhere, with libFuzzer,
                                       60 s a target; TARGET --case N or --file FILE: that input again
cargo xtask setup                      installs what the others need and what is missing:
                                       wasm32 std, the npm packages of e2e/, Chromium (as root on Debian)";

/// A command with its options.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Setup,
    Build,
    BuildJs,
    Play { port: u16 },
    Serve { arguments: Vec<String> },
    Test(Suite),
    Bench { name: String, arguments: Vec<String> },
    Sim { arguments: Vec<String> },
    Fuzz { arguments: Vec<String> },
}

/// Which tests.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Suite {
    Rust,
    Wasm,
    E2e,
    Clients,
    Bucket,
    All,
}

/// Reads the arguments after the program's name.
///
/// # Errors
///
/// A sentence about what is not understood.
pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let arguments: Vec<String> = arguments.into_iter().collect();
    if let [first, rest @ ..] = arguments.as_slice()
        && first == "serve"
    {
        return Ok(Command::Serve { arguments: rest.to_vec() });
    }
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        return Ok(Command::Help);
    }
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["help"] => Ok(Command::Help),
        ["setup"] => Ok(Command::Setup),
        ["build"] | ["build", "--release"] => Ok(Command::Build),
        ["build", "js"] => Ok(Command::BuildJs),
        ["play"] => Ok(Command::Play { port: 8080 }),
        ["play", "--port", port] => parse_port(port),
        ["play", option] if option.starts_with("--port=") => parse_port(&option["--port=".len()..]),
        ["test"] => Ok(Command::Test(Suite::All)),
        ["test", suite] => parse_suite(suite),
        ["bench", name, arguments @ ..] => {
            Ok(Command::Bench { name: (*name).to_owned(), arguments: owned(arguments) })
        }
        ["sim", arguments @ ..] => Ok(Command::Sim { arguments: owned(arguments) }),
        ["fuzz", arguments @ ..] => Ok(Command::Fuzz { arguments: owned(arguments) }),
        ["bench"] => Err("bench needs a name: browser, bucket or gateway".to_owned()),
        other => Err(format!("not understood: {}", other.join(" "))),
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn parse_port(text: &str) -> Result<Command, String> {
    match text.parse() {
        Ok(port) if port > 0 => Ok(Command::Play { port }),
        _ => Err(format!("--port takes a number from 1 to 65535, not {text}")),
    }
}

fn parse_suite(text: &str) -> Result<Command, String> {
    let suite = match text {
        "rust" => Suite::Rust,
        "wasm" => Suite::Wasm,
        "e2e" => Suite::E2e,
        "clients" => Suite::Clients,
        "bucket" => Suite::Bucket,
        "all" => Suite::All,
        other => {
            return Err(format!(
                "there are the tests rust, wasm, e2e, clients, bucket and all, but not {other}"
            ));
        }
    };
    Ok(Command::Test(suite))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn commands_and_their_defaults() {
        assert_eq!(parsed(""), Ok(Command::Help));
        assert_eq!(parsed("play"), Ok(Command::Play { port: 8080 }));
        assert_eq!(parsed("play --port 9000"), Ok(Command::Play { port: 9000 }));
        assert_eq!(parsed("play --port=9000"), Ok(Command::Play { port: 9000 }));
        assert_eq!(parsed("test"), Ok(Command::Test(Suite::All)));
        assert_eq!(parsed("test wasm"), Ok(Command::Test(Suite::Wasm)));
        assert_eq!(parsed("test --help"), Ok(Command::Help));
        let bench = Command::Bench { name: "browser".into(), arguments: vec!["--runs".into(), "3".into()] };
        assert_eq!(parsed("bench browser --runs 3"), Ok(bench));
        let serve = Command::Serve { arguments: vec!["--help".into()] };
        assert_eq!(parsed("serve --help"), Ok(serve));
        assert_eq!(parsed("fuzz"), Ok(Command::Fuzz { arguments: Vec::new() }));
        assert_eq!(parsed("sim --seed 7"), Ok(Command::Sim { arguments: vec!["--seed".into(), "7".into()] }));
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for line in
            ["plays", "play --port", "play --port 0", "play --port 70000", "test unit", "bench", "setup now"]
        {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
