//! Where the bytes of a segment or a snapshot are.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use headwater_journal::wire::{Decoder, Encoder, Malformed};

/// A piece in an object has no more bytes: it is read whole, for its checksum.
pub(super) const PIECE_BYTES: usize = 1024 * 1024;

/// Names an object: the owner that wrote it, and which of its objects it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct ObjectId {
    pub(super) epoch: u32,
    pub(super) number: u64,
}

impl ObjectId {
    pub(super) fn encode(self, encoder: &mut Encoder) {
        encoder.number(self.epoch.into());
        encoder.number(self.number);
    }

    pub(super) fn decode(decoder: &mut Decoder<'_>) -> Result<ObjectId, Malformed> {
        Ok(ObjectId { epoch: decoder.small()?, number: decoder.number()? })
    }
}

/// Where a piece is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum At {
    /// Here, and in a record of the stream. The number is that of no other piece.
    Memory {
        number: u64,
        bytes: Bytes,
    },
    Object(Stored),
}

/// Bytes in an object.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Stored {
    pub(super) object: ObjectId,
    pub(super) position: u64,
    /// As it was written; what was cut off later is still there.
    pub(super) length: u32,
    /// The CRC-32C of all of that.
    pub(super) crc: u32,
}

/// Names a piece.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum PieceId {
    Memory(u64),
    Object(ObjectId, u64),
}

/// A run of bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Piece {
    /// How many of its bytes, from its first, belong here.
    pub(super) length: u32,
    pub(super) at: At,
}

impl Piece {
    pub(super) fn id(&self) -> PieceId {
        match &self.at {
            At::Memory { number, .. } => PieceId::Memory(*number),
            At::Object(stored) => PieceId::Object(stored.object, stored.position),
        }
    }
}

/// The bytes of a segment or of a snapshot.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Content {
    pub(super) size: u64,
    pub(super) pieces: Vec<Piece>,
}

/// What pieces became when they were written anew: by the first of those that became one run.
pub(super) type Moves = BTreeMap<PieceId, Moved>;

#[derive(Clone, Debug)]
pub(super) struct Moved {
    /// The pieces that follow one another, by their names.
    pub(super) from: Vec<PieceId>,
    pub(super) to: Vec<Piece>,
}

impl Content {
    /// What is in memory only.
    pub(super) fn memory(number: u64, bytes: Bytes) -> Content {
        let size = bytes.len() as u64;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let piece = Piece { length, at: At::Memory { number, bytes } };
        Content { size, pieces: if size == 0 { Vec::new() } else { vec![piece] } }
    }

    pub(super) fn append(&mut self, other: Content) {
        self.size += other.size;
        self.pieces.extend(other.pieces);
    }

    pub(super) fn truncate(&mut self, size: u64) {
        let mut left = size;
        self.pieces.retain_mut(|piece| {
            let keep = left.min(piece.length.into());
            piece.length = u32::try_from(keep).unwrap_or(piece.length);
            left -= keep;
            keep > 0
        });
        self.size = self.size.min(size);
    }

    /// The pieces with bytes of a range, and where the first of them begins.
    pub(super) fn within(&self, range: &Range<u64>) -> (u64, Vec<Piece>) {
        let (mut position, mut first, mut pieces) = (0, 0, Vec::new());
        for piece in &self.pieces {
            let end = position + u64::from(piece.length);
            if end > range.start && position < range.end {
                if pieces.is_empty() {
                    first = position;
                }
                pieces.push(piece.clone());
            }
            position = end;
        }
        (first, pieces)
    }

    /// Bytes that are in memory only.
    pub(super) fn memory_bytes(&self) -> u64 {
        let in_memory = self.pieces.iter().filter(|piece| matches!(piece.at, At::Memory { .. }));
        in_memory.map(|piece| u64::from(piece.length)).sum()
    }

