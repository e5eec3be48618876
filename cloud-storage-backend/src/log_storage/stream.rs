//! The stream of records: one partition of a journal, that has one writer at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use headwater_journal::wire::{FORMAT_VERSION, Unsealed};
use headwater_journal::{Batch, Fence, PartitionId, Placed, ReaderEvent, Rejection};

use super::objects::back_off;
use super::record::{Record, What};
use crate::error::OpenError;
use crate::journal::{AppendError, Journal, JournalReader, JournalWriter};
use crate::runtime;

/// What is owned: the stream.
const OWNER: u64 = 1;
/// The number of its partition.
const PARTITION: u32 = 0;
/// How long an append may take before nobody knows what came of it.
const APPEND_TIMEOUT: Duration = Duration::from_secs(30);
/// So often it is tried to find out what came of an append.
const SETTLE_TRIES: u32 = 8;

/// The right to write.
#[derive(Clone)]
pub(super) struct Stream {
    pub(super) journal: Journal,
    pub(super) writer: JournalWriter,
    pub(super) epoch: u32,
}

/// Why it is not known what is in the stream.
pub(super) enum NotSettled {
    /// Somebody else owns it now.
    Fenced,
    /// In words for people.
    Failed(String),
}

impl Stream {
    fn partition(&self) -> PartitionId {
        partition(&self.journal)
    }

    fn fence(&self, claims: bool) -> Fence {
        Fence { resource: OWNER, epoch: self.epoch, claims }
    }

    /// Appends a record; from then on the stream begins at `start`, if that is given. It is sent again as long as it is
    /// certain that nothing of it is there.
    pub(super) async fn append(&self, record: Bytes, start: Option<i64>) -> Result<i64, AppendError> {
        let batch = Batch { partition: self.partition(), records: 1, producer: None, bytes: record };
        let starts: Vec<_> = start.map(|start| (self.partition(), start)).into_iter().collect();
        for tries in 0.. {
            let fences = vec![self.fence(false)];
            let appended =
                self.writer.append_and_begin(vec![batch.clone()], fences, starts.clone(), APPEND_TIMEOUT);
            match appended.await {
                Err(AppendError::NotAppended) => back_off(tries).await,
                other => return placed(other),
            }
        }
        Err(AppendError::NotAppended)
    }

    /// Finds out what came of appends that were not answered: all records from `next` on, and the offset behind them. What
    /// is there then is all that will be.
    pub(super) async fn settle(&mut self, next: i64) -> Result<(Vec<(i64, Bytes)>, i64), NotSettled> {
        let failed = |error: &dyn std::fmt::Display| NotSettled::Failed(error.to_string());
        for tries in 0..SETTLE_TRIES {
            let nonce = runtime::entropy().map_err(|error| failed(&error))?;
            let mark = Record { epoch: self.epoch, what: What::Mark { nonce } };
            match self.append(mark.seal(), None).await {
                Ok(offset) => {
                    let positions = BTreeMap::from([(self.partition(), next)]);
                    let mut reader = self.journal.reader(positions).map_err(|error| failed(&error))?;
                    let records = read(&self.journal, &mut reader, Some(offset)).await;
                    return records.map(|read| (read.records, offset + 1)).map_err(|error| failed(&error));
                }
                Err(AppendError::Rejected(Rejection::Fenced)) => return Err(NotSettled::Fenced),
                Err(AppendError::TimedOut) => {}
                // This writer is of no use any more; its last append is settled by what is appended behind it.
                Err(_) => self.writer = self.journal.writer().map_err(|error| failed(&error))?,
            }
            back_off(tries).await;
        }
        Err(NotSettled::Failed("it cannot be found out what is stored".to_owned()))
    }
}

/// What was read.
#[derive(Default)]
pub(super) struct Read {
    pub(super) records: Vec<(i64, Bytes)>,
    /// Where the stream begins, if it was told.
    pub(super) start: i64,
}

