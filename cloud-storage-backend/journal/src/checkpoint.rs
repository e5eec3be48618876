//! The checkpoint: where anybody begins who knows nothing, and what may be deleted. Segment lists: where records are.

use crate::config::Config;
use crate::request::StoreTime;
use crate::state::State;
use crate::wire::{Decoder, Encoder, Malformed, Unsealed, seal, unseal};
use bytes::Bytes;

const CHECKPOINT: [u8; 3] = *b"HWK";
const LIST: [u8; 3] = *b"HWL";
const SEGMENT: [u8; 3] = *b"HWS";

/// The one object that is updated.
///
/// Collection goes in cycles. A cycle begins with the version that sets `boundary`; the version after it notes when, by
/// the store's clock, that one was written (`began_at`); the first version that is written G later ends the cycle: what
/// lies below the boundary is dead then, and the next cycle begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Checkpoint {
    /// Counts updates, so that no two have the same content, and so no two the same etag.
    pub(crate) version: u64,
    pub(crate) nonce: u64,
    /// The fold of all commits below `state.next`.
    pub(crate) state: State,
    /// The segment list, whose segments have all records of these commits.
    pub(crate) list: Option<String>,
    /// Commits below may be dead soon: nobody may come to them any more.
    pub(crate) boundary: u64,
    /// The version that set the boundary.
    pub(crate) cycle: u64,
    /// When that version was written, by the store's clock.
    pub(crate) began_at: Option<StoreTime>,
    /// Commits below are dead.
    pub(crate) dead_commits: u64,
    /// Segment lists of smaller versions are dead.
    pub(crate) dead_lists: u64,
}

impl Checkpoint {
    pub(crate) fn first(nonce: u64, config: &Config) -> Checkpoint {
        Checkpoint {
            version: 1,
            nonce,
            state: State::first(config.max_producers),
            list: None,
            boundary: 0,
            cycle: 1,
            began_at: None,
            dead_commits: 0,
            dead_lists: 0,
        }
    }

    pub(crate) fn seal(&self) -> Bytes {
        let mut head = Encoder::default();
        head.number(self.version);
        head.fixed(&self.nonce.to_be_bytes());
        head.text(self.list.as_deref().unwrap_or_default());
        head.number(self.boundary);
        head.number(self.cycle);
        head.signed(self.began_at.map_or(-1, |time| time.0));
        head.number(self.dead_commits);
        head.number(self.dead_lists);
        self.state.encode(&mut head);
        seal(CHECKPOINT, &head.0, &[])
    }

    pub(crate) fn unseal(object: &[u8]) -> Result<Checkpoint, Unsealed> {
        let (head, _) = unseal(CHECKPOINT, object)?;
        Checkpoint::decode(&mut Decoder(head)).map_err(Unsealed::Malformed)
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Checkpoint, Malformed> {
        let version = decoder.number()?;
        let nonce = u64::from_be_bytes(decoder.array()?);
        let list = Some(decoder.text()?).filter(|list| !list.is_empty());
        let (boundary, cycle) = (decoder.number()?, decoder.number()?);
        let began_at = Some(StoreTime(decoder.signed()?)).filter(|time| time.0 >= 0);
        let (dead_commits, dead_lists) = (decoder.number()?, decoder.number()?);
        let state = State::decode(decoder)?;
        decoder.end()?;
        Ok(Checkpoint { version, nonce, state, list, boundary, cycle, began_at, dead_commits, dead_lists })
    }
}

/// A batch in a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Stored {
    pub(crate) partition: u32,
    pub(crate) base_offset: i64,
    pub(crate) records: u32,
    /// From the beginning of what the segment's bytes are.
    pub(crate) position: u64,
    pub(crate) length: u32,
    pub(crate) crc: u32,
}

impl Stored {
    pub(crate) fn end_offset(&self) -> i64 {
        self.base_offset + i64::from(self.records)
    }

    /// The batch, of the bytes behind the segment's index; none if they end before.
    pub(crate) fn slice(&self, bytes: &Bytes) -> Option<Bytes> {
        let start = usize::try_from(self.position).ok()?;
        let end = start.checked_add(self.length as usize)?;
        (end <= bytes.len()).then(|| bytes.slice(start..end))
    }
}

/// An object with records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Segment {
    pub(crate) key: String,
    /// How often its records were merged.
    pub(crate) level: u32,
    /// The partitions in it: number, first offset, the one behind the last.
    pub(crate) ranges: Vec<(u32, i64, i64)>,
    /// For an intent that is too large to be copied: what is in it. A segment that was merged has its own index.
    pub(crate) adopted: Option<Vec<Stored>>,
}

/// Where all records of the commits of a checkpoint are.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct SegmentList {
    /// In the order in which they are to be read.
    pub(crate) segments: Vec<Segment>,
    /// Not in the list any more since this cycle: somebody may still be about to read them.
    pub(crate) retired: Vec<String>,
    /// The same since the cycle before: dead when this one ends.
    pub(crate) retired_before: Vec<String>,
}

