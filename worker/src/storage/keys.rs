//! The binary keys of the database's rows. IndexedDB compares them byte by byte, so that all rows of a log, of a
//! segment, or from a position on lie next to each other.

use std::ops::Range;

use headwater_engine::{LogId, Offset, SnapshotKind};

/// Length of a log's name in every key.
const LOG_LENGTH: usize = 20;

/// Names a row of the store `chunk`: which bytes of which segment it holds.
///
/// The length stands in the key so that the keys alone tell where each segment ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct ChunkKey {
    pub(super) log: LogId,
    /// The name of the segment's rows: see [`other_side`].
    pub(super) segment: Offset,
    /// Position in the segment of the row's first byte.
    pub(super) position: u64,
    /// How many bytes the row holds.
    pub(super) length: u32,
}

impl ChunkKey {
    pub(super) const LENGTH: usize = LOG_LENGTH + 8 + 8 + 4;

    pub(super) fn to_bytes(self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..20].copy_from_slice(&self.log.to_bytes());
        bytes[20..28].copy_from_slice(&self.segment.to_be_bytes());
        bytes[28..36].copy_from_slice(&self.position.to_be_bytes());
        bytes[36..].copy_from_slice(&self.length.to_be_bytes());
        bytes
    }

    /// `None` for bytes that are no such key.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<ChunkKey> {
        let (log, bytes) = bytes.split_first_chunk::<LOG_LENGTH>()?;
        let (segment, bytes) = bytes.split_first_chunk::<8>()?;
        let (position, bytes) = bytes.split_first_chunk::<8>()?;
        let length: [u8; 4] = bytes.try_into().ok()?;
        Some(ChunkKey {
            log: LogId::from_bytes(*log),
            segment: Offset::from_be_bytes(*segment),
            position: u64::from_be_bytes(*position),
            length: u32::from_be_bytes(length),
        })
    }

    /// The key of the row that says that the others of its name are a copy under way and no segment. No other is of no bytes.
    pub(super) fn copy_tag(log: LogId, segment: Offset) -> ChunkKey {
        ChunkKey { log, segment, position: 0, length: 0 }
    }

    /// Position after the row's last byte.
    pub(super) fn end(self) -> u64 {
        self.position + u64::from(self.length)
    }
}

/// A segment's rows have one of two names: its first offset, or the same with the highest bit set, so that a cleaned copy
/// can lie beside the segment whose place it is to take. This is the other one.
pub(super) fn other_side(name: Offset) -> Offset {
    name ^ Offset::MIN
}

/// The first offset of the segment whose rows have this name.
pub(super) fn segment_of(name: Offset) -> Offset {
    name & Offset::MAX
}

/// Names a row of the store `snapshot`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SnapshotKey {
    pub(super) log: LogId,
    pub(super) kind: SnapshotKind,
    /// The offset that the snapshot stands for, never negative.
    pub(super) offset: Offset,
}

/// All kinds of snapshots, for what concerns each.
pub(super) const SNAPSHOT_KINDS: [SnapshotKind; 2] =
    [SnapshotKind::SegmentIndex, SnapshotKind::ProducerState];

impl SnapshotKey {
    pub(super) const LENGTH: usize = LOG_LENGTH + 1 + 8;

    pub(super) fn to_bytes(self) -> [u8; Self::LENGTH] {
        place(self.log, kind_code(self.kind), self.offset)
    }

    /// `None` for bytes that are no such key.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<SnapshotKey> {
        let (log, bytes) = bytes.split_first_chunk::<LOG_LENGTH>()?;
        let (&code, bytes) = bytes.split_first()?;
        let offset: [u8; 8] = bytes.try_into().ok()?;
        let kind = SNAPSHOT_KINDS.into_iter().find(|kind| kind_code(*kind) == code)?;
        Some(SnapshotKey { log: LogId::from_bytes(*log), kind, offset: Offset::from_be_bytes(offset) })
    }
}

/// The kind of the row that marks where a log begins, by its offset; it has no content. It lies with the snapshots and is
/// none: truncation leaves it.
const LOG_START: u8 = 3;

/// The key of the mark that a log begins at an offset.
pub(super) fn log_start_key(log: LogId, offset: Offset) -> Vec<u8> {
    place(log, LOG_START, offset).to_vec()
}

