//! Reading records: a page of them, all of them, or backwards for a mark.

use std::ops::ControlFlow;
use std::rc::Rc;

use headwater_client::{
    AdminReply, ClientError, ConsumerConfig, ConsumerEvent, ConsumerId, Fetched, ListedOffset, OffsetSpec,
    StartOffset, code,
};
use headwater_engine::TopicPartition;
use headwater_engine::record::Record;
use headwater_worker_protocol::{ReadFrom, RecordsPage, Reply};

use super::hub::Hub;
use super::resume::{self, Mark, Resume};
use super::{payload, topics};
use crate::clock;

/// No more records than this are shown at once.
const MAX_RECORDS: u32 = 1_000;
/// Of records that are given in full no more come at once when they have so many bytes.
const MAX_WHOLE_BYTES: usize = 4 << 20;
/// How long nothing at all may come.
const SILENCE_MS: f64 = 30_000.0;
/// How many records the search for a mark first looks at, from the end; eight times as many with every step.
const FIRST_WINDOW: i64 = 2_000;

/// Reading ends at a known offset: the broker need never wait for more.
fn config() -> ConsumerConfig {
    ConsumerConfig {
        fetch_max_wait_ms: 0,
        fetch_max_bytes: 4 << 20,
        max_partition_fetch_bytes: 1 << 20,
        max_buffered_bytes: 8 << 20,
        own_connections: false,
        ..ConsumerConfig::default()
    }
}

/// A consumer that goes when this is dropped.
struct Reader {
    hub: Rc<Hub>,
    consumer: ConsumerId,
}

impl Reader {
    fn new(hub: &Rc<Hub>, config: ConsumerConfig) -> Reader {
        Reader { hub: hub.clone(), consumer: hub.with(|client, _| client.add_consumer(config)) }
    }

