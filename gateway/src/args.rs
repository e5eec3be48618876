//! The command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use lexopt::ValueExt as _;
use lexopt::prelude::{Long, Short, Value};

use crate::address::Address;

/// What `headwater --help` prints.
pub(crate) const HELP: &str = "\
Kafka's protocol, served by one small program.

headwater serve [--listen HOST:PORT]...      where to listen, 127.0.0.1:9092 unless told otherwise; each one more is
                                             one more broker of the cluster, numbered 0, 1, 2, … in order. Port 0 is
                                             any that is free
                [--advertise HOST:PORT]...   what clients are told instead, in the same order
                [--storage memory|dir:PATH]  where records are kept: memory (gone when it ends) unless told otherwise
                [--config KEY=VALUE]...      a broker config by Kafka's name, such as num.partitions=3
                [--ui HOST:PORT]             serves the page that shows and drives these brokers
                [--ui-files PATH]            where that page is, as `cargo xtask build` makes it; a folder dist beside the
                                             program or where it is started, unless told otherwise
                [--metrics HOST:PORT]        serves /metrics for Prometheus and /healthz
                [--json-logs]                one JSON object a line on stderr
headwater configs                            the broker configs that there are, with their defaults

It prints one line on stdout when it answers, and ends cleanly on SIGTERM and SIGINT. It exits with 2 when the command
line is not understood, with 1 when it cannot start or go on, and with 0 otherwise.";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Version,
    Configs,
    Serve(Options),
}

/// How to serve.
#[derive(Debug, PartialEq, Eq, Clone)]
pub(crate) struct Options {
    /// One for each broker.
    pub(crate) listen: Vec<Address>,
    /// As many at most.
    pub(crate) advertise: Vec<Address>,
    pub(crate) storage: StorageChoice,
    pub(crate) configs: Vec<(String, String)>,
    pub(crate) metrics: Option<Address>,
    /// Where the page is served.
    pub(crate) ui: Option<Ui>,
    pub(crate) json_logs: bool,
}

/// The page: where it is served, and the folder that has it.
#[derive(Debug, PartialEq, Eq, Clone)]
pub(crate) struct Ui {
    pub(crate) address: Address,
    /// None: where it usually is.
    pub(crate) files: Option<PathBuf>,
}

impl Ui {
    /// The folder that has the page: the one that was told, else `dist` beside the program or in the working directory.
    ///
    /// # Errors
    ///
    /// A sentence, when none was told and neither is there.
    pub(crate) fn folder(&self) -> Result<PathBuf, String> {
        if let Some(files) = &self.files {
            return Ok(files.clone());
        }
        let program = std::env::current_exe().ok();
        let beside = program.as_deref().and_then(Path::parent).map(|folder| folder.join("dist"));
        let tried: Vec<_> = beside.into_iter().chain([PathBuf::from("dist")]).collect();
        tried.iter().find(|folder| folder.join("index.html").is_file()).cloned().ok_or_else(|| {
            let tried: Vec<_> = tried.iter().map(|folder| folder.display().to_string()).collect();
            format!(
                "--ui: the page is not in {}; --ui-files PATH says where it is (`cargo xtask build` makes it in dist/)",
                tried.join(", nor in ")
            )
        })
    }
}

/// Where records are kept.
#[derive(Debug, PartialEq, Eq, Clone)]
pub(crate) enum StorageChoice {
    Memory,
    Directory(PathBuf),
}