/// The offset at which a log begins, if that is what a key of the store `snapshot` says.
pub(super) fn log_start_of(key: &[u8]) -> Option<Offset> {
    let (_, rest) = key.split_first_chunk::<LOG_LENGTH>()?;
    let (&code, offset) = rest.split_first()?;
    (code == LOG_START).then(|| offset.try_into().ok().map(Offset::from_be_bytes)).flatten()
}

fn place(log: LogId, code: u8, offset: Offset) -> [u8; SnapshotKey::LENGTH] {
    let mut bytes = [0; SnapshotKey::LENGTH];
    bytes[..20].copy_from_slice(&log.to_bytes());
    bytes[20] = code;
    bytes[21..].copy_from_slice(&offset.max(0).to_be_bytes());
    bytes
}

fn kind_code(kind: SnapshotKind) -> u8 {
    match kind {
        SnapshotKind::SegmentIndex => 1,
        SnapshotKind::ProducerState => 2,
    }
}

/// Keys from the first, which is among them, to the second, which is not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct KeySpan {
    pub(super) from: Vec<u8>,
    pub(super) to: Vec<u8>,
}

impl KeySpan {
    /// Whether no key lies in it. IndexedDB takes no such range.
    pub(super) fn is_empty(&self) -> bool {
        self.from >= self.to
    }

    /// Every row of a log, in either store.
    pub(super) fn log(log: LogId) -> KeySpan {
        KeySpan { from: log.to_bytes().to_vec(), to: after_log(log) }
    }

    /// The chunks of a log's segments from this one, and in it from this position on; only those that have names of the same
    /// side.
    pub(super) fn chunks_from(log: LogId, segment: Offset, position: u64) -> KeySpan {
        let to = if segment < 0 { after_log(log) } else { second_side(log) };
        KeySpan { from: chunk_place(log, segment, position), to }
    }

    /// The chunks of a log's segments below this one; only those that have names of the same side.
    pub(super) fn chunks_below(log: LogId, segment: Offset) -> KeySpan {
        let from = if segment < 0 { second_side(log) } else { log.to_bytes().to_vec() };
        KeySpan { from, to: chunk_place(log, segment, 0) }
    }

    /// All chunks of this name, with the tag of a copy.
    pub(super) fn chunks_of(log: LogId, segment: Offset) -> KeySpan {
        let from = chunk_place(log, segment, 0)[..28].to_vec();
        let mut to = from.clone();
        to.extend_from_slice(&[0xff; 13]);
        KeySpan { from, to }
    }

    /// Only the tag of a copy.
    pub(super) fn copy_tag(log: LogId, segment: Offset) -> KeySpan {
        let from = ChunkKey::copy_tag(log, segment).to_bytes().to_vec();
        let mut to = from.clone();
        to.push(0);
        KeySpan { from, to }
    }

    /// The chunks of a segment that begin at these positions.
    pub(super) fn chunks(log: LogId, segment: Offset, positions: Range<u64>) -> KeySpan {
        KeySpan {
            from: chunk_place(log, segment, positions.start),
            to: chunk_place(log, segment, positions.end),
        }
    }

    /// The snapshots of one kind that stand for offsets above this one.
    pub(super) fn snapshots_above(log: LogId, kind: SnapshotKind, offset: Offset) -> KeySpan {
        let mut from = SnapshotKey { log, kind, offset: offset.max(0) }.to_bytes().to_vec();
        from.push(0);
        KeySpan { from, to: after_kind(log, kind) }
    }

    /// The snapshots of one kind that stand for offsets up to this one.
    pub(super) fn snapshots_up_to(log: LogId, kind: SnapshotKind, offset: Offset) -> KeySpan {
        let KeySpan { from, mut to } = KeySpan::snapshots_below(log, kind, offset);
        to.push(0);
        KeySpan { from, to }
    }

    /// The snapshots of one kind that stand for offsets below this one.
    pub(super) fn snapshots_below(log: LogId, kind: SnapshotKind, offset: Offset) -> KeySpan {
        let code = kind_code(kind);
        KeySpan { from: place(log, code, 0).to_vec(), to: place(log, code, offset).to_vec() }
    }