/// Takes the stream over: all that is in it, and the offset behind that.
pub(super) async fn claim(journal: &Journal) -> Result<(Stream, Read, i64), OpenError> {
    let mut reader = journal.reader(BTreeMap::new())?;
    let mut all = read(journal, &mut reader, None).await?;
    let mut stream = Stream { journal: journal.clone(), writer: journal.writer()?, epoch: 0 };
    for tries in 0.. {
        let last = all.records.last();
        let epoch = last.map(|(offset, record)| epoch_of(*offset, record)).transpose()?.unwrap_or(0);
        stream.epoch = epoch + 1;
        let nonce = runtime::entropy().map_err(|error| OpenError::Options(error.to_string()))?;
        let mark = Record { epoch: stream.epoch, what: What::Mark { nonce } };
        let batch = Batch { partition: stream.partition(), records: 1, producer: None, bytes: mark.seal() };
        let claim = stream.writer.append(vec![batch], vec![stream.fence(true)], APPEND_TIMEOUT);
        let offset = match placed(claim.await) {
            Ok(offset) => Some(offset),
            Err(AppendError::Failed(error)) => return Err(error.into()),
            Err(AppendError::Stopped | AppendError::Refused(_)) => {
                return Err(OpenError::Options("the writer was stopped".to_owned()));
            }
            // Somebody else was first, or nobody knows: whoever comes next has an epoch that is larger still.
            Err(_) => None,
        };
        let more = read(journal, &mut reader, offset).await?;
        all.start = all.start.max(more.start);
        all.records.extend(more.records);
        if let Some(offset) = offset {
            return Ok((stream, all, offset + 1));
        }
        back_off(tries).await;
    }
    Err(OpenError::Options("nobody can own it".to_owned()))
}

/// Reads up to a record, or up to the tail.
async fn read(journal: &Journal, reader: &mut JournalReader, last: Option<i64>) -> Result<Read, OpenError> {
    let mut read = Read::default();
    loop {
        match reader.next().await {
            ReaderEvent::Start { partition: of, offset } if of == partition(journal) => read.start = offset,
            ReaderEvent::Chunk(chunk) if chunk.partition == partition(journal) && chunk.records == 1 => {
                read.records.push((chunk.base_offset, chunk.bytes));
                if last == Some(chunk.base_offset) {
                    return Ok(read);
                }
            }
            ReaderEvent::Start { .. } | ReaderEvent::Chunk(_) => {
                return Err(damaged(journal, "it has partitions that are not logs of one owner"));
            }
            ReaderEvent::Tail if last.is_none() => return Ok(read),
            ReaderEvent::Tail => {}
            ReaderEvent::Failed(error) => return Err(error.into()),
        }
    }
}

fn partition(journal: &Journal) -> PartitionId {
    PartitionId { journal: journal.config().journal, number: PARTITION }
}

fn placed(appended: Result<Vec<Placed>, AppendError>) -> Result<i64, AppendError> {
    appended.map(|placed| placed.first().map_or(0, |placed| placed.base_offset))
}

fn epoch_of(offset: i64, record: &Bytes) -> Result<u32, OpenError> {
    Record::unseal(record, &mut 0)
        .map(|record| record.epoch)
        .map_err(|error| unsealed(&record_name(offset), error))
}

pub(super) fn record_name(offset: i64) -> String {
    format!("record {offset} of the logs' stream")
}

pub(super) fn damaged(journal: &Journal, what: &'static str) -> OpenError {
    OpenError::Journal(headwater_journal::Error::Damaged { key: journal.config().prefix.clone(), what })
}

/// Why something cannot be opened.
pub(super) fn unsealed(key: &str, error: Unsealed) -> OpenError {
    let key = key.to_owned();
    OpenError::Journal(match error {
        Unsealed::Short => headwater_journal::Error::Damaged { key, what: "cut off" },
        Unsealed::Version(version) if version != FORMAT_VERSION => {
            headwater_journal::Error::Format { key, version }
        }
        Unsealed::Version(_) => headwater_journal::Error::Damaged { key, what: "of no version" },
        Unsealed::Malformed(malformed) => headwater_journal::Error::Damaged { key, what: malformed.0 },
    })
}
