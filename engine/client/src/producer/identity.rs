//! Idempotence: as whom the batches are sent (KIP-98, KIP-185), and how a producer goes on that has lost its place
//! (KIP-360).
//!
//! A batch that was sent keeps its producer id, epoch and sequence until it is known to be written or not. Only then, and
//! only when nothing else of its partition is open, a partition goes on under its next epoch with sequence 0: a late copy of
//! an earlier batch is refused from there on. The epoch is raised without asking, as the Java client does: nobody else uses
//! the id, and a broker answers InitProducerId of a producer without transactions with another id anyway.

use bytes::{Bytes, BytesMut};
use headwater_engine::Now;
use headwater_engine::record::{self, RecordBatchBuilder};
use kafka_protocol::messages::InitProducerIdRequest;

use super::{Placed, Producer};
use crate::error::{ClientError, code};
use crate::metadata::Metadata;
use crate::network::{Answer, Network, Owner};

/// From version 5 on there is more about transactions.
const HIGHEST_VERSION: i16 = 4;

/// A producer id and its epoch.
pub(super) type Identity = (i64, i16);

/// As whom, and with which sequence of its first record, a batch is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stamp {
    identity: Identity,
    sequence: i32,
}

impl Stamp {
    pub(super) fn write_to(stamp: Option<Stamp>, builder: &mut RecordBatchBuilder) {
        match stamp {
            Some(Stamp { identity: (id, epoch), sequence }) => builder.set_producer(id, epoch, sequence),
            None => builder.set_producer(-1, -1, -1),
        }
    }

    /// The batch with this stamp in place of the one that it has.
    pub(super) fn put_on(self, batch: Bytes) -> Bytes {
        let mut batch = batch.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        let Stamp { identity: (id, epoch), sequence } = self;
        let put = record::set_producer(&mut batch, id, epoch, sequence);
        debug_assert!(put.is_ok(), "it was built here");
        batch.freeze()
    }
}

/// How a partition goes on once nothing of it is open.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) enum Renewal {
    #[default]
    None,
    /// Under the next epoch.
    Epoch,
    /// Under another producer id.
    Id,
}

/// A partition's place in the row of batches.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) identity: Option<Identity>,
    next_sequence: i32,
    pub(super) renewal: Renewal,
}

impl Place {
    /// What a batch gets that begins so many records after what was stamped last.
    pub(super) fn stamp(&self, records_ahead: u64) -> Option<Stamp> {
        let identity = self.identity?;
        Some(Stamp { identity, sequence: advance(self.next_sequence, records_ahead) })
    }

    /// A batch of so many records is stamped.
    pub(super) fn stamped(&mut self, records: u64) {
        self.next_sequence = advance(self.next_sequence, records);
    }

    pub(super) fn renew_at_least(&mut self, renewal: Renewal) {
        self.renewal = self.renewal.max(renewal);
    }

    /// Goes on as `renewal` says. Returns the id that is used no more, if so.
    pub(super) fn renew(&mut self) -> Option<i64> {
        let renewal = std::mem::take(&mut self.renewal);
        let (id, epoch) = self.identity?;
        self.next_sequence = 0;
        self.identity = match renewal {
            Renewal::Id => None,
            Renewal::Epoch | Renewal::None => epoch.checked_add(1).map(|next| (id, next)),
        };
        self.identity.is_none().then_some(id)
    }
}

/// The sequence so many records later. Sequences go from 0 to 2^31 - 1 and round again.
fn advance(sequence: i32, records: u64) -> i32 {
    let sequence = u64::from(sequence.unsigned_abs()) + records;
    i32::try_from(sequence & 0x7fff_ffff).unwrap_or(0)
}

/// The producer id for partitions that have none yet, and how it is come by.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) identity: Option<Identity>,
    /// The tag of the request for it.
    asked: Option<u64>,
    not_before_ms: u64,
}

impl Known {
    /// When time alone lets it be asked for.
    pub(super) fn due_ms(&self) -> Option<u64> {
        (self.identity.is_none() && self.asked.is_none()).then_some(self.not_before_ms)
    }
}

impl Producer {
    /// Asks for a producer id if there is none.
    pub(super) fn drive_identity(
        &mut self,
        now: Now,
        id: u32,
        network: &mut Network,
        metadata: &mut Metadata,
    ) {
        if self.known.due_ms().is_none_or(|at| at > now.monotonic_ms) {
            return;
        }
        let any = metadata.any_broker(now, network).map(|address| address.on_lane(self.lane(id)));
        let Some(address) = any.filter(|address| network.ready(address)) else { return };
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(i32::MAX)
            .with_producer_id((-1).into())
            .with_producer_epoch(-1);
        let tag = self.next_tag;
        self.next_tag += 1;
        let timeout_ms = self.client.request_timeout_ms;
        let sent = network.version::<InitProducerIdRequest>(&address, HIGHEST_VERSION).and_then(|version| {
            let owner = (Owner::Producer(id), tag);
            network.send(now, &address, owner, &request, version, (timeout_ms, true))
        });
        match sent {
            Ok(()) => self.known.asked = Some(tag),
            Err(error) => self.no_identity(now, &error),
        }
    }