    async fn next(&self) -> Result<Fetched, ClientError> {
        let until_ms = clock::monotonic_ms() + SILENCE_MS;
        loop {
            match self.hub.with(|client, _| client.poll_consumer(self.consumer)) {
                Some(ConsumerEvent::Fetched(fetched)) => return Ok(fetched),
                Some(ConsumerEvent::Failed { error, .. }) => return Err(error),
                // The others are about groups.
                Some(_) => {}
                None if clock::monotonic_ms() >= until_ms => {
                    return Err(ClientError::kafka(code::REQUEST_TIMED_OUT, None));
                }
                None => self.hub.changed().await,
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.hub.with(|client, _| client.remove_consumer(self.consumer));
    }
}

/// Reads a page of one partition.
pub(crate) async fn page(
    hub: &Rc<Hub>,
    topic_partition: TopicPartition,
    from: ReadFrom,
    max_records: u32,
    whole: bool,
) -> Result<RecordsPage, ClientError> {
    let count = topics::partition_count(hub, &topic_partition.topic, 2_000.0).await?;
    if !(0..count).contains(&topic_partition.partition) {
        let message = format!("{} has {count} partitions, numbered from 0.", topic_partition.topic);
        return Err(ClientError { message, ..ClientError::kafka(code::UNKNOWN_TOPIC_OR_PARTITION, None) });
    }
    let max_records = i64::from(max_records.clamp(1, MAX_RECORDS));
    let mut specs = vec![OffsetSpec::Earliest, OffsetSpec::Latest];
    if let ReadFrom::Timestamp(timestamp) = from {
        specs.push(OffsetSpec::Timestamp(timestamp));
    }
    let asked = specs.into_iter().map(|spec| (topic_partition.clone(), spec)).collect();
    let found = offsets(hub, asked).await?;
    let &[Some(start), Some(end), ..] = &found[..] else { return Ok(RecordsPage::default()) };
    let from = match from {
        ReadFrom::Start => start,
        ReadFrom::Offset(offset) => offset.clamp(start, end),
        ReadFrom::Timestamp(_) => found.get(2).copied().flatten().unwrap_or(end),
        ReadFrom::Last => start.max(end - max_records),
    };
    let mut page =
        RecordsPage { records: Vec::new(), next_offset: from, log_start_offset: start, high_watermark: end };
    if from < end {
        let max_bytes = if whole { usize::MAX } else { payload::MAX_SHOWN_BYTES };
        let (mut bytes, mut full) = (0, false);
        read(hub, topic_partition, from, end, |record| {
            page.records.push(payload::view(record, max_bytes));
            page.next_offset = record.offset + 1;
            bytes += record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
            full = page.records.len() as i64 == max_records || whole && bytes >= MAX_WHOLE_BYTES;
            if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .await?;
        if !full {
            page.next_offset = end;
        }
    }
    Ok(page)
}

/// Gives the records from `from` up to before `end` to `take`, until it breaks.
async fn read(
    hub: &Rc<Hub>,
    topic_partition: TopicPartition,
    from: i64,
    end: i64,
    mut take: impl FnMut(&Record<'_>) -> ControlFlow<()>,
) -> Result<(), ClientError> {
    let reader = Reader::new(hub, config());
    hub.with(|client, _| client.assign(reader.consumer, topic_partition, StartOffset::Offset(from)));
    let mut broke = false;
    loop {
        let fetched = reader.next().await?;
        fetched.for_each(|record| {
            if record.offset >= end || take(record).is_break() {
                broke = true;
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        if broke || fetched.next_offset >= end {
            return Ok(());
        }
    }
}

/// Reads a topic from its start to its present end, as fast as it goes.
pub(crate) async fn all(hub: &Rc<Hub>, topic: &str) -> Result<Reply, ClientError> {
    let started_ms = clock::monotonic_ms();
    let mut open = bounds(hub, topic).await?;
    open.retain(|bound| bound.start < bound.end);
    let reader = Reader::new(hub, config());
    hub.with(|client, _| {
        for bound in &open {
            client.assign(reader.consumer, bound.topic_partition.clone(), StartOffset::Offset(bound.start));
        }
    });
    let (mut records, mut bytes) = (0_u64, 0_u64);
    while !open.is_empty() {
        let fetched = reader.next().await?;
        let Some(at) = open.iter().position(|bound| bound.topic_partition == fetched.topic_partition) else {
            continue;
        };
        let end = open[at].end;
        fetched.for_each(|record| {
            if record.offset < end {
                records += 1;
                bytes += (record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len)) as u64;
            }
            ControlFlow::Continue(())
        })?;
        if fetched.next_offset >= end {
            open.swap_remove(at);
            hub.with(|client, _| client.unassign(reader.consumer, &fetched.topic_partition));
        }
    }
    Ok(Reply::Consumed { records, bytes, elapsed_ms: clock::monotonic_ms() - started_ms })
}

/// What a topic has of a source, and where an import of it goes on.
pub(crate) async fn resume(
    hub: &Rc<Hub>,
    topic: &str,
    source: &str,
    again: bool,
) -> Result<Resume, ClientError> {
    let bounds = bounds(hub, topic).await?;
    let mut marks = Vec::new();
    for bound in &bounds {
        marks.push(last_mark(hub, bound, source).await?);
    }
    let mut resume = Resume::new(&marks, again);
    if let Some((run, rows)) = resume.rows_to_find() {
        for bound in bounds.into_iter().filter(|bound| bound.start < bound.end) {
            read(hub, bound.topic_partition, bound.start, bound.end, |record| {
                if let Some(mark) = resume::mark(record, source).filter(|mark| mark.run == run) {
                    rows.insert(mark.position);
                }
                ControlFlow::Continue(())
            })
            .await?;
        }
    }
    Ok(resume)
}

/// Looks from the end backwards, in windows that grow.
async fn last_mark(hub: &Rc<Hub>, bound: &Bound, source: &str) -> Result<Option<Mark>, ClientError> {
    let mut end = bound.end;
    let mut window = FIRST_WINDOW;
    while end > bound.start {
        let start = bound.start.max(end - window);
        let mut last = None;
        read(hub, bound.topic_partition.clone(), start, end, |record| {
            last = resume::mark(record, source).or(last);
            ControlFlow::Continue(())
        })
        .await?;
        if last.is_some() {
            return Ok(last);
        }
        end = start;
        window = window.saturating_mul(8);
    }
    Ok(None)
}

/// What a partition holds: from `start` up to before `end`.
struct Bound {
    topic_partition: TopicPartition,
    start: i64,
    end: i64,
}

/// What every partition of a topic holds now, in their order.
async fn bounds(hub: &Rc<Hub>, topic: &str) -> Result<Vec<Bound>, ClientError> {
    let count = topics::partition_count(hub, topic, 2_000.0).await?;
    let partitions = (0..count).map(|partition| TopicPartition { topic: topic.to_owned(), partition });
    let asked: Vec<_> =
        partitions.flat_map(|tp| [(tp.clone(), OffsetSpec::Earliest), (tp, OffsetSpec::Latest)]).collect();
    let found = offsets(hub, asked.clone()).await?;
    let pairs = asked.chunks_exact(2).zip(found.chunks_exact(2));
    let bound = |(asked, found): (&[(TopicPartition, OffsetSpec)], &[Option<i64>])| Bound {
        topic_partition: asked[0].0.clone(),
        start: found[0].unwrap_or(0),
        end: found[1].unwrap_or(0),
    };
    Ok(pairs.map(bound).collect())
}

/// Where partitions begin and end; none for one that cannot be asked, as of a topic that is gone.
pub(crate) async fn bounds_of(
    hub: &Rc<Hub>,
    partitions: Vec<TopicPartition>,
) -> Result<Vec<Option<(i64, i64)>>, ClientError> {
    if partitions.is_empty() {
        return Ok(Vec::new());
    }
    let both = |tp: TopicPartition| [(tp.clone(), OffsetSpec::Earliest), (tp, OffsetSpec::Latest)];
    let asked = partitions.into_iter().flat_map(both).collect();
    let AdminReply::Offsets(found) = hub.admin(|client, now| client.list_offsets(now, asked)).await? else {
        return Ok(Vec::new());
    };
    let offset = |found: &ListedOffset| found.result.clone().ok().flatten();
    Ok(found.chunks_exact(2).map(|found| offset(&found[0]).zip(offset(&found[1]))).collect())
}

/// Offsets in the order in which they are asked for.
async fn offsets(
    hub: &Rc<Hub>,
    asked: Vec<(TopicPartition, OffsetSpec)>,
) -> Result<Vec<Option<i64>>, ClientError> {
    match hub.admin(|client, now| client.list_offsets(now, asked)).await? {
        AdminReply::Offsets(offsets) => offsets.into_iter().map(|offset| offset.result).collect(),
        _ => Ok(Vec::new()),
    }
}
