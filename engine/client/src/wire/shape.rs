//! The outline of each answer: where its lengths stand. The decoder reserves memory for as many elements as a length
//! says before it has seen one of them; so lengths are held against the bytes that are there first.

/// A field of an outline, and the versions that have it.
struct Field(i16, i16, Kind);

/// What a field is made of.
enum Kind {
    /// So many bytes.
    Fixed(usize),
    /// A string or bytes whose length is 2 bytes, or a varint where the version is flexible.
    Text,
    /// Bytes whose length is 4 bytes, or a varint where the version is flexible.
    Bytes,
    /// An array of structs.
    Structs(&'static [Field]),
    /// An array of so many bytes each.
    Array(usize),
}

use Kind::{Array, Bytes, Fixed, Structs, Text};

/// The outline of an API's answers.
struct Outline {
    /// The first flexible version (KIP-482).
    flexible: i16,
    fields: &'static [Field],
    /// Tags of the outermost struct whose content is an array.
    array_tags: &'static [u32],
}

const ALL: i16 = i16::MAX;

#[rustfmt::skip]
const PRODUCE: Outline = Outline { flexible: 9, array_tags: &[0], fields: &[
    Field(0, ALL, Structs(&[
        Field(0, ALL, Text),
        Field(0, ALL, Structs(&[
            Field(0, ALL, Fixed(4 + 2 + 8 + 8)), Field(5, ALL, Fixed(8)),
            Field(8, ALL, Structs(&[Field(0, ALL, Fixed(4)), Field(0, ALL, Text)])), Field(8, ALL, Text),
        ])),
    ])),
    Field(0, ALL, Fixed(4)),
]};

#[rustfmt::skip]
const FETCH: Outline = Outline { flexible: 12, array_tags: &[], fields: &[
    Field(0, ALL, Fixed(4)), Field(7, ALL, Fixed(2 + 4)),
    Field(0, ALL, Structs(&[
        Field(0, ALL, Text),
        Field(0, ALL, Structs(&[
            Field(0, ALL, Fixed(4 + 2 + 8 + 8)), Field(5, ALL, Fixed(8)),
            Field(0, ALL, Structs(&[Field(0, ALL, Fixed(16))])), Field(11, ALL, Fixed(4)),
            Field(0, ALL, Bytes),
        ])),
    ])),
]};

#[rustfmt::skip]
const LIST_OFFSETS: Outline = Outline { flexible: 6, array_tags: &[], fields: &[
    Field(2, ALL, Fixed(4)),
    Field(0, ALL, Structs(&[
        Field(0, ALL, Text),
        Field(0, ALL, Structs(&[Field(0, ALL, Fixed(4 + 2 + 8 + 8)), Field(4, ALL, Fixed(4))])),
    ])),
]};

#[rustfmt::skip]
const METADATA: Outline = Outline { flexible: 9, array_tags: &[], fields: &[
    Field(3, ALL, Fixed(4)),
    Field(0, ALL, Structs(&[
        Field(0, ALL, Fixed(4)), Field(0, ALL, Text), Field(0, ALL, Fixed(4)), Field(1, ALL, Text),
    ])),
    Field(2, ALL, Text), Field(1, ALL, Fixed(4)),
    Field(0, ALL, Structs(&[
        Field(0, ALL, Fixed(2)), Field(0, ALL, Text), Field(10, ALL, Fixed(16)), Field(1, ALL, Fixed(1)),
        Field(0, ALL, Structs(&[
            Field(0, ALL, Fixed(2 + 4 + 4)), Field(7, ALL, Fixed(4)),
            Field(0, ALL, Array(4)), Field(0, ALL, Array(4)), Field(5, ALL, Array(4)),
        ])),
        Field(8, ALL, Fixed(4)),
    ])),
    Field(8, 10, Fixed(4)),
]};

#[rustfmt::skip]
const API_VERSIONS: Outline = Outline { flexible: 3, array_tags: &[0, 2], fields: &[
    Field(0, ALL, Fixed(2)), Field(0, ALL, Structs(&[Field(0, ALL, Fixed(6))])), Field(1, ALL, Fixed(4)),
]};

#[rustfmt::skip]
const CREATE_TOPICS: Outline = Outline { flexible: 5, array_tags: &[], fields: &[
    Field(2, ALL, Fixed(4)),
    Field(0, ALL, Structs(&[
        Field(0, ALL, Text), Field(7, ALL, Fixed(16)), Field(0, ALL, Fixed(2)), Field(1, ALL, Text),
        Field(5, ALL, Fixed(4 + 2)),
        Field(5, ALL, Structs(&[Field(0, ALL, Text), Field(0, ALL, Text), Field(0, ALL, Fixed(1 + 1 + 1))])),
    ])),
]};

#[rustfmt::skip]
const DELETE_TOPICS: Outline = Outline { flexible: 4, array_tags: &[], fields: &[
    Field(1, ALL, Fixed(4)),
    Field(0, ALL, Structs(&[
        Field(0, ALL, Text), Field(6, ALL, Fixed(16)), Field(0, ALL, Fixed(2)), Field(5, ALL, Text),
    ])),
]};

const INIT_PRODUCER_ID: Outline =
    Outline { flexible: 2, array_tags: &[], fields: &[Field(0, ALL, Fixed(4 + 2 + 8 + 2))] };

#[rustfmt::skip]
const DESCRIBE_GROUPS: Outline = Outline { flexible: 5, array_tags: &[], fields: &[
    Field(1, ALL, Fixed(4)),
    Field(0, ALL, Structs(&[
        Field(0, ALL, Fixed(2)), Field(6, ALL, Text), Field(0, ALL, Text), Field(0, ALL, Text), Field(0, ALL, Text),
        Field(0, ALL, Text),
        Field(0, ALL, Structs(&[
            Field(0, ALL, Text), Field(4, ALL, Text), Field(0, ALL, Text), Field(0, ALL, Text),
            Field(0, ALL, Bytes), Field(0, ALL, Bytes),
        ])),
        Field(3, ALL, Fixed(4)),
    ])),
]};

#[rustfmt::skip]
const LIST_GROUPS: Outline = Outline { flexible: 3, array_tags: &[], fields: &[
    Field(1, ALL, Fixed(4)), Field(0, ALL, Fixed(2)),
    Field(0, ALL, Structs(&[
        Field(0, ALL, Text), Field(0, ALL, Text), Field(4, ALL, Text), Field(5, ALL, Text),
    ])),
]};

#[rustfmt::skip]
const DELETE_GROUPS: Outline = Outline { flexible: 2, array_tags: &[], fields: &[
    Field(0, ALL, Fixed(4)), Field(0, ALL, Structs(&[Field(0, ALL, Text), Field(0, ALL, Fixed(2))])),
]};

#[rustfmt::skip]
const OFFSET_DELETE: Outline = Outline { flexible: ALL, array_tags: &[], fields: &[
    Field(0, ALL, Fixed(2 + 4)),
    Field(0, ALL, Structs(&[Field(0, ALL, Text), Field(0, ALL, Structs(&[Field(0, ALL, Fixed(4 + 2))]))])),
]};

#[rustfmt::skip]
const DELETE_RECORDS: Outline = Outline { flexible: 2, array_tags: &[], fields: &[
    Field(0, ALL, Fixed(4)),
    Field(0, ALL, Structs(&[Field(0, ALL, Text), Field(0, ALL, Structs(&[Field(0, ALL, Fixed(4 + 8 + 2))]))])),
]};

#[rustfmt::skip]
const INCREMENTAL_ALTER_CONFIGS: Outline = Outline { flexible: 1, array_tags: &[], fields: &[
    Field(0, ALL, Fixed(4)),
    Field(0, ALL, Structs(&[
        Field(0, ALL, Fixed(2)), Field(0, ALL, Text), Field(0, ALL, Fixed(1)), Field(0, ALL, Text),
    ])),
]};

#[rustfmt::skip]
const FIND_COORDINATOR: Outline = Outline { flexible: 3, array_tags: &[], fields: &[
    Field(1, ALL, Fixed(4)), Field(0, 3, Fixed(2)), Field(1, 3, Text), Field(0, 3, Fixed(4)), Field(0, 3, Text),
    Field(0, 3, Fixed(4)),
]};

#[rustfmt::skip]
const JOIN_GROUP: Outline = Outline { flexible: 6, array_tags: &[], fields: &[
    Field(2, ALL, Fixed(4)), Field(0, ALL, Fixed(2 + 4)), Field(7, ALL, Text), Field(0, ALL, Text),
    Field(0, ALL, Text), Field(9, ALL, Fixed(1)), Field(0, ALL, Text),
    Field(0, ALL, Structs(&[Field(0, ALL, Text), Field(5, ALL, Text), Field(0, ALL, Bytes)])),
]};

#[rustfmt::skip]
const SYNC_GROUP: Outline = Outline { flexible: 4, array_tags: &[], fields: &[
    Field(1, ALL, Fixed(4)), Field(0, ALL, Fixed(2)), Field(5, ALL, Text), Field(5, ALL, Text), Field(0, ALL, Bytes),
]};

#[rustfmt::skip]
const HEARTBEAT: Outline = Outline { flexible: 4, array_tags: &[], fields: &[
    Field(1, ALL, Fixed(4)), Field(0, ALL, Fixed(2)),
]};

#[rustfmt::skip]
const LEAVE_GROUP: Outline = Outline { flexible: 4, array_tags: &[], fields: &[
    Field(1, ALL, Fixed(4)), Field(0, ALL, Fixed(2)),
    Field(3, ALL, Structs(&[Field(0, ALL, Text), Field(0, ALL, Text), Field(0, ALL, Fixed(2))])),
]};

#[rustfmt::skip]
const OFFSET_COMMIT: Outline = Outline { flexible: 8, array_tags: &[], fields: &[
    Field(3, ALL, Fixed(4)),
    Field(0, ALL, Structs(&[Field(0, ALL, Text), Field(0, ALL, Structs(&[Field(0, ALL, Fixed(4 + 2))]))])),
]};

#[rustfmt::skip]
const OFFSET_FETCH: Outline = Outline { flexible: 6, array_tags: &[], fields: &[
    Field(3, ALL, Fixed(4)),
    Field(0, 7, Structs(&[
        Field(0, ALL, Text),
        Field(0, ALL, Structs(&[
            Field(0, ALL, Fixed(4 + 8)), Field(5, ALL, Fixed(4)), Field(0, ALL, Text), Field(0, ALL, Fixed(2)),
        ])),
    ])),
    Field(2, 7, Fixed(2)),
]};

#[rustfmt::skip]
const CREATE_PARTITIONS: Outline = Outline { flexible: 2, array_tags: &[], fields: &[
    Field(0, ALL, Fixed(4)),
    Field(0, ALL, Structs(&[Field(0, ALL, Text), Field(0, ALL, Fixed(2)), Field(0, ALL, Text)])),
]};

#[rustfmt::skip]
const DESCRIBE_CONFIGS: Outline = Outline { flexible: 4, array_tags: &[], fields: &[
    Field(0, ALL, Fixed(4)),
    Field(0, ALL, Structs(&[
        Field(0, ALL, Fixed(2)), Field(0, ALL, Text), Field(0, ALL, Fixed(1)), Field(0, ALL, Text),
        Field(0, ALL, Structs(&[
            Field(0, ALL, Text), Field(0, ALL, Text), Field(0, ALL, Fixed(1 + 1 + 1)),
            Field(1, ALL, Structs(&[Field(0, ALL, Text), Field(0, ALL, Text), Field(0, ALL, Fixed(1))])),
            Field(3, ALL, Fixed(1)), Field(3, ALL, Text),
        ])),
    ])),
]};

/// Of AddOffsetsToTxn, and EndTxn up to version 4.
const ERROR_ONLY: Outline = Outline { flexible: 3, array_tags: &[], fields: &[Field(0, ALL, Fixed(4 + 2))] };

/// Of TxnOffsetCommit, and AddPartitionsToTxn up to version 3.
#[rustfmt::skip]
const ERRORS_OF_PARTITIONS: Outline = Outline { flexible: 3, array_tags: &[], fields: &[
    Field(0, ALL, Fixed(4)),
    Field(0, ALL, Structs(&[Field(0, ALL, Text), Field(0, ALL, Structs(&[Field(0, ALL, Fixed(4 + 2))]))])),
]};

/// Whether an answer's lengths fit the bytes that are there. Answers of an API without an outline do not.
pub(super) fn fits(api_key: i16, version: i16, body: &[u8]) -> bool {
    let outline = match api_key {
        0 => &PRODUCE,
        1 => &FETCH,
        2 => &LIST_OFFSETS,
        3 => &METADATA,
        8 => &OFFSET_COMMIT,
        9 => &OFFSET_FETCH,
        10 => &FIND_COORDINATOR,
        11 => &JOIN_GROUP,
        12 => &HEARTBEAT,
        13 => &LEAVE_GROUP,
        14 => &SYNC_GROUP,
        15 => &DESCRIBE_GROUPS,
        16 => &LIST_GROUPS,
        18 => &API_VERSIONS,
        19 => &CREATE_TOPICS,
        20 => &DELETE_TOPICS,
        21 => &DELETE_RECORDS,
        22 => &INIT_PRODUCER_ID,
        24 | 28 => &ERRORS_OF_PARTITIONS,
        25 | 26 => &ERROR_ONLY,
        32 => &DESCRIBE_CONFIGS,
        37 => &CREATE_PARTITIONS,
        42 => &DELETE_GROUPS,
        44 => &INCREMENTAL_ALTER_CONFIGS,
        47 => &OFFSET_DELETE,
        _ => return false,
    };
    let mut walk = Walk { rest: body, version, flexible: version >= outline.flexible };
    walk.fields(outline.fields).is_some() && (!walk.flexible || walk.tags(outline.array_tags).is_some())
}

/// How long the tagged fields are that these bytes begin with; `None` where they are cut off.
pub(super) fn tagged_fields(bytes: &[u8]) -> Option<usize> {
    let mut walk = Walk { rest: bytes, version: 0, flexible: true };
    walk.tags(&[])?;
    Some(bytes.len() - walk.rest.len())
}

struct Walk<'a> {
    rest: &'a [u8],
    version: i16,
    flexible: bool,
}