/// Reads the arguments after the program's name.
///
/// # Errors
///
/// A sentence about what is not understood.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let (mut serve, mut configs) = (false, false);
    let mut options = Options {
        listen: Vec::new(),
        advertise: Vec::new(),
        storage: StorageChoice::Memory,
        configs: Vec::new(),
        metrics: None,
        ui: None,
        json_logs: false,
    };
    let (mut advertise, mut ui, mut files) = (Vec::new(), None, None);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help),
            Short('V') | Long("version") => return Ok(Command::Version),
            Value(word) if word == "serve" && !serve && !configs => serve = true,
            Value(word) if word == "configs" && !serve && !configs => configs = true,
            other if configs => return Err(other.unexpected().to_string()),
            Long("listen") => options.listen.push(Address::parse(&value(&mut parser)?)?),
            Long("advertise") => advertise.push(Address::parse(&value(&mut parser)?)?),
            Long("storage") => options.storage = storage(&value(&mut parser)?)?,
            Long("config") => options.configs.push(config(&value(&mut parser)?)?),
            Long("ui") => ui = Some(Address::parse(&value(&mut parser)?)?),
            Long("ui-files") => files = Some(PathBuf::from(value(&mut parser)?)),
            Long("metrics") => options.metrics = Some(Address::parse(&value(&mut parser)?)?),
            Long("json-logs") => options.json_logs = true,
            other => return Err(other.unexpected().to_string()),
        }
    }
    if configs {
        return Ok(Command::Configs);
    }
    if !serve {
        return Err("it wants a command: headwater serve".to_owned());
    }
    if options.listen.is_empty() {
        options.listen.push(Address { host: "127.0.0.1".to_owned(), port: 9092 });
    }
    if advertise.len() > options.listen.len() {
        return Err("there are more --advertise than --listen".to_owned());
    }
    options.advertise = advertise;
    options.ui = match (ui, files) {
        (Some(address), files) => Some(Ui { address, files }),
        (None, Some(_)) => return Err("--ui-files wants --ui HOST:PORT".to_owned()),
        (None, None) => None,
    };
    Ok(Command::Serve(options))
}

fn value(parser: &mut lexopt::Parser) -> Result<String, String> {
    parser.value().and_then(|value| value.string()).map_err(|error| error.to_string())
}

fn storage(text: &str) -> Result<StorageChoice, String> {
    match text.strip_prefix("dir:") {
        Some("") => Err("--storage dir: wants a path behind it".to_owned()),
        Some(path) => Ok(StorageChoice::Directory(PathBuf::from(path))),
        None if text == "memory" => Ok(StorageChoice::Memory),
        None => Err(format!("--storage takes memory or dir:PATH, not {text}")),
    }
}

fn config(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err(format!("--config takes KEY=VALUE, not {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(OsString::from))
    }

    fn served(line: &str) -> Options {
        match parsed(line) {
            Ok(Command::Serve(options)) => options,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn options_and_their_defaults() {
        let plain = served("serve");
        assert_eq!(plain.listen, [Address::parse("127.0.0.1:9092").unwrap()]);
        assert_eq!((plain.storage, plain.metrics, plain.json_logs), (StorageChoice::Memory, None, false));
        let line = "serve --listen a:1 --listen=b:2 --advertise c:3 --storage dir:x/y --config k=v=w --ui d:3 \
             --ui-files dist --json-logs";
        let full = served(line);
        assert_eq!(full.ui, Some(Ui { address: Address::parse("d:3").unwrap(), files: Some("dist".into()) }));
        assert_eq!(
            served("serve --ui d:3").ui,
            Some(Ui { address: Address::parse("d:3").unwrap(), files: None })
        );
        assert_eq!(full.listen.len(), 2);
        assert_eq!(full.advertise, [Address::parse("c:3").unwrap()]);
        assert_eq!(full.storage, StorageChoice::Directory("x/y".into()));
        assert_eq!(full.configs, [("k".to_owned(), "v=w".to_owned())]);
        assert!(full.json_logs);
        assert_eq!(parsed("--help"), Ok(Command::Help));
        assert_eq!(parsed("serve --version"), Ok(Command::Version));
        assert_eq!(parsed("configs"), Ok(Command::Configs));
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for line in [
            "",
            "play",
            "serve serve",
            "serve --listen",
            "serve --listen here",
            "serve --storage disk",
            "serve --storage dir:",
            "serve --config =1",
            "serve --config num.partitions",
            "serve --port 1",
            "configs --listen a:1",
            "serve configs",
            "serve --ui-files dist",
            "serve --ui dist --ui-files dist",
            "serve --advertise a:1 --advertise b:2",
        ] {
            assert!(parsed(line).is_err_and(|why| !why.is_empty()), "{line}");
        }
    }
}
