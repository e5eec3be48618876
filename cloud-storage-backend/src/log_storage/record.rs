//! The records of the stream, and the state as an object.

use bytes::Bytes;
use headwater_engine::LogId;
use headwater_journal::wire::{Decoder, Encoder, Malformed, Unsealed, seal, unseal};

use super::content::{Content, ObjectId};
use super::state::{Change, State, kind_number, kind_of};

const RECORD: [u8; 3] = *b"HWO";
const STATE: [u8; 3] = *b"HWT";

/// A record, and the epoch of the owner that wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Record {
    pub(super) epoch: u32,
    pub(super) what: What,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum What {
    /// Nothing: an owner begins, or finds out what came of the records before.
    Mark { nonce: u64 },
    /// The state as of all records below `below` is this object.
    Checkpoint { below: i64, object: ObjectId },
    /// Changes that are made together.
    Changes {
        /// An object that was written for them, and its bytes.
        object: Option<(ObjectId, u64)>,
        changes: Vec<(LogId, Change)>,
    },
}

impl Record {
    pub(super) fn seal(&self) -> Bytes {
        let (mut head, mut body) = (Encoder::default(), Vec::new());
        head.number(self.epoch.into());
        match &self.what {
            What::Mark { nonce } => {
                head.number(0);
                head.fixed(&nonce.to_be_bytes());
            }
            What::Checkpoint { below, object } => {
                head.number(1);
                head.signed(*below);
                object.encode(&mut head);
            }
            What::Changes { object, changes } => {
                head.number(2 + u64::from(object.is_some()));
                if let Some((object, size)) = object {
                    object.encode(&mut head);
                    head.number(*size);
                }
                head.count(changes.len());
                for (log, change) in changes {
                    head.fixed(&log.to_bytes());
                    encode(change, &mut head, &mut body);
                }
            }
        }
        seal(RECORD, &head.0, &body)
    }

    /// `numbers` names what is in memory.
    pub(super) fn unseal(record: &Bytes, numbers: &mut u64) -> Result<Record, Unsealed> {
        let (head, body) = unseal(RECORD, record)?;
        Record::decode(&mut Decoder(head), record.slice(body..), numbers).map_err(Unsealed::Malformed)
    }

    fn decode(decoder: &mut Decoder<'_>, mut body: Bytes, numbers: &mut u64) -> Result<Record, Malformed> {
        let epoch = decoder.small()?;
        let what = match decoder.number()? {
            0 => What::Mark { nonce: u64::from_be_bytes(decoder.array()?) },
            1 => What::Checkpoint { below: decoder.signed()?, object: ObjectId::decode(decoder)? },
            kind @ (2 | 3) => {
                let object = match kind {
                    2 => None,
                    _ => Some((ObjectId::decode(decoder)?, decoder.number()?)),
                };
                let mut changes = Vec::new();
                for _ in 0..decoder.count()? {
                    let log = LogId::from_bytes(decoder.array()?);
                    changes.push((log, decode(decoder, &mut body, numbers)?));
                }
                What::Changes { object, changes }
            }
            _ => return Err(Malformed("a record of a kind that is not known")),
        };
        decoder.end()?;
        if body.is_empty() {
            Ok(Record { epoch, what })
        } else {
            Err(Malformed("more bytes than there should be"))
        }
    }
}

fn encode(change: &Change, head: &mut Encoder, body: &mut Vec<Bytes>) {
    match change {
        Change::Append { segment, position, content } => {
            head.number(0);
            head.signed(*segment);
            head.number(*position);
            content.encode(head, body);
        }
        Change::PutSnapshot { kind, offset, content } => {
            head.number(1);
            head.number(kind_number(*kind));
            head.signed(*offset);
            content.encode(head, body);
        }
        Change::DeleteSnapshot { kind, offset } => {
            head.number(2);
            head.number(kind_number(*kind));
            head.signed(*offset);
        }
        Change::Truncate { offset, segment, position } => {
            head.number(3);
            head.signed(*offset);
            head.signed(*segment);
            head.number(*position);
        }
        Change::DeleteSegments { before, log_start_offset } => {
            head.number(4 + u64::from(log_start_offset.is_some()));
            head.signed(*before);
            if let Some(start) = log_start_offset {
                head.signed(*start);
            }
        }
        Change::Delete => head.number(6),
        Change::AppendCleaned { segment, position, content } => {
            head.number(7);
            head.signed(*segment);
            head.number(*position);
            content.encode(head, body);
        }
        Change::ReplaceSegments { segments, size } => {
            head.number(8);
            head.signed(segments.start);
            head.signed(segments.end);
            head.number(*size);
        }
    }
}

fn decode(decoder: &mut Decoder<'_>, body: &mut Bytes, numbers: &mut u64) -> Result<Change, Malformed> {
    Ok(match decoder.number()? {
        0 => Change::Append {
            segment: decoder.signed()?,
            position: decoder.number()?,
            content: Content::decode(decoder, body, numbers)?,
        },
        1 => Change::PutSnapshot {
            kind: kind_of(decoder.number()?)?,
            offset: decoder.signed()?,
            content: Content::decode(decoder, body, numbers)?,
        },
        2 => Change::DeleteSnapshot { kind: kind_of(decoder.number()?)?, offset: decoder.signed()? },
        3 => Change::Truncate {
            offset: decoder.signed()?,
            segment: decoder.signed()?,
            position: decoder.number()?,
        },
        4 => Change::DeleteSegments { before: decoder.signed()?, log_start_offset: None },
        5 => Change::DeleteSegments { before: decoder.signed()?, log_start_offset: Some(decoder.signed()?) },
        6 => Change::Delete,
        7 => Change::AppendCleaned {
            segment: decoder.signed()?,
            position: decoder.number()?,
            content: Content::decode(decoder, body, numbers)?,
        },
        8 => Change::ReplaceSegments {
            segments: decoder.signed()?..decoder.signed()?,
            size: decoder.number()?,
        },
        _ => return Err(Malformed("a change of a kind that is not known")),
    })
}

/// The state as an object.
pub(super) fn seal_state(state: &State) -> Bytes {
    let mut head = Encoder::default();
    state.encode(&mut head);
    seal(STATE, &head.0, &[])
}

pub(super) fn unseal_state(object: &[u8]) -> Result<State, Unsealed> {
    let (head, _) = unseal(STATE, object)?;
    State::decode(&mut Decoder(head)).map_err(Unsealed::Malformed)
}