impl Walk<'_> {
    fn fields(&mut self, fields: &[Field]) -> Option<()> {
        for Field(first, last, kind) in fields {
            if (*first..=*last).contains(&self.version) {
                self.field(kind)?;
            }
        }
        Some(())
    }

    fn field(&mut self, kind: &Kind) -> Option<()> {
        match kind {
            Fixed(size) => self.skip(*size),
            Text => {
                let length = self.length(2)?;
                self.skip(length)
            }
            Bytes => {
                let length = self.length(4)?;
                self.skip(length)
            }
            Array(size) => {
                let count = self.length(4)?;
                self.skip(count.checked_mul(*size)?)
            }
            Structs(fields) => {
                for _ in 0..self.length(4)? {
                    let before = self.rest.len();
                    self.fields(fields)?;
                    if self.flexible {
                        self.tags(&[])?;
                    }
                    // A struct of no bytes would let any count through.
                    if self.rest.len() == before {
                        return None;
                    }
                }
                Some(())
            }
        }
    }

    /// Null counts as 0.
    fn length(&mut self, width: usize) -> Option<usize> {
        if self.flexible {
            return Some((self.varint()? as usize).saturating_sub(1));
        }
        let (length, rest) = self.rest.split_at_checked(width)?;
        self.rest = rest;
        let length = match *length {
            [a, b] => i32::from(i16::from_be_bytes([a, b])),
            [a, b, c, d] => i32::from_be_bytes([a, b, c, d]),
            _ => return None,
        };
        if length == -1 { Some(0) } else { usize::try_from(length).ok() }
    }

    fn varint(&mut self) -> Option<u32> {
        let mut value = 0_u32;
        for shift in (0..35).step_by(7) {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            value |= u32::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.rest = self.rest.get(count..)?;
        Some(())
    }

    fn tags(&mut self, array_tags: &[u32]) -> Option<()> {
        for _ in 0..self.varint()? {
            let tag = self.varint()?;
            let size = self.varint()? as usize;
            let content = self.rest.get(..size)?;
            if array_tags.contains(&tag) {
                let mut inner = Walk { rest: content, version: self.version, flexible: true };
                // Every element has at least one byte.
                if inner.length(4)? > inner.rest.len() {
                    return None;
                }
            }
            self.rest = &self.rest[size..];
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
