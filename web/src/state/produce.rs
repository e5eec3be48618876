//! The panel "produce": what to produce, into what, and how it goes.

use std::rc::Rc;

use headwater_worker_protocol as protocol;
use headwater_worker_protocol::{ErrorReport, ImportRequest, ImportSnapshot, ImportSource, Reply, Request};

use super::import::Import;
use super::requests::{Asked, Requests};
use super::{Command, topic_name, workers};
use crate::strings;

const VEHICLES_NAME: &str = "vehicles";
const VEHICLES_URL: &str = "data/vehicles.ndjson.gz";
const VEHICLES_KEY: &str = "id";
/// The config that makes a broker wait for the disk at every batch.
const STRICT_CONFIG: (&str, &str) = ("flush.messages", "1");

/// The form and the import that came of it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Produce {
    pub(crate) source: Source,
    /// The file that was chosen last: its name and size in bytes.
    pub(crate) file: Option<(String, u64)>,
    pub(crate) preview: Preview,
    pub(crate) topic: String,
    pub(crate) partitions: String,
    pub(crate) key_field: Option<String>,
    pub(crate) rate_limit: String,
    pub(crate) strict: bool,
    pub(crate) synthetic_records: String,
    pub(crate) synthetic_value_size: String,
    pub(crate) import: Import,
    /// Stopping was asked for and could not be done.
    pub(crate) stop_problem: Option<ErrorReport>,
    /// All imports of the last snapshot: it may come before the answer that says which of them is ours.
    imports: Rc<Vec<ImportSnapshot>>,
}

/// Where rows come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    Vehicles,
    File,
    Synthetic,
}

/// What the source looks like.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Preview {
    /// Nobody asked.
    None,
    /// This request asks.
    Loading(u64),
    Shown(Rc<protocol::Preview>),
    Failed(ErrorReport),
}

/// What a person does in the form.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum ProduceAction {
    Source(Source),
    FileChosen { name: String, size: u64 },
    Topic(String),
    Partitions(String),
    KeyField(Option<String>),
    RateLimit(String),
    Strict(bool),
    SyntheticRecords(String),
    SyntheticValueSize(String),
    Start { again: bool },
    Stop,
}

impl Default for Produce {
    fn default() -> Self {
        Produce {
            source: Source::Vehicles,
            file: None,
            preview: Preview::None,
            topic: VEHICLES_NAME.to_owned(),
            partitions: "4".to_owned(),
            key_field: Some(VEHICLES_KEY.to_owned()),
            rate_limit: String::new(),
            strict: false,
            synthetic_records: "1000000".to_owned(),
            synthetic_value_size: "100".to_owned(),
            import: Import::default(),
            stop_problem: None,
            imports: Rc::default(),
        }
    }
}

impl Produce {
    pub(super) fn act(&mut self, action: ProduceAction, requests: &mut Requests) -> Vec<Command> {
        match action {
            ProduceAction::Source(source) => return self.choose_source(source, requests),
            ProduceAction::FileChosen { name, size } => {
                self.file = Some((name, size));
                return self.choose_source(Source::File, requests);
            }
            ProduceAction::Topic(text) => self.topic = text,
            ProduceAction::Partitions(text) => self.partitions = text,
            ProduceAction::KeyField(field) => self.key_field = field,
            ProduceAction::RateLimit(text) => self.rate_limit = text,
            ProduceAction::Strict(strict) => self.strict = strict,
            ProduceAction::SyntheticRecords(text) => self.synthetic_records = text,
            ProduceAction::SyntheticValueSize(text) => self.synthetic_value_size = text,
            ProduceAction::Start { again } => return self.begin(again, requests),
            ProduceAction::Stop => return self.stop(requests),
        }
        Vec::new()
    }

    fn choose_source(&mut self, source: Source, requests: &mut Requests) -> Vec<Command> {
        self.source = source;
        self.preview = Preview::None;
        self.import.same_source = false;
        (self.topic, self.key_field) = match (source, &self.file) {
            (Source::Vehicles, _) => (VEHICLES_NAME.to_owned(), Some(VEHICLES_KEY.to_owned())),
            (Source::File, Some((name, _))) => (topic_name::from_file_name(name), None),
            (Source::File, None) => (String::new(), None),
            (Source::Synthetic, _) => ("synthetic".to_owned(), None),
        };
        self.look_at_source(requests)
    }

    /// Asks what the source looks like, where that is not known and can be.
    pub(super) fn look_at_source(&mut self, requests: &mut Requests) -> Vec<Command> {
        if self.preview != Preview::None || self.source == Source::Synthetic {
            return Vec::new();
        }
        let Some(source) = self.import_source() else { return Vec::new() };
        let (id, command) =
            requests.ask(Asked::Preview, Request::Preview { source }, self.source == Source::File);
        self.preview = Preview::Loading(id);
        vec![command]
    }

    pub(super) fn previewed(&mut self, id: u64, result: Result<Reply, ErrorReport>) -> Option<String> {
        if self.preview != Preview::Loading(id) {
            return None;
        }
        match result {
            Ok(Reply::Preview(preview)) => {
                let known = self.key_field.as_ref().is_some_and(|key| preview.fields.contains(key));
                if !known {
                    self.key_field = preview.suggested_key.clone();
                }
                self.preview = Preview::Shown(Rc::new(preview));
                None
            }
            Ok(_) => None,
            Err(report) => {
                let said = strings::error(&report);
                self.preview = Preview::Failed(report);
                Some(said)
            }
        }
    }

