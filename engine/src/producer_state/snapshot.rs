//! Producer states as a snapshot, `docs/format.md`.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{BatchMark, MAX_PRODUCERS, ProducerState, ProducerStates, REMEMBERED_BATCHES};
use crate::record::crc32c;
use crate::sorted::SortedMap;

const FORMAT: u8 = 1;

impl ProducerStates {
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = vec![FORMAT];
        for (producer, state) in self.known.iter() {
            out.extend(producer.to_be_bytes());
            out.extend(state.epoch.to_be_bytes());
            out.extend(state.last_timestamp.to_be_bytes());
            // At most REMEMBERED_BATCHES.
            out.push(state.batches.len() as u8);
            for batch in &state.batches {
                out.extend(batch.base_sequence.to_be_bytes());
                out.extend(batch.last_sequence.to_be_bytes());
                out.extend(batch.base_offset.to_be_bytes());
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
        let (format, rest) = content.split_first()?;
        let mut rest = (*format == FORMAT).then_some(rest)?;
        let mut states = SortedMap::new();
        while !rest.is_empty() && states.len() < MAX_PRODUCERS {
            let producer = i64::from_be_bytes(take(&mut rest)?);
            states.insert(producer, state(&mut rest)?);
        }
        rest.is_empty().then_some(ProducerStates { known: states, refused: SortedMap::new() })
    }
}

fn state(rest: &mut &[u8]) -> Option<ProducerState> {
    let epoch = i16::from_be_bytes(take(rest)?);
    let last_timestamp = i64::from_be_bytes(take(rest)?);
    let [count] = take(rest)?;
    let mut batches = VecDeque::new();
    for _ in 0..usize::from(count).min(REMEMBERED_BATCHES) {
        batches.push_back(BatchMark {
            base_sequence: i32::from_be_bytes(take(rest)?),
            last_sequence: i32::from_be_bytes(take(rest)?),
            base_offset: i64::from_be_bytes(take(rest)?),
        });
    }
    Some(ProducerState { epoch, batches, last_timestamp })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*taken)
}