    /// Takes pieces in that were written anew. Meanwhile some of them may have been cut off at the end, or all be gone.
    pub(super) fn apply(&mut self, moves: &Moves) {
        let mut index = 0;
        while let Some(piece) = self.pieces.get(index) {
            let Some(moved) = moves.get(&piece.id()) else {
                index += 1;
                continue;
            };
            let rest = &self.pieces[index..];
            let same = rest.iter().zip(&moved.from).take_while(|(piece, id)| piece.id() == **id).count();
            let mut left: u64 = rest[..same].iter().map(|piece| u64::from(piece.length)).sum();
            let mut to = Vec::new();
            for piece in &moved.to {
                let length = left.min(piece.length.into());
                left -= length;
                if length > 0 {
                    let length = u32::try_from(length).unwrap_or(piece.length);
                    to.push(Piece { length, ..piece.clone() });
                }
            }
            let count = to.len();
            self.pieces.splice(index..index + same.max(1), to);
            index += count;
        }
    }

    /// What is in memory goes behind one another into `body`.
    pub(super) fn encode(&self, encoder: &mut Encoder, body: &mut Vec<Bytes>) {
        encoder.count(self.pieces.len());
        for piece in &self.pieces {
            match &piece.at {
                At::Memory { bytes, .. } => {
                    encoder.number(u64::from(piece.length) << 1);
                    body.push(bytes.slice(..piece.length as usize));
                }
                At::Object(stored) => {
                    encoder.number(u64::from(piece.length) << 1 | 1);
                    stored.object.encode(encoder);
                    encoder.number(stored.position);
                    encoder.number(stored.length.into());
                    encoder.fixed(&stored.crc.to_be_bytes());
                }
            }
        }
    }

    /// `numbers` names what is in memory; `body` is what is left of it.
    pub(super) fn decode(
        decoder: &mut Decoder<'_>,
        body: &mut Bytes,
        numbers: &mut u64,
    ) -> Result<Content, Malformed> {
        let mut content = Content::default();
        for _ in 0..decoder.count()? {
            let word = decoder.number()?;
            let length = u32::try_from(word >> 1).map_err(|_| Malformed("a piece that is too long"))?;
            let at = if word & 1 == 0 {
                if length as usize > body.len() {
                    return Err(Malformed("bytes of a piece are missing"));
                }
                *numbers += 1;
                At::Memory { number: *numbers, bytes: body.split_to(length as usize) }
            } else {
                let stored = Stored {
                    object: ObjectId::decode(decoder)?,
                    position: decoder.number()?,
                    length: decoder.small()?,
                    crc: u32::from_be_bytes(decoder.array()?),
                };
                if length > stored.length {
                    return Err(Malformed("a piece that is longer than it was written"));
                }
                At::Object(stored)
            };
            content.append(Content { size: length.into(), pieces: vec![Piece { length, at }] });
        }
        Ok(content)
    }
}

/// An object that is being put together.
pub(super) struct Builder {
    object: ObjectId,
    pub(super) parts: Vec<Bytes>,
    pub(super) length: u64,
}

impl Builder {
    pub(super) fn new(object: ObjectId) -> Builder {
        Builder { object, parts: Vec::new(), length: 0 }
    }

    pub(super) fn object(&self) -> ObjectId {
        self.object
    }

    /// Adds bytes, and says where they will be.
    pub(super) fn add(&mut self, bytes: &Bytes) -> Content {
        let mut content = Content::default();
        let mut rest = bytes.clone();
        while !rest.is_empty() {
            let piece = rest.split_to(rest.len().min(PIECE_BYTES));
            let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
            let crc = headwater_engine::record::crc32c(&piece);
            let stored = Stored { object: self.object, position: self.length, length, crc };
            self.length += u64::from(length);
            self.parts.push(piece);
            content.append(Content {
                size: length.into(),
                pieces: vec![Piece { length, at: At::Object(stored) }],
            });
        }
        content
    }

    pub(super) fn bytes(self) -> Bytes {
        concat(self.parts)
    }
}

pub(super) fn concat(mut parts: Vec<Bytes>) -> Bytes {
    match parts.len() {
        0 => Bytes::new(),
        1 => parts.swap_remove(0),
        _ => {
            let mut all = Vec::with_capacity(parts.iter().map(Bytes::len).sum());
            parts.iter().for_each(|part| all.extend_from_slice(part));
            all.into()
        }
    }
}
