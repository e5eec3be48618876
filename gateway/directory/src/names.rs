//! What files and folders are called. Everything that is not called so is nobody's here and stays as it is.

use headwater_engine::{LogId, Offset, SnapshotKind, Uuid};

pub(crate) const LOCK: &str = ".lock";
/// There when the last process ended in order and all that there is is on the medium.
pub(crate) const CLOSED: &str = ".closed";
pub(crate) const PROPERTIES: &str = "meta.properties";
pub(crate) const PARTITION: &str = "partition.metadata";
pub(crate) const LEADER_EPOCHS: &str = "leader-epoch-checkpoint";

/// The end of the name of a folder that is not finished.
const NEW: &str = "-new";
/// The end of the name of a folder that is on its way out, as Kafka's is.
const DELETED: &str = "-delete";
/// The end of the name of a file that is not finished.
const UNFINISHED: &str = ".tmp";

/// A log's folder: `TOPIC-PARTITION`.
pub(crate) fn folder(topic: &str, partition: i32) -> String {
    format!("{topic}-{partition}")
}

/// The partition that a folder's name ends with.
pub(crate) fn partition_of(folder: &str) -> Option<i32> {
    let (_, digits) = folder.rsplit_once('-')?;
    let partition: i32 = digits.parse().ok().filter(|partition| *partition >= 0)?;
    (folder.len() > digits.len() + 1 && partition.to_string() == digits).then_some(partition)
}

/// What a folder is called until all that belongs into it is there.
pub(crate) fn new_folder(log: LogId) -> String {
    format!("{}-{}{NEW}", base64(log.topic_id), log.partition)
}

/// What a folder is called when its log was deleted and its files were not yet.
pub(crate) fn deleted_folder(folder: &str, topic_id: Uuid) -> String {
    format!("{folder}.{:032x}{DELETED}", topic_id.as_u128())
}

/// Whether a folder was left behind half made or half removed.
pub(crate) fn is_left_over(folder: &str) -> bool {
    folder.ends_with(NEW) || folder.ends_with(DELETED)
}

/// What a file is called until all of its content is there.
pub(crate) fn unfinished(name: &str) -> String {
    format!("{name}{UNFINISHED}")
}

pub(crate) fn segment(base_offset: Offset) -> String {
    format!("{base_offset:020}.log")
}

/// The cleaned copy of a segment, as Kafka calls it.
pub(crate) fn cleaned(base_offset: Offset) -> String {
    format!("{base_offset:020}.log.cleaned")
}

pub(crate) fn offset_index(base_offset: Offset) -> String {
    format!("{base_offset:020}.index")
}

pub(crate) fn time_index(base_offset: Offset) -> String {
    format!("{base_offset:020}.timeindex")
}

pub(crate) fn transaction_index(base_offset: Offset) -> String {
    format!("{base_offset:020}.txnindex")
}

/// All that stands beside a segment for Kafka's tools.
pub(crate) fn kafka_indexes(base_offset: Offset) -> [String; 3] {
    [offset_index(base_offset), time_index(base_offset), transaction_index(base_offset)]
}

pub(crate) fn snapshot(kind: SnapshotKind, offset: Offset) -> String {
    let ending = match kind {
        SnapshotKind::SegmentIndex => "segmentindex",
        SnapshotKind::ProducerState => "snapshot",
    };
    format!("{offset:020}.{ending}")
}

/// A file in a log's folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LogFileName {
    Segment(Offset),
    /// The cleaned copy of a segment.
    Cleaned(Offset),
    Snapshot(SnapshotKind, Offset),
    /// An index for Kafka's tools, of the segment that begins there.
    KafkaIndex(Offset),
    State(State),
    Unfinished,
    /// Not looked at here.
    Other,
}

