use std::ops::ControlFlow;

use bytes::Bytes;
use headwater_engine::record::{Batches, EndMarker, Record, RecordBatch, RecordError};
use headwater_engine::sorted::SortedSet;
use headwater_engine::{Offset, TopicPartition};
use kafka_protocol::messages::fetch_response::AbortedTransaction;

use crate::error::{ClientError, code};

/// Records of one partition, as they came: whole batches.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The partition.
    pub topic_partition: TopicPartition,
    /// The offset after these records.
    pub next_offset: Offset,
    /// The partition's end when they were fetched.
    pub high_watermark: Offset,
    /// The partition's first offset when they were fetched.
    pub log_start_offset: Offset,
    /// Records below this were not asked for: a batch always comes whole (KIP-74).
    from: Offset,
    batches: Bytes,
    /// The first offset and the producer of aborted transactions, whose records are left out.
    aborted: SortedSet<(Offset, i64)>,
}

impl Fetched {
    /// Gives every record to `take` until it breaks. Records are borrowed; nothing is allocated for them, except to
    /// decompress a batch.
    ///
    /// # Errors
    ///
    /// A batch cannot be decompressed, or a record in it is malformed. Records before it have been given.
    pub fn for_each(&self, mut take: impl FnMut(&Record<'_>) -> ControlFlow<()>) -> Result<(), ClientError> {
        let mut transactions = Transactions::new(&self.aborted);
        for batch in Batches::new(&self.batches) {
            let batch = batch.map_err(|error| corrupt(&self.topic_partition, &error))?;
            if transactions.leaves_out(batch) || batch.is_control() || batch.next_offset() <= self.from {
                continue;
            }
            let records = batch.records().map_err(|error| corrupt(&self.topic_partition, &error))?;
            for record in records.iter() {
                let record = record.map_err(|error| corrupt(&self.topic_partition, &error))?;
                if record.offset >= self.from && take(&record).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The records of these transactions are not handed out.
    pub(super) fn leave_out(&mut self, aborted: &[AbortedTransaction]) {
        self.aborted.extend(aborted.iter().map(|aborted| (aborted.first_offset, aborted.producer_id.0)));
    }

    /// The length of the batches in bytes, as they are stored.
    #[must_use]
    pub fn size(&self) -> usize {
        self.batches.len()
    }
}

/// Which transactions are aborted at a place in the log, going through its batches in order.
struct Transactions<'a> {
    /// Those that begin further on, the first one last.
    ahead: Vec<&'a (Offset, i64)>,
    /// The producers whose transactions were aborted that are open here.
    open: SortedSet<i64>,
}

impl<'a> Transactions<'a> {
    fn new(aborted: &'a SortedSet<(Offset, i64)>) -> Transactions<'a> {
        Transactions { ahead: aborted.iter().rev().collect(), open: SortedSet::new() }
    }

    /// Whether the next batch is part of an aborted transaction.
    fn leaves_out(&mut self, batch: RecordBatch<'_>) -> bool {
        while let Some((_, producer)) = self.ahead.pop_if(|(first, _)| *first <= batch.last_offset()) {
            self.open.insert(*producer);
        }
        if let Some(EndMarker { producer_id, commit: false, .. }) = EndMarker::of(batch) {
            self.open.remove(&producer_id);
        }
        batch.is_transactional() && self.open.contains(&batch.producer_id())
    }
}

/// What a leader says about a partition with every answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) high_watermark: Offset,
    pub(super) log_start_offset: Offset,
}

/// Takes the whole batches out of an answer. What is cut off at its end was left away for its size; the next answer
/// begins with it. None: nothing came.
pub(super) fn take(
    topic_partition: &TopicPartition,
    from: Offset,
    mut bytes: Bytes,
    bounds: Bounds,
    check_crcs: bool,
) -> Result<Option<Fetched>, ClientError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (mut before, mut good) = (Good { size: 0, end: Offset::MIN }, Good { size: 0, end: Offset::MIN });
    let mut error = None;
    for batch in Batches::new(&bytes) {
        let checked =
            batch.and_then(|batch| if check_crcs { batch.verify_crc().map(|()| batch) } else { Ok(batch) });
        match checked.map_err(Broken::Batch).and_then(|batch| in_place(batch, good, bounds)) {
            Ok(batch) => {
                before = good;
                good = Good { size: good.size + batch.size(), end: batch.next_offset() };
            }
            Err(broken) => {
                // Of two that overlap one stands wrong, and nobody knows which.
                good = if matches!(broken, Broken::Overlap(_)) { before } else { good };
                error = Some(broken);
                break;
            }
        }
    }
    let (end, next_offset) = (good.size, good.end.max(from));
    // What is good before something broken is handed out; the next answer begins with the broken one.
    match error {
        _ if next_offset > from => {}
        Some(Broken::Batch(RecordError::Truncated { .. })) => {
            return Err(ClientError::ours(
                code::MESSAGE_TOO_LARGE,
                format!("The batch of {topic_partition} at offset {from} came cut off."),
            ));
        }
        Some(Broken::Batch(error)) => return Err(corrupt(topic_partition, &error)),
        Some(Broken::Overlap(offset) | Broken::BeyondEnd(offset)) => {
            let message = format!(
                "A batch of {topic_partition} says that it is at offset {offset}, where none can be."
            );
            return Err(ClientError::ours(code::CORRUPT_MESSAGE, message));
        }
        None => {
            return Err(ClientError::malformed("its records are all before the ones that were asked for"));
        }
    }
    bytes.truncate(end);
    let Bounds { high_watermark, log_start_offset } = bounds;
    let topic_partition = topic_partition.clone();
    Ok(Some(Fetched {
        topic_partition,
        next_offset,
        high_watermark,
        log_start_offset,
        from,
        batches: bytes,
        aborted: SortedSet::new(),
    }))
}

/// What of an answer can be handed out: so many bytes, and the offset after them.
#[derive(Clone, Copy)]
struct Good {
    size: usize,
    end: Offset,
}

/// What is wrong with a batch.
enum Broken {
    Batch(RecordError),
    /// It begins at this offset, before the one in front of it ends.
    Overlap(Offset),
    /// It begins at this offset, and ends beyond the high watermark.
    BeyondEnd(Offset),
}

/// The checksum does not cover the base offset (KIP-98). But batches do not overlap, and none reaches beyond the high
/// watermark.
fn in_place<'a>(batch: RecordBatch<'a>, good: Good, bounds: Bounds) -> Result<RecordBatch<'a>, Broken> {
    let offset = batch.base_offset();
    if offset < good.end {
        Err(Broken::Overlap(offset))
    } else if batch.next_offset() > bounds.high_watermark {
        Err(Broken::BeyondEnd(offset))
    } else {
        Ok(batch)
    }
}

fn corrupt(topic_partition: &TopicPartition, error: &RecordError) -> ClientError {
    ClientError::ours(code::CORRUPT_MESSAGE, format!("A batch of {topic_partition} is damaged: {error}."))
}
