//! The panel "send one record".

use headwater_worker_protocol::{ErrorReport, RecordToSend, Reply, Request};

use super::requests::{Asked, Requests};
use super::{Command, TopicName};
use crate::strings;

/// The form and what came of the last record.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Send {
    /// The topic that was chosen; the first there is when it is not, or no longer, there.
    pub(crate) topic: String,
    /// None: by the key, or the producer's choice.
    pub(crate) partition: Option<i32>,
    /// Empty: no key.
    pub(crate) key: String,
    pub(crate) value: String,
    /// Send a tombstone instead of the value.
    pub(crate) null_value: bool,
    /// Names and values.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) outcome: Option<Result<Sent, ErrorReport>>,
    asking: Option<(u64, String)>,
}

/// A record that is acknowledged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Sent {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// What a person does in the form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum SendAction {
    Topic(String),
    Partition(Option<i32>),
    Key(String),
    Value(String),
    NullValue(bool),
    AddHeader,
    HeaderName(usize, String),
    HeaderValue(usize, String),
    RemoveHeader(usize),
    Go,
}

impl Send {
    pub(super) fn act(
        &mut self,
        action: SendAction,
        topics: &[TopicName],
        requests: &mut Requests,
    ) -> Vec<Command> {
        match action {
            SendAction::Topic(topic) => {
                self.topic = topic;
                self.partition = None;
            }
            SendAction::Partition(partition) => self.partition = partition,
            SendAction::Key(text) => self.key = text,
            SendAction::Value(text) => self.value = text,
            SendAction::NullValue(null) => self.null_value = null,
            SendAction::AddHeader => self.headers.push(Default::default()),
            SendAction::HeaderName(index, text) => {
                if let Some(header) = self.headers.get_mut(index) {
                    header.0 = text;
                }
            }
            SendAction::HeaderValue(index, text) => {
                if let Some(header) = self.headers.get_mut(index) {
                    header.1 = text;
                }
            }
            SendAction::RemoveHeader(index) => {
                if index < self.headers.len() {
                    self.headers.remove(index);
                }
            }
            SendAction::Go => return self.go(topics, requests),
        }
        Vec::new()
    }

    /// The chosen topic, or the first.
    pub(crate) fn topic_among<'a>(&self, topics: &'a [TopicName]) -> Option<&'a TopicName> {
        topics.iter().find(|topic| topic.name == self.topic).or(topics.first())
    }

    pub(crate) fn is_asking(&self) -> bool {
        self.asking.is_some()
    }

    fn go(&mut self, topics: &[TopicName], requests: &mut Requests) -> Vec<Command> {
        let Some(topic) = self.topic_among(topics) else { return Vec::new() };
        if self.is_asking() {
            return Vec::new();
        }
        let named = self.headers.iter().filter(|(name, _)| !name.is_empty());
        let record = RecordToSend {
            topic: topic.name.clone(),
            partition: self.partition.filter(|&partition| partition < topic.partitions),
            key: (!self.key.is_empty()).then(|| self.key.clone()),
            value: (!self.null_value).then(|| self.value.clone()),
            headers: named.map(|(name, value)| (name.clone(), Some(value.clone()))).collect(),
        };
        let (id, command) = requests.ask(Asked::Send, Request::Send(record), false);
        self.asking = Some((id, topic.name.clone()));
        self.outcome = None;
        vec![command]
    }

    pub(super) fn answered(&mut self, id: u64, result: Result<Reply, ErrorReport>) -> Option<String> {
        let (_, topic) = self.asking.take_if(|(asked, _)| *asked == id)?;
        match result {
            Ok(Reply::Sent { partition, offset }) => {
                let said = strings::sent(&topic, partition, &offset.to_string());
                self.outcome = Some(Ok(Sent { topic, partition, offset }));
                Some(said)
            }
            Ok(_) => None,
            Err(report) => {
                let said = strings::error(&report);
                self.outcome = Some(Err(report));
                Some(said)
            }
        }
    }
}