    /// The snapshots of one kind that stand for offsets above the first and up to the second.
    pub(super) fn snapshots_within(log: LogId, kind: SnapshotKind, offsets: &Range<Offset>) -> KeySpan {
        let KeySpan { from, .. } = KeySpan::snapshots_above(log, kind, offsets.start);
        let KeySpan { to, .. } = KeySpan::snapshots_up_to(log, kind, offsets.end);
        KeySpan { from, to }
    }

    /// The marks of a log's start that are below this one.
    pub(super) fn log_starts_below(log: LogId, offset: Offset) -> KeySpan {
        KeySpan { from: log_start_key(log, 0), to: log_start_key(log, offset) }
    }
}

fn chunk_place(log: LogId, segment: Offset, position: u64) -> Vec<u8> {
    ChunkKey { log, segment, position, length: 0 }.to_bytes()[..36].to_vec()
}

/// Sorts behind every key of the log and before those of the next.
fn after_log(log: LogId) -> Vec<u8> {
    let mut bytes = log.to_bytes().to_vec();
    bytes.extend_from_slice(&[0xff; 21]);
    bytes
}

/// Sorts between the two sides of the log's chunks.
fn second_side(log: LogId) -> Vec<u8> {
    let mut bytes = log.to_bytes().to_vec();
    bytes.push(0x80);
    bytes
}

fn after_kind(log: LogId, kind: SnapshotKind) -> Vec<u8> {
    let mut bytes = log.to_bytes().to_vec();
    bytes.push(kind_code(kind) + 1);
    bytes
}

#[cfg(test)]
mod tests {
    use headwater_engine::Uuid;

    use super::*;

    fn log(id: u128, partition: i32) -> LogId {
        LogId { topic_id: Uuid::from_u128(id), partition }
    }

    fn chunk(log: LogId, segment: Offset, position: u64, length: u32) -> ChunkKey {
        ChunkKey { log, segment, position, length }
    }

    fn holds(span: &KeySpan, key: &[u8]) -> bool {
        span.from.as_slice() <= key && key < span.to.as_slice()
    }

    #[test]
    fn chunk_keys_have_golden_bytes() {
        let key = chunk(log(0x0102, 3), 4, 5, 6);
        let mut expected = [0; 40];
        (expected[14], expected[15], expected[19], expected[27], expected[35], expected[39]) =
            (1, 2, 3, 4, 5, 6);
        assert_eq!(key.to_bytes(), expected);
        assert_eq!(ChunkKey::from_bytes(&expected), Some(key));
        assert_eq!(ChunkKey::from_bytes(&expected[1..]), None);
        assert_eq!(ChunkKey::from_bytes(&[0; 41]), None);
    }

    #[test]
    fn snapshot_keys_come_back() {
        for kind in SNAPSHOT_KINDS {
            let key = SnapshotKey { log: log(7, i32::MAX), kind, offset: i64::MAX };
            assert_eq!(SnapshotKey::from_bytes(&key.to_bytes()), Some(key));
        }
        let mut unknown = SnapshotKey { log: log(7, 1), kind: SNAPSHOT_KINDS[0], offset: 1 }.to_bytes();
        unknown[20] = 9;
        assert_eq!(SnapshotKey::from_bytes(&unknown), None);
    }

    #[test]
    fn keys_sort_as_what_they_name() {
        let sorted = [
            chunk(log(1, 0), 0, 0, 500),
            chunk(log(1, 0), 0, 500, 1),
            chunk(log(1, 0), 0, 501, 70_000),
            chunk(log(1, 0), 256, 0, 1),
            chunk(log(1, 1), 0, 0, 1),
            chunk(log(2, 0), 0, 0, 1),
            chunk(log(u128::MAX, i32::MAX), i64::MAX, u64::MAX, u32::MAX),
        ];
        for pair in sorted.windows(2) {
            assert!(pair[0].to_bytes() < pair[1].to_bytes(), "{pair:?}");
        }
    }

