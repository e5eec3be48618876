//! A reader that follows a journal: all batches from given offsets on, exactly once and in order, but for those that lie
//! below the start of their partition, which it is told of.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use crate::append::PartitionId;
use crate::checkpoint::{Segment, unseal_segment};
use crate::commit::Entry;
use crate::config::{Config, Plant};
use crate::error::Error;
use crate::follower::{Folded, Follower, Look, added, opened, payload, read_list, send_payloads};
use crate::port::{Got, Pending, Port, Room, Task};
use crate::request::{Outcome, Purpose, Request, RequestId};
use crate::state::Verdict;

/// The most commits whose records are asked for before those of the first are there.
const MAX_COMING: usize = 16;

/// Records of a partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chunk {
    /// Where from.
    pub partition: PartitionId,
    /// The offset of the first record.
    pub base_offset: i64,
    /// How many records.
    pub records: u32,
    /// The batch as it was appended.
    pub bytes: Bytes,
}

/// What a reader has to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReaderEvent {
    /// The next records of a partition. If it begins in the midst of a batch, the first of them lie before its start.
    Chunk(Chunk),
    /// A partition begins here, or does from now on. Told once of each start, and before the first chunk behind it: what lies
    /// below and was not given is not there any more.
    Start {
        /// Which.
        partition: PartitionId,
        /// The first offset that is there; if it is the end, none is.
        offset: i64,
    },
    /// There is no more for now.
    Tail,
    /// The journal cannot be read any more.
    Failed(Error),
}

/// A reader of a journal. It is driven as a [`Writer`](crate::Writer) is.
pub struct Reader {
    port: Port<ReaderEvent>,
    task: Option<Task<Error>>,
}

impl Reader {
    /// Reads all partitions of a journal from these offsets on, or from their beginnings.
    #[must_use]
    pub fn new(config: Config, seed: u64, positions: BTreeMap<PartitionId, i64>) -> Reader {
        let (port, config) = (Port::new(seed), Arc::new(config));
        let follower = Follower::new(port.clone(), config, None);
        let positions = positions.into_iter().map(|(partition, offset)| (partition.number, offset)).collect();
        Reader { port, task: Some(Task::new(Reading { follower, positions, starts: BTreeMap::new() }.run())) }
    }

    /// The next request to carry out.
    #[must_use]
    pub fn poll_request(&mut self) -> Option<(RequestId, Purpose, Request)> {
        self.port.poll_request()
    }

    /// What came of a request.
    pub fn handle_outcome(&mut self, now_ms: u64, id: RequestId, outcome: Outcome) {
        self.port.handle_outcome(id, outcome);
        self.handle_timeout(now_ms);
    }

    /// Time has passed. The first call begins.
    pub fn handle_timeout(&mut self, now_ms: u64) {
        self.port.set_now(now_ms);
        self.turn();
    }

    /// When to call [`Reader::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        self.port.poll_timeout()
    }

    /// What there is to say. It reads no further than a bounded number of these that were not taken.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<ReaderEvent> {
        let event = self.port.poll_event();
        if event.is_some() {
            self.turn();
        }
        event
    }

    fn turn(&mut self) {
        self.port.clear_timers();
        if let Some(Some(error)) = self.task.as_mut().map(Task::turn) {
            self.task = None;
            self.port.tell(ReaderEvent::Failed(error));
        }
    }
}

struct Reading {
    follower: Follower<ReaderEvent>,
    positions: BTreeMap<u32, i64>,
    /// Those that were told of.
    starts: BTreeMap<u32, i64>,
}

impl Reading {
    async fn run(mut self) -> Error {
        loop {
            if let Err(error) = self.go_on().await {
                return error;
            }
        }
    }

    /// From the checkpoint on, until one has to start there again.
    async fn go_on(&mut self) -> Result<(), Error> {
        self.follower.open().await?;
        for (partition, start) in self.follower.state.starts().collect::<Vec<_>>() {
            self.begin(partition, start);
        }
        if !self.read_segments().await? {
            return self.follower.restart("a segment of its list is gone").await;
        }
        // Commits whose records are on their way: those of several are asked for at once, and told of in order.
        let mut coming = VecDeque::new();
        loop {
            self.room().await;
            if self.follower.config.plants(Plant::BelieveList) {
                self.believe_list().await?;
            }
            let look = self.follower.look().await?;
            let tail = matches!(look, Look::Tail);
            let restarted = matches!(look, Look::Restarted);
            if let Look::Next(folded) = look {
                let sent = send_payloads(&self.follower.port, &self.follower.keys, &folded.commit);
                coming.push_back((folded, sent));
                if coming.len() < MAX_COMING {
                    continue;
                }
            }
            while let Some((folded, sent)) = coming.pop_front() {
                if !self.read_commit(&folded, sent).await? {
                    // Having gone on from the checkpoint, it has what is missing.
                    if restarted {
                        return Ok(());
                    }
                    return self.follower.restart("records of a commit behind it are gone").await;
                }
            }
            if tail {
                self.follower.port.tell(ReaderEvent::Tail);
                self.follower.port.sleep(self.follower.config.poll_interval_ms).await;
            }
            if restarted && !self.follower.config.plants(Plant::ForgetSegments) {
                return Ok(());
            }
        }
    }

