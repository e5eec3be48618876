//! Producer states as a snapshot, `docs/format.md`.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{
    AbortedTransaction, BatchMark, MAX_PRODUCERS, ProducerState, ProducerStates, REMEMBERED_BATCHES,
};
use crate::record::crc32c;

const FORMAT: u8 = 2;
/// Without transactions.
const FIRST_FORMAT: u8 = 1;

impl ProducerStates {
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = vec![FORMAT];
        // At most MAX_PRODUCERS.
        out.extend((self.known.len() as u32).to_be_bytes());
        for (producer, state) in self.known.iter() {
            out.extend(producer.to_be_bytes());
            out.extend(state.epoch.to_be_bytes());
            out.extend(state.last_timestamp.to_be_bytes());
            out.extend(state.coordinator_epoch.to_be_bytes());
            out.extend(state.open.unwrap_or(-1).to_be_bytes());
            // At most REMEMBERED_BATCHES.
            out.push(state.batches.len() as u8);
            for batch in &state.batches {
                out.extend(batch.base_sequence.to_be_bytes());
                out.extend(batch.last_sequence.to_be_bytes());
                out.extend(batch.base_offset.to_be_bytes());
            }
        }
        for aborted in &self.transactions.aborted {
            let AbortedTransaction { producer_id, first_offset, last_offset, last_stable_offset } = aborted;
            for field in [producer_id, first_offset, last_offset, last_stable_offset] {
                out.extend(field.to_be_bytes());
            }
        }
        let crc = crc32c(&out);
        out.extend(crc.to_be_bytes());
        Bytes::from(out)
    }

    /// The inverse of [`ProducerStates::encode`]; none if the bytes are not such a snapshot. It can be made again from
    /// the batches, so damage is no loss.
    pub(crate) fn decode(snapshot: &[u8]) -> Option<ProducerStates> {
        let (content, crc) = snapshot.split_last_chunk()?;
        if u32::from_be_bytes(*crc) != crc32c(content) {
            return None;
        }
        let (format, mut rest) = content.split_first()?;
        let has_transactions = match *format {
            FORMAT => true,
            FIRST_FORMAT => false,
            _ => return None,
        };
        let mut states = ProducerStates::default();
        let count =
            if has_transactions { u32::from_be_bytes(take(&mut rest)?) as usize } else { MAX_PRODUCERS };
        while !rest.is_empty() && states.known.len() < count.min(MAX_PRODUCERS) {
            let producer = i64::from_be_bytes(take(&mut rest)?);
            let state = state(&mut rest, has_transactions)?;
            states.transactions.open.extend(state.open.map(|open| (open, producer)));
            states.known.insert(producer, state);
        }
        while has_transactions && !rest.is_empty() {
            states.transactions.aborted.push(AbortedTransaction {
                producer_id: i64::from_be_bytes(take(&mut rest)?),
                first_offset: i64::from_be_bytes(take(&mut rest)?),
                last_offset: i64::from_be_bytes(take(&mut rest)?),
                last_stable_offset: i64::from_be_bytes(take(&mut rest)?),
            });
        }
        rest.is_empty().then_some(states)
    }
}

fn state(rest: &mut &[u8], has_transactions: bool) -> Option<ProducerState> {
    let epoch = i16::from_be_bytes(take(rest)?);
    let last_timestamp = i64::from_be_bytes(take(rest)?);
    let (coordinator_epoch, open) = match has_transactions {
        true => (i32::from_be_bytes(take(rest)?), i64::from_be_bytes(take(rest)?)),
        false => (-1, -1),
    };
    let [count] = take(rest)?;
    let mut batches = VecDeque::new();
    for _ in 0..usize::from(count).min(REMEMBERED_BATCHES) {
        batches.push_back(BatchMark {
            base_sequence: i32::from_be_bytes(take(rest)?),
            last_sequence: i32::from_be_bytes(take(rest)?),
            base_offset: i64::from_be_bytes(take(rest)?),
        });
    }
    let open = Some(open).filter(|&open| open >= 0);
    Some(ProducerState { epoch, batches, last_timestamp, coordinator_epoch, open })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*taken)
}
