//! Reading a segment in pieces of limited size.

use bytes::{Bytes, BytesMut};

use super::{Obstacle, Source};
use crate::log::{Bounds, Item, Location, WholeBatches};
use crate::record::RecordBatch;
use crate::storage_op::{LogId, StorageOp};

/// How much is read at once; a larger batch is read whole.
const READ_BYTES: u64 = 512 * 1024;

/// A segment, and how far it was read.
#[derive(Debug)]
pub(super) struct Reader {
    log: LogId,
    bounds: Bounds,
    at: Location,
    /// Bytes read of which no whole batch could be made yet; they begin at `at`.
    rest: BytesMut,
    needed: usize,
}

impl Reader {
    pub(super) fn new(log: LogId, source: &Source) -> Reader {
        let at =
            Location { segment: source.offsets.start, position: 0, offset: source.offsets.start, lost: None };
        let bounds = Bounds { size: source.size, end_offset: Some(source.offsets.end) };
        Reader { log, bounds, at, rest: BytesMut::new(), needed: 0 }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at.position >= self.bounds.size
    }

    /// What reads on.
    pub(super) fn read(&self) -> StorageOp {
        let from = self.at.position + self.rest.len() as u64;
        let missing = self.needed.saturating_sub(self.rest.len()) as u64;
        let range = from..self.bounds.size.min(from + missing.max(READ_BYTES));
        StorageOp::Read { log: self.log, segment: self.at.segment, range }
    }

    /// Gives the whole batches of what was read to `take`, which says whether to go on.
    pub(super) fn take(
        &mut self,
        bytes: &Bytes,
        mut take: impl FnMut(RecordBatch<'_>) -> Result<(), Obstacle>,
    ) -> Result<(), Obstacle> {
        if bytes.is_empty() {
            return Err(Obstacle::Gone);
        }
        self.rest.extend_from_slice(bytes);
        let all = self.rest.split().freeze();
        let mut batches = WholeBatches::new(&all, self.at, self.bounds);
        self.needed = 0;
        for item in batches.by_ref() {
            match item {
                Item::Batch(batch) => take(batch)?,
                Item::Short { needed } => {
                    self.needed = needed;
                    break;
                }
                Item::Damage(_) | Item::DamagedEnd(_) => return Err(Obstacle::Damaged),
            }
        }
        self.rest = BytesMut::from(all.get(batches.index()..).unwrap_or_default());
        self.at = batches.location();
        Ok(())
    }
}