    async fn room(&self) {
        let port = self.follower.port.clone();
        Room { port, most: self.follower.config.max_chunks_waiting.max(1) }.await;
    }

    /// The records of a commit. False if they are not there any more.
    async fn read_commit(
        &mut self,
        folded: &Folded,
        sent: Vec<Option<Pending<ReaderEvent>>>,
    ) -> Result<bool, Error> {
        let (port, keys) = (self.follower.port.clone(), self.follower.keys.clone());
        for (entry, sent) in folded.commit.entries.iter().zip(sent) {
            if added(entry).next().is_none() {
                self.begin_all(entry);
                continue;
            }
            let Some(bytes) = payload(&port, &keys, folded, entry, sent).await? else { return Ok(false) };
            let mut position = 0;
            let mut slices = Vec::with_capacity(entry.header.parts.len());
            for part in &entry.header.parts {
                slices.push(bytes.slice(position..position + part.length as usize));
                position += part.length as usize;
            }
            for (index, placed) in added(entry) {
                if let (Some(part), Some(bytes)) = (entry.header.parts.get(index), slices.get(index)) {
                    self.give(part.partition, placed.base_offset, part.records, bytes.clone());
                }
            }
            self.begin_all(entry);
        }
        Ok(true)
    }

    /// Takes in the starts that an append has raised.
    fn begin_all(&mut self, entry: &Entry) {
        if matches!(entry.verdict, Verdict::Committed(_)) {
            entry.header.starts.iter().for_each(|(partition, start)| self.begin(*partition, *start));
        }
    }

    /// Tells of a start that was not told of.
    fn begin(&mut self, partition: u32, start: i64) {
        let known = self.starts.entry(partition).or_default();
        if start <= *known {
            return;
        }
        *known = start;
        let position = self.positions.entry(partition).or_default();
        *position = (*position).max(start);
        if self.follower.config.plants(Plant::HideStart) {
            return;
        }
        let partition = PartitionId { journal: self.follower.config.journal, number: partition };
        self.follower.port.tell(ReaderEvent::Start { partition, offset: start });
    }

    /// Tells of records that were not told of.
    fn give(&mut self, partition: u32, base_offset: i64, records: u32, bytes: Bytes) {
        let position = self.positions.entry(partition).or_default();
        let end = base_offset + i64::from(records);
        if end <= *position {
            return;
        }
        *position = end;
        let partition = PartitionId { journal: self.follower.config.journal, number: partition };
        self.follower.port.tell(ReaderEvent::Chunk(Chunk { partition, base_offset, records, bytes }));
    }

    /// What the checkpoint's segments have beyond the positions. False if they are not there any more.
    async fn read_segments(&mut self) -> Result<bool, Error> {
        let port = self.follower.port.clone();
        let Some(list) = read_list(&port, self.follower.list.as_deref()).await? else { return Ok(false) };
        for segment in &list.segments {
            let position = |partition: u32| self.positions.get(&partition).copied().unwrap_or(0);
            if segment.ranges.iter().all(|(partition, _, end)| *end <= position(*partition)) {
                continue;
            }
            self.room().await;
            let Got::Found { bytes, .. } = port.get(&segment.key, None).await? else { return Ok(false) };
            self.read_segment(segment, &bytes)?;
        }
        Ok(true)
    }

    fn read_segment(&mut self, segment: &Segment, object: &Bytes) -> Result<(), Error> {
        let (index, body) = match &segment.adopted {
            Some(index) => (index.clone(), 0),
            None => opened(&segment.key, unseal_segment(object))?,
        };
        for stored in index {
            let bytes = stored.slice(&object.slice(body..));
            let Some(bytes) = bytes.filter(|bytes| headwater_engine::record::crc32c(bytes) == stored.crc)
            else {
                return Err(Error::Damaged {
                    key: segment.key.clone(),
                    what: "a batch has another checksum",
                });
            };
            self.give(stored.partition, stored.base_offset, stored.records, bytes);
        }
        Ok(())
    }

    /// A bug for the simulator: takes the first number that a LIST shows for the next.
    async fn believe_list(&mut self) -> Result<(), Error> {
        let follower = &mut self.follower;
        let after =
            follower.state.next.checked_sub(1).map_or_else(String::new, |last| follower.keys.commit(last));
        let (keys, _) = follower.port.list(&follower.keys.commits(), &after).await?;
        if let Some(number) = keys.first().and_then(|key| follower.keys.commit_number(key)) {
            follower.state.next = number;
        }
        Ok(())
    }
}
