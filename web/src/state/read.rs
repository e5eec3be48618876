//! The panel "read": records of one partition, page by page.

use std::rc::Rc;

use headwater_worker_protocol::{ErrorReport, ReadFrom, RecordsPage, Reply, Request};

use super::requests::{Asked, Requests};
use super::{Command, TopicName};
use crate::strings;

/// Records on a page.
const PAGE_RECORDS: u32 = 50;

/// The form and the page that came of it.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Read {
    /// The topic that was chosen; the first there is when it is not, or no longer, there.
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) origin: ReadOrigin,
    pub(crate) offset: String,
    /// The local time as the form has it, and in milliseconds since 1970 where it is one.
    pub(crate) time: (String, Option<i64>),
    pub(crate) page: Option<Rc<PageShown>>,
    pub(crate) problem: Option<ErrorReport>,
    /// The request that is on its way, for what.
    asking: Option<(u64, String, i32)>,
}

/// A page of records, and of what.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct PageShown {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) page: RecordsPage,
}

/// Where to begin, as the form has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum ReadOrigin {
    #[default]
    Start,
    Offset,
    Timestamp,
    Last,
}

/// What a person does in the panel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum ReadAction {
    Topic(String),
    Partition(i32),
    Origin(ReadOrigin),
    Offset(String),
    Time(String, Option<i64>),
    Go,
    Next,
    Previous,
}

impl Read {
    pub(super) fn act(
        &mut self,
        action: ReadAction,
        topics: &[TopicName],
        requests: &mut Requests,
    ) -> Vec<Command> {
        match action {
            ReadAction::Topic(topic) => {
                self.topic = topic;
                self.partition = 0;
            }
            ReadAction::Partition(partition) => self.partition = partition,
            ReadAction::Origin(origin) => self.origin = origin,
            ReadAction::Offset(text) => self.offset = text,
            ReadAction::Time(text, wall_ms) => self.time = (text, wall_ms),
            ReadAction::Go => {
                let (Some(topic), Some(from)) = (self.topic_among(topics), self.from()) else {
                    return Vec::new();
                };
                let partition = self.partition.clamp(0, topic.partitions.max(1) - 1);
                return self.ask(topic.name.clone(), partition, from, PAGE_RECORDS, requests);
            }
            ReadAction::Next => return self.turn(requests, Read::next),
            ReadAction::Previous => return self.turn(requests, Read::previous),
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

    pub(crate) fn offset_problem(&self) -> Option<&'static str> {
        let wrong = self.origin == ReadOrigin::Offset && self.from().is_none();
        wrong.then_some(strings::needs_offset())
    }

    pub(crate) fn time_problem(&self) -> Option<&'static str> {
        let wrong = self.origin == ReadOrigin::Timestamp && self.from().is_none();
        wrong.then_some(strings::needs_time())
    }

    /// Whether the form says where to begin.
    pub(crate) fn can_go(&self, topics: &[TopicName]) -> bool {
        !topics.is_empty() && self.from().is_some()
    }

    fn from(&self) -> Option<ReadFrom> {
        match self.origin {
            ReadOrigin::Start => Some(ReadFrom::Start),
            ReadOrigin::Offset => {
                let offset = self.offset.trim().parse().ok().filter(|&offset: &i64| offset >= 0);
                offset.map(ReadFrom::Offset)
            }
            ReadOrigin::Timestamp => self.time.1.map(ReadFrom::Timestamp),
            ReadOrigin::Last => Some(ReadFrom::Last),
        }
    }

    /// Where the next page begins, and how long it is; none when the page shown is the last.
    pub(crate) fn next(&self) -> Option<(ReadFrom, u32)> {
        let page = &self.page.as_ref()?.page;
        (page.next_offset < page.high_watermark).then_some((ReadFrom::Offset(page.next_offset), PAGE_RECORDS))
    }

    /// Where the page before begins, and how long it is so that none of its records is on the page shown.
    pub(crate) fn previous(&self) -> Option<(ReadFrom, u32)> {
        let page = &self.page.as_ref()?.page;
        let first = page.records.first().map_or(page.high_watermark, |record| record.offset);
        let from = first.saturating_sub(i64::from(PAGE_RECORDS)).max(page.log_start_offset);
        let records = u32::try_from(first.checked_sub(from)?).ok().filter(|&records| records > 0)?;
        Some((ReadFrom::Offset(from), records))
    }

    /// What can be deleted: the partition by its name, and the first offset of the page that is shown.
    pub(crate) fn deletable(&self) -> Option<(String, i64)> {
        let PageShown { topic, partition, page } = &**self.page.as_ref()?;
        let first = page.records.first()?.offset;
        (first > page.log_start_offset).then(|| (format!("{topic}-{partition}"), first))
    }

    pub(super) fn delete_before(&mut self, before: i64, requests: &mut Requests) -> Vec<Command> {
        let Some(PageShown { topic, partition, .. }) = self.page.as_deref() else { return Vec::new() };
        let request = Request::DeleteRecords { topic: topic.clone(), partition: *partition, before };
        vec![requests.ask(Asked::DeleteRecords, request, false).1]
    }

    pub(super) fn not_deleted(&mut self, result: Result<Reply, ErrorReport>) -> Option<String> {
        let report = result.err()?;
        let said = strings::error(&report);
        self.problem = Some(report);
        Some(said)
    }

    /// Reads the page that is shown once more.
    pub(super) fn again(&mut self, requests: &mut Requests) -> Vec<Command> {
        let first = |read: &Read| {
            let first = read.page.as_ref()?.page.records.first()?.offset;
            Some((ReadFrom::Offset(first), PAGE_RECORDS))
        };
        self.turn(requests, first)
    }

    fn turn(&mut self, requests: &mut Requests, to: fn(&Read) -> Option<(ReadFrom, u32)>) -> Vec<Command> {
        let (Some((from, records)), Some(shown)) = (to(self), &self.page) else { return Vec::new() };
        let (topic, partition) = (shown.topic.clone(), shown.partition);
        self.ask(topic, partition, from, records, requests)
    }

    fn ask(
        &mut self,
        topic: String,
        partition: i32,
        from: ReadFrom,
        max_records: u32,
        requests: &mut Requests,
    ) -> Vec<Command> {
        let request = Request::Read { topic: topic.clone(), partition, from, max_records };
        let (id, command) = requests.ask(Asked::Read, request, false);
        self.asking = Some((id, topic, partition));
        vec![command]
    }

    pub(super) fn answered(&mut self, id: u64, result: Result<Reply, ErrorReport>) -> Option<String> {
        let (_, topic, partition) = self.asking.take_if(|(asked, ..)| *asked == id)?;
        match result {
            Ok(Reply::Records(page)) => {
                let said = strings::records_read(page.records.len());
                self.page = Some(Rc::new(PageShown { topic, partition, page }));
                self.problem = None;
                Some(said)
            }
            Ok(_) => None,
            Err(report) => {
                let said = strings::error(&report);
                self.page = None;
                self.problem = Some(report);
                Some(said)
            }
        }
    }
}