    /// The fields that can be the key.
    pub(crate) fn fields(&self) -> Vec<String> {
        match &self.preview {
            Preview::Shown(preview) => preview.fields.clone(),
            _ => self.key_field.iter().cloned().collect(),
        }
    }

    fn begin(&mut self, again: bool, requests: &mut Requests) -> Vec<Command> {
        if self.import.is_active() {
            return Vec::new();
        }
        let Some(request) = self.request(again) else { return Vec::new() };
        let with_file = self.source == Source::File;
        let (id, command) = requests.ask(Asked::Import, Request::Import(request), with_file);
        self.import = Import::asked(id);
        self.stop_problem = None;
        vec![command]
    }

    fn stop(&mut self, requests: &mut Requests) -> Vec<Command> {
        let Some(import) = self.import.to_stop() else { return Vec::new() };
        vec![requests.ask(Asked::StopImport, Request::StopImport { import }, false).1]
    }

    /// The request that the form stands for; none while something in it is wrong.
    fn request(&self, again: bool) -> Option<ImportRequest> {
        if self.topic_problem().is_some() || self.rate_limit_problem().is_some() {
            return None;
        }
        let (name, value) = STRICT_CONFIG;
        Some(ImportRequest {
            source: self.import_source()?,
            topic: self.topic.trim().to_owned(),
            partitions: count(&self.partitions)?,
            configs: if self.strict { vec![(name.to_owned(), value.to_owned())] } else { Vec::new() },
            key_field: self.key_field.clone(),
            records_per_s: count(&self.rate_limit),
            again,
            ..ImportRequest::default()
        })
    }

    fn import_source(&self) -> Option<ImportSource> {
        match self.source {
            Source::Vehicles => {
                Some(ImportSource::DataSet { name: VEHICLES_NAME.to_owned(), url: VEHICLES_URL.to_owned() })
            }
            Source::File => self.file.as_ref().map(|(name, _)| ImportSource::File { name: name.clone() }),
            Source::Synthetic => Some(ImportSource::Synthetic {
                records: count(&self.synthetic_records)?,
                value_size: value_size(&self.synthetic_value_size)?,
            }),
        }
    }

    /// Whether "produce" would do something.
    pub(crate) fn can_produce(&self) -> bool {
        !self.import.is_active() && self.request(false).is_some()
    }

    pub(crate) fn topic_problem(&self) -> Option<&'static str> {
        self.topic.trim().is_empty().then_some(strings::needs_topic_name())
    }

    pub(crate) fn partitions_problem(&self) -> Option<&'static str> {
        count::<i32>(&self.partitions).is_none().then_some(strings::needs_count())
    }

    pub(crate) fn rate_limit_problem(&self) -> Option<&'static str> {
        let wrong = !self.rate_limit.trim().is_empty() && count::<u32>(&self.rate_limit).is_none();
        wrong.then_some(strings::needs_count_or_nothing())
    }

    pub(crate) fn synthetic_records_problem(&self) -> Option<&'static str> {
        count::<u64>(&self.synthetic_records).is_none().then_some(strings::needs_count())
    }

    pub(crate) fn synthetic_value_size_problem(&self) -> Option<&'static str> {
        value_size(&self.synthetic_value_size).is_none().then_some(strings::needs_value_size())
    }

    pub(super) fn import_started(
        &mut self,
        now_ms: f64,
        id: u64,
        result: Result<Reply, ErrorReport>,
    ) -> Option<String> {
        let said = result.as_ref().err().map(strings::error);
        match result {
            Ok(Reply::ImportStarted { import }) => self.import.started(id, Ok(import)),
            Ok(_) => {}
            Err(report) => self.import.started(id, Err(report)),
        }
        let imports = Rc::clone(&self.imports);
        said.or(self.import.update(now_ms, &imports))
    }

    pub(super) fn import_stopping(&mut self, result: Result<Reply, ErrorReport>) -> Option<String> {
        self.stop_problem = result.err();
        self.stop_problem.as_ref().map(strings::error)
    }

    /// What to say about it, when the import ended with that.
    pub(super) fn set_snapshot(&mut self, now_ms: f64, imports: Vec<ImportSnapshot>) -> Option<String> {
        self.imports = Rc::new(imports);
        let imports = Rc::clone(&self.imports);
        self.import.update(now_ms, &imports)
    }

    /// The topic that is produced into now.
    pub(super) fn topic_in_work(&self) -> Option<&str> {
        self.import.is_active().then_some(self.topic.trim())
    }

    pub(super) fn is_moving(&self) -> bool {
        self.import.rate != 0.0
    }

    pub(super) fn refresh_rate(&mut self, now_ms: f64) -> bool {
        self.import.refresh_rate(now_ms)
    }

    /// The clients' worker is gone, and with it the imports it ran.
    pub(super) fn clients_gone(&mut self, message: &str) {
        self.imports = Rc::default();
        self.import.gone(workers::gone(message));
    }

    /// Everything stored is deleted: what was imported is no more.
    pub(super) fn forget(&mut self) {
        self.imports = Rc::default();
        self.import = Import::default();
        self.stop_problem = None;
        self.preview = Preview::None;
    }
}

/// A whole number above 0.
fn count<T: std::str::FromStr + PartialOrd + TryFrom<u8>>(text: &str) -> Option<T> {
    text.trim().parse().ok().filter(|number| T::try_from(1).is_ok_and(|one| *number >= one))
}

/// A length of values in bytes that a broker takes by its defaults.
fn value_size(text: &str) -> Option<u32> {
    count(text).filter(|&size: &u32| size <= 1_000_000)
}
