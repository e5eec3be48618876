//! The marker that ends a transaction in a partition: a control batch of one record (KIP-98; `ControlRecordType` and
//! `EndTransactionMarker` in Kafka).

use bytes::Bytes;

use super::{Compression, RecordBatch, RecordBatchBuilder, RecordError};

/// The version of key and value.
const VERSION: i16 = 0;
const ABORT: i16 = 0;
const COMMIT: i16 = 1;

/// How a producer's transaction ends in a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EndMarker {
    /// Whose transaction it is.
    pub producer_id: i64,
    /// The producer's epoch from here on.
    pub producer_epoch: i16,
    /// Counts the coordinators of the transaction; one with an earlier epoch has been replaced.
    pub coordinator_epoch: i32,
    /// Whether the transaction's records count; they are aborted otherwise.
    pub commit: bool,
}

impl EndMarker {
    /// The control batch that says so, appended at `timestamp` (in milliseconds since 1970).
    ///
    /// # Errors
    /// None that can occur: one small record always fits.
    pub fn to_batch(
        &self,
        base_offset: i64,
        leader_epoch: i32,
        timestamp: i64,
    ) -> Result<Bytes, RecordError> {
        let mut builder = RecordBatchBuilder::new(Compression::None);
        builder.set_base_offset(base_offset);
        builder.set_partition_leader_epoch(leader_epoch);
        builder.set_producer(self.producer_id, self.producer_epoch, -1);
        builder.set_transactional(true);
        builder.set_control(true);
        let [version_high, version_low] = VERSION.to_be_bytes();
        let [kind_high, kind_low] = if self.commit { COMMIT } else { ABORT }.to_be_bytes();
        let [a, b, c, d] = self.coordinator_epoch.to_be_bytes();
        let key = [version_high, version_low, kind_high, kind_low];
        let value = [version_high, version_low, a, b, c, d];
        builder.append(timestamp, Some(&key), Some(&value), &[])?;
        Ok(builder.build())
    }

    /// The marker in a batch; none if the batch holds records, or a control record of another kind. Later versions may have
    /// more fields behind those that are known.
    #[must_use]
    pub fn of(batch: RecordBatch<'_>) -> Option<EndMarker> {
        if !batch.is_control() || batch.producer_id() < 0 {
            return None;
        }
        let records = batch.records().ok()?;
        let record = records.iter().next()?.ok()?;
        let ([_, _, a, b, ..], [_, _, c, d, e, f, ..]) = (record.key?, record.value?) else {
            return None;
        };
        let commit = match i16::from_be_bytes([*a, *b]) {
            ABORT => false,
            COMMIT => true,
            _ => return None,
        };
        Some(EndMarker {
            producer_id: batch.producer_id(),
            producer_epoch: batch.producer_epoch(),
            coordinator_epoch: i32::from_be_bytes([*c, *d, *e, *f]),
            commit,
        })
    }
}