impl LogFileName {
    pub(crate) fn parse(name: &str) -> LogFileName {
        if name.ends_with(UNFINISHED) {
            return LogFileName::Unfinished;
        }
        if let Some(state) = State::parse(name) {
            return LogFileName::State(state);
        }
        let Some((offset, ending)) =
            name.split_once('.').and_then(|(digits, ending)| Some((number(digits)?, ending)))
        else {
            return LogFileName::Other;
        };
        match ending {
            "log" => LogFileName::Segment(offset),
            "log.cleaned" => LogFileName::Cleaned(offset),
            "index" | "timeindex" | "txnindex" => LogFileName::KafkaIndex(offset),
            "segmentindex" => LogFileName::Snapshot(SnapshotKind::SegmentIndex, offset),
            "snapshot" => LogFileName::Snapshot(SnapshotKind::ProducerState, offset),
            _ => LogFileName::Other,
        }
    }
}

/// Where a log begins, and a change of its files that has been begun: the name of an empty file. Renaming it is one step,
/// whatever happens, and takes no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct State {
    pub(crate) log_start_offset: Offset,
    pub(crate) begun: Option<Change>,
}

/// A change of several files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// Segments below are dropped.
    Drop { before: Offset },
    /// The end is cut off.
    Cut { offset: Offset, segment: Offset, position: u64 },
    /// A cleaned copy takes the place of the segments from `start` to before `end`.
    Swap { start: Offset, end: Offset },
}

impl State {
    pub(crate) fn name(self) -> String {
        let start = self.log_start_offset;
        match self.begun {
            None => format!("begins.{start:020}"),
            Some(Change::Drop { before }) => format!("begins.{start:020}.drop.{before:020}"),
            Some(Change::Cut { offset, segment, position }) => {
                format!("begins.{start:020}.cut.{offset:020}.{segment:020}.{position:020}")
            }
            Some(Change::Swap { start: from, end }) => {
                format!("begins.{start:020}.swap.{from:020}.{end:020}")
            }
        }
    }

    fn parse(name: &str) -> Option<State> {
        let mut parts = name.strip_prefix("begins.")?.split('.');
        let log_start_offset = number(parts.next()?)?;
        let begun = match parts.next() {
            None => None,
            Some("drop") => Some(Change::Drop { before: number(parts.next()?)? }),
            Some("cut") => Some(Change::Cut {
                offset: number(parts.next()?)?,
                segment: number(parts.next()?)?,
                position: u64::try_from(number(parts.next()?)?).ok()?,
            }),
            Some("swap") => Some(Change::Swap { start: number(parts.next()?)?, end: number(parts.next()?)? }),
            Some(_) => return None,
        };
        parts.next().is_none().then_some(State { log_start_offset, begun })
    }
}

/// Twenty digits.
fn number(digits: &str) -> Option<i64> {
    (digits.len() == 20 && digits.bytes().all(|digit| digit.is_ascii_digit())).then(|| digits.parse().ok())?
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// An id as Kafka writes it: URL-safe base64 without padding, 22 letters.
pub(crate) fn base64(id: Uuid) -> String {
    let bits = id.as_u128();
    let letter = |index: u32| {
        // 22 letters have room for 132 bits: the last four are zeros.
        let shift = 122_u32.checked_sub(6 * index);
        let six = shift.map_or(bits << 4, |shift| bits >> shift) & 63;
        char::from(LETTERS[six as usize])
    };
    (0..22).map(letter).collect()
}

/// The inverse of [`base64`].
pub(crate) fn from_base64(text: &str) -> Option<Uuid> {
    if text.len() != 22 {
        return None;
    }
    let (mut bits, mut last) = (0_u128, 0);
    for (index, byte) in text.bytes().enumerate() {
        let six = LETTERS.iter().position(|letter| *letter == byte)? as u128;
        if index == 21 {
            bits = (bits << 2) | (six >> 4);
            last = six & 15;
        } else {
            bits = (bits << 6) | six;
        }
    }
    (last == 0).then_some(Uuid::from_u128(bits))
}

/// The content of `partition.metadata`, as Kafka has it (KIP-516).
pub(crate) fn partition_metadata(topic_id: Uuid) -> String {
    format!("version: 0\ntopic_id: {}\n", base64(topic_id))
}

/// The topic's id in a `partition.metadata`.
pub(crate) fn topic_id_in(content: &str) -> Option<Uuid> {
    let mut lines = content.lines();
    let version = lines.next()?.strip_prefix("version: ")?;
    let id = lines.next()?.strip_prefix("topic_id: ")?;
    (version.trim() == "0").then(|| from_base64(id.trim()))?
}