impl SegmentList {
    pub(crate) fn seal(&self) -> Bytes {
        let mut head = Encoder::default();
        head.count(self.segments.len());
        for segment in &self.segments {
            head.text(&segment.key);
            head.number(segment.level.into());
            head.count(segment.ranges.len());
            for (partition, start, end) in &segment.ranges {
                head.number((*partition).into());
                head.signed(*start);
                head.signed(*end);
            }
            encode_index(&mut head, segment.adopted.as_deref().unwrap_or_default());
        }
        for keys in [&self.retired, &self.retired_before] {
            head.count(keys.len());
            for key in keys {
                head.text(key);
            }
        }
        seal(LIST, &head.0, &[])
    }

    pub(crate) fn unseal(object: &[u8]) -> Result<SegmentList, Unsealed> {
        let (head, _) = unseal(LIST, object)?;
        SegmentList::decode(&mut Decoder(head)).map_err(Unsealed::Malformed)
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<SegmentList, Malformed> {
        let mut list = SegmentList::default();
        for _ in 0..decoder.count()? {
            let (key, level) = (decoder.text()?, decoder.small()?);
            let mut ranges = Vec::new();
            for _ in 0..decoder.count()? {
                ranges.push((decoder.small()?, decoder.signed()?, decoder.signed()?));
            }
            let adopted = Some(decode_index(decoder)?).filter(|index| !index.is_empty());
            list.segments.push(Segment { key, level, ranges, adopted });
        }
        for keys in [&mut list.retired, &mut list.retired_before] {
            for _ in 0..decoder.count()? {
                keys.push(decoder.text()?);
            }
        }
        decoder.end()?;
        Ok(list)
    }
}

/// A segment object: its index, then its bytes.
pub(crate) fn seal_segment(index: &[Stored], body: &[Bytes]) -> Bytes {
    let mut head = Encoder::default();
    encode_index(&mut head, index);
    seal(SEGMENT, &head.0, body)
}

/// The index of a segment object, and where its bytes begin.
pub(crate) fn unseal_segment(object: &[u8]) -> Result<(Vec<Stored>, usize), Unsealed> {
    let (head, body) = unseal(SEGMENT, object)?;
    let mut decoder = Decoder(head);
    let index = decode_index(&mut decoder).map_err(Unsealed::Malformed)?;
    decoder.end().map_err(Unsealed::Malformed)?;
    Ok((index, body))
}

/// The partitions of an index, with their first offsets and the ones behind the last.
pub(crate) fn ranges(index: &[Stored]) -> Vec<(u32, i64, i64)> {
    let mut ranges: Vec<(u32, i64, i64)> = Vec::new();
    for stored in index {
        match ranges.iter_mut().find(|range| range.0 == stored.partition) {
            Some(range) => range.2 = stored.end_offset(),
            None => ranges.push((stored.partition, stored.base_offset, stored.end_offset())),
        }
    }
    ranges
}

fn encode_index(encoder: &mut Encoder, index: &[Stored]) {
    encoder.count(index.len());
    for stored in index {
        encoder.number(stored.partition.into());
        encoder.signed(stored.base_offset);
        encoder.number(stored.records.into());
        encoder.number(stored.position);
        encoder.number(stored.length.into());
        encoder.fixed(&stored.crc.to_be_bytes());
    }
}

fn decode_index(decoder: &mut Decoder<'_>) -> Result<Vec<Stored>, Malformed> {
    let mut index = Vec::new();
    for _ in 0..decoder.count()? {
        index.push(Stored {
            partition: decoder.small()?,
            base_offset: decoder.signed()?,
            records: decoder.small()?,
            position: decoder.number()?,
            length: decoder.small()?,
            crc: u32::from_be_bytes(decoder.array()?),
        });
    }
    Ok(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Unsealed;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            version: 300,
            list: Some("l/1".to_owned()),
            boundary: 7,
            began_at: Some(StoreTime(1_700_000_000_000)),
            dead_commits: 3,
            ..Checkpoint::first(u64::MAX, &Config::default())
        }
    }

    fn list() -> SegmentList {
        let stored =
            Stored { partition: 3, base_offset: 4_000, records: 70, position: 9, length: 300, crc: 1 };
        let index = vec![stored];
        let segment = Segment { key: "i/2".into(), level: 2, ranges: ranges(&index), adopted: Some(index) };
        SegmentList { segments: vec![segment], retired: vec!["s/1".into()], retired_before: Vec::new() }
    }

    #[test]
    fn what_is_sealed_is_unsealed() {
        assert_eq!(Checkpoint::unseal(&checkpoint().seal()), Ok(checkpoint()));
        assert_eq!(SegmentList::unseal(&list().seal()), Ok(list()));
    }

    #[test]
    fn whatever_is_cut_off_or_changed_is_refused() {
        let objects = [checkpoint().seal(), list().seal()];
        let fails = |bytes: &[u8]| Checkpoint::unseal(bytes).is_err() && SegmentList::unseal(bytes).is_err();
        for object in &objects {
            for length in 0..object.len() {
                assert!(fails(&object[..length]), "cut off at {length}");
            }
            for bit in 0..object.len() * 8 {
                let mut bytes = object.to_vec();
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert!(fails(&bytes), "bit {bit}");
            }
        }
    }

    #[test]
    fn another_version_of_the_format_is_named() {
        let mut bytes = checkpoint().seal().to_vec();
        bytes[3] = 2;
        assert_eq!(Checkpoint::unseal(&bytes), Err(Unsealed::Version(2)));
    }
}