    /// Takes in the answer to the request for a producer id; gives back an answer to something else.
    pub(super) fn take_identity(&mut self, now: Now, answer: Answer) -> Result<(), Answer> {
        if self.known.asked != Some(answer.tag) {
            return Err(answer);
        }
        self.known.asked = None;
        let given =
            answer.decode::<InitProducerIdRequest>().and_then(|response| {
                match ClientError::answered(response.error_code, None) {
                    Some(error) => Err(error),
                    None if response.producer_id.0 < 0 || response.producer_epoch < 0 => {
                        Err(ClientError::malformed("the producer id in it is none"))
                    }
                    None => Ok((response.producer_id.0, response.producer_epoch)),
                }
            });
        match given {
            Ok(identity) => self.known.identity = Some(identity),
            Err(error) => self.no_identity(now, &error),
        }
        Ok(())
    }

    /// Tries again later, or gives up what waits for it.
    fn no_identity(&mut self, now: Now, error: &ClientError) {
        let backoff_ms = self.random.jitter(self.client.retry_backoff_ms);
        self.known.not_before_ms = now.monotonic_ms + backoff_ms;
        if !error.retriable {
            let message = format!("The producer got no producer id: {}", error.message);
            self.abort(&ClientError { message, ..error.clone() });
        }
    }

    /// What an error says of a stamped batch: whether it may be written, whether it may be tried again, and how its
    /// partition goes on.
    pub(super) fn weigh(&mut self, placed: &mut Placed, error: &mut ClientError) {
        let Some(queue) = self.topics.get_mut(placed.topic).and_then(|t| t.queue_at(placed.partition)) else {
            return;
        };
        let batch = &mut placed.batch;
        match error.code {
            // A broker looks for the batch among those it has before it finds it out of order: it is not written.
            // Behind one that is not written yet, this is as it has to be.
            Some(code::OUT_OF_ORDER_SEQUENCE_NUMBER | code::UNKNOWN_PRODUCER_ID) => {
                batch.unknown = false;
                error.retriable = true;
                if queue.is_first(batch) {
                    queue.place.renew_at_least(Renewal::Epoch);
                }
            }
            // Nobody else has this id, unless the broker's storage was put back: only another one helps.
            Some(code::INVALID_PRODUCER_EPOCH) => {
                queue.place.renew_at_least(Renewal::Id);
                error.retriable = !batch.unknown;
                if batch.unknown {
                    error.message = format!(
                        "It was sent, but is not known to be written, and cannot be sent again: {}",
                        error.message
                    );
                }
                batch.unknown = false;
            }
            _ => batch.unknown |= error.outcome_unknown(),
        }
    }

    /// As whom a partition's batches are sent at present.
    pub(crate) fn identity(&self, topic: &str, partition: i32) -> Option<Identity> {
        let topic = self.topics.get(*self.by_name.get(topic)?)?;
        topic.queues().nth(usize::try_from(partition).ok()?)?.place.identity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_go_round() {
        assert_eq!(advance(0, 0), 0);
        assert_eq!(advance(5, 7), 12);
        assert_eq!(advance(i32::MAX, 0), i32::MAX);
        assert_eq!(advance(i32::MAX, 1), 0, "as DefaultRecordBatch.incrementSequence has it");
        assert_eq!(advance(i32::MAX - 2, 10), 7);
    }

    #[test]
    fn a_partition_goes_on_under_its_next_epoch_or_another_id() {
        let mut place = Place { identity: Some((7, 3)), next_sequence: 90, renewal: Renewal::None };
        place.renew_at_least(Renewal::Epoch);
        assert_eq!(place.renew(), None);
        assert_eq!((place.identity, place.next_sequence), (Some((7, 4)), 0));
        place.identity = Some((7, i16::MAX));
        assert_eq!(place.renew(), Some(7), "its epochs are used up");
        assert_eq!((place.identity, place.stamp(0)), (None, None));
        place.identity = Some((8, 0));
        place.renew_at_least(Renewal::Id);
        place.renew_at_least(Renewal::Epoch);
        assert_eq!(place.renew(), Some(8));
    }
}