    #[test]
    fn spans_hold_what_they_say() {
        let this = log(5, 1);
        let last = chunk(this, i64::MAX, u64::MAX, u32::MAX).to_bytes();
        for other in [log(5, 0), log(5, 2), log(4, i32::MAX), log(6, 0)] {
            let key = chunk(other, 0, 0, 1).to_bytes();
            assert!(!holds(&KeySpan::log(this), &key));
            assert!(!holds(&KeySpan::chunks_from(this, 0, 0), &key));
        }
        assert!(holds(&KeySpan::log(this), &last));
        assert!(holds(
            &KeySpan::log(this),
            &SnapshotKey { log: this, kind: SNAPSHOT_KINDS[1], offset: i64::MAX }.to_bytes()
        ));

        let from = KeySpan::chunks_from(this, 10, 100);
        assert!(holds(&from, &chunk(this, 10, 100, 1).to_bytes()) && holds(&from, &last));
        assert!(!holds(&from, &chunk(this, 10, 99, u32::MAX).to_bytes()));

        let below = KeySpan::chunks_below(this, 10);
        assert!(holds(&below, &chunk(this, 9, u64::MAX, 1).to_bytes()));
        assert!(!holds(&below, &chunk(this, 10, 0, 0).to_bytes()));

        let some = KeySpan::chunks(this, 10, 100..200);
        assert!(holds(&some, &chunk(this, 10, 199, 9).to_bytes()));
        assert!(!holds(&some, &chunk(this, 10, 200, 9).to_bytes()));
    }

    #[test]
    fn the_two_sides_of_a_segment_lie_apart() {
        let this = log(5, 1);
        let (one, other) = (10, other_side(10));
        assert!(other < 0 && other_side(other) == one && segment_of(other) == one && segment_of(one) == one);
        for (name, beside) in [(one, other), (other, one)] {
            let key = chunk(this, name, 5, 5).to_bytes();
            let tag = ChunkKey::copy_tag(this, name).to_bytes();
            assert!(holds(&KeySpan::log(this), &key));
            for span in [KeySpan::chunks_of, |log, name| KeySpan::chunks_from(log, name, 0)] {
                assert!(holds(&span(this, name), &key) && holds(&span(this, name), &tag));
                assert!(!holds(&span(this, beside), &key) && !holds(&span(this, beside), &tag));
            }
            assert!(!holds(&KeySpan::chunks_of(this, name), &chunk(this, name + 1, 0, 0).to_bytes()));
            assert!(holds(&KeySpan::chunks_below(this, name + 1), &key));
            assert!(!holds(&KeySpan::chunks_below(this, beside + 1), &key));
            assert!(
                holds(&KeySpan::copy_tag(this, name), &tag) && !holds(&KeySpan::copy_tag(this, name), &key)
            );
            assert!(!holds(&KeySpan::copy_tag(this, name), &chunk(this, name, 0, 1).to_bytes()));
        }
        assert!(holds(&KeySpan::log(this), &chunk(this, -1, u64::MAX, u32::MAX).to_bytes()));
        assert!(!holds(&KeySpan::log(this), &chunk(log(5, 2), 0, 0, 0).to_bytes()));
    }

    #[test]
    fn snapshot_spans_divide_at_the_offset() {
        let this = log(5, 1);
        for kind in SNAPSHOT_KINDS {
            for (offset, above) in [(0, false), (10, false), (11, true), (i64::MAX, true)] {
                let key = SnapshotKey { log: this, kind, offset }.to_bytes();
                assert_eq!(holds(&KeySpan::snapshots_above(this, kind, 10), &key), above);
                assert_eq!(holds(&KeySpan::snapshots_up_to(this, kind, 10), &key), !above);
                assert_eq!(holds(&KeySpan::snapshots_below(this, kind, 10), &key), offset < 10);
                assert!(!holds(&KeySpan::log_starts_below(this, i64::MAX), &key));
            }
            assert!(KeySpan::snapshots_below(this, kind, 0).is_empty());
        }
    }

    #[test]
    fn log_starts_lie_with_the_snapshots_and_are_none() {
        let this = log(5, 1);
        let key = log_start_key(this, 10);
        assert_eq!(key[20], 3);
        assert_eq!(log_start_of(&key), Some(10));
        assert_eq!(SnapshotKey::from_bytes(&key), None);
        assert!(holds(&KeySpan::log(this), &key));
        assert!(holds(&KeySpan::log_starts_below(this, 11), &key));
        assert!(!holds(&KeySpan::log_starts_below(this, 10), &key));
        for kind in SNAPSHOT_KINDS {
            assert!(!holds(&KeySpan::snapshots_above(this, kind, 0), &key));
            assert_eq!(log_start_of(&SnapshotKey { log: this, kind, offset: 10 }.to_bytes()), None);
        }
    }
}
