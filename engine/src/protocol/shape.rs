//! A look over a request before it is decoded.
//!
//! The decoder reserves memory for as many elements as an array claims to have, so a frame of twenty bytes could ask for
//! gigabytes, which in wasm ends the worker. Here the bytes are walked along the request's schema first, and no array
//! may claim more elements than the bytes behind it could hold, nor all arrays together more than [`MAX_ELEMENTS`].

mod groups;
#[cfg(feature = "server")]
mod server;
mod transactions;

use std::fmt;

use kafka_protocol::messages::ApiKey;

/// The most array elements in one request, over all its arrays: well above what a client with some ten thousands of
/// partitions sends, and some tens of megabytes once decoded.
const MAX_ELEMENTS: usize = 100_000;

/// A field's form on the wire, as Kafka's schemas name it.
#[derive(Clone, Copy)]
enum Form {
    /// A number, boolean or UUID of so many bytes.
    Fixed(usize),
    /// A string, nullable or not.
    Text,
    /// Bytes or records, nullable or not.
    Bytes,
    /// An array of a primitive of so many bytes.
    FixedArray(usize),
    /// An array of strings.
    TextArray,
    /// An array of structures.
    Array(&'static [Field]),
    /// A structure or null, told by a byte before it.
    #[cfg(feature = "server")]
    Optional(&'static [Field]),
    /// A tagged field that the decoder knows: its tag, and the size in bytes that the decoder takes it to have.
    Tagged(u32, usize),
}

/// A field, in the versions that have it (both inclusive).
struct Field(i16, i16, Form);

const LAST: i16 = i16::MAX;

const fn always(form: Form) -> Field {
    Field(0, LAST, form)
}

use Form::{Array, Bytes, Fixed, FixedArray, Tagged, Text, TextArray};

const BYTE: Form = Fixed(1);
const INT16: Form = Fixed(2);
const INT32: Form = Fixed(4);
const INT64: Form = Fixed(8);
const UUID: Form = Fixed(16);

const PRODUCE: &[Field] = &[
    always(Text),
    always(INT16),
    always(INT32),
    always(Array(&[
        Field(0, 12, Text),
        Field(13, LAST, UUID),
        always(Array(&[always(INT32), always(Bytes)])),
    ])),
];

const FETCH: &[Field] = &[
    Field(0, 14, INT32),
    always(INT32),
    always(INT32),
    always(INT32),
    always(BYTE),
    Field(7, LAST, INT32),
    Field(7, LAST, INT32),
    always(Array(&[
        Field(0, 12, Text),
        Field(13, LAST, UUID),
        always(Array(&[
            always(INT32),
            Field(9, LAST, INT32),
            always(INT64),
            Field(12, LAST, INT32),
            Field(5, LAST, INT64),
            always(INT32),
            Field(17, LAST, Tagged(0, 16)),
            Field(18, LAST, Tagged(1, 8)),
        ])),
    ])),
    Field(7, LAST, Array(&[Field(0, 12, Text), Field(13, LAST, UUID), always(FixedArray(4))])),
    Field(11, LAST, Text),
];

const LIST_OFFSETS: &[Field] = &[
    always(INT32),
    Field(2, LAST, BYTE),
    always(Array(&[always(Text), always(Array(&[always(INT32), Field(4, LAST, INT32), always(INT64)]))])),
    Field(10, LAST, INT32),
];

const METADATA: &[Field] = &[
    always(Array(&[Field(10, LAST, UUID), always(Text)])),
    Field(4, LAST, BYTE),
    Field(8, 10, BYTE),
    Field(8, LAST, BYTE),
];

const API_VERSIONS: &[Field] = &[Field(3, LAST, Text), Field(3, LAST, Text)];

const CREATE_TOPICS: &[Field] = &[
    always(Array(&[
        always(Text),
        always(INT32),
        always(INT16),
        always(Array(&[always(INT32), always(FixedArray(4))])),
        always(Array(&[always(Text), always(Text)])),
    ])),
    always(INT32),
    always(BYTE),
];

const DELETE_TOPICS: &[Field] =
    &[Field(6, LAST, Array(&[always(Text), always(UUID)])), Field(0, 5, TextArray), always(INT32)];

const INCREMENTAL_ALTER_CONFIGS: &[Field] = &[
    always(Array(&[always(BYTE), always(Text), always(Array(&[always(Text), always(BYTE), always(Text)]))])),
    always(BYTE),
];

const ALTER_CONFIGS: &[Field] = &[
    always(Array(&[always(BYTE), always(Text), always(Array(&[always(Text), always(Text)]))])),
    always(BYTE),
];

const DELETE_RECORDS: &[Field] =
    &[always(Array(&[always(Text), always(Array(&[always(INT32), always(INT64)]))])), always(INT32)];

const DESCRIBE_CONFIGS: &[Field] =
    &[always(Array(&[always(BYTE), always(Text), always(TextArray)])), always(BYTE), Field(3, LAST, BYTE)];

const CREATE_PARTITIONS: &[Field] = &[
    always(Array(&[always(Text), always(INT32), always(Array(&[always(FixedArray(4))]))])),
    always(INT32),
    always(BYTE),
];

const INIT_PRODUCER_ID: &[Field] =
    &[always(Text), always(INT32), Field(3, LAST, INT64), Field(3, LAST, INT16)];

const BROKER_REGISTRATION: &[Field] = &[
    always(INT32),
    always(Text),
    always(UUID),
    always(Array(&[always(Text), always(Text), always(INT16), always(INT16)])),
    always(Array(&[always(Text), always(INT16), always(INT16)])),
    always(Text),
    Field(1, LAST, BYTE),
    Field(2, LAST, FixedArray(16)),
    Field(3, LAST, INT64),
];

const ALLOCATE_PRODUCER_IDS: &[Field] = &[always(INT32), always(INT64)];

const WRITE_TXN_MARKERS: &[Field] = &[always(Array(&[
    always(INT64),
    always(INT16),
    always(BYTE),
    always(Array(&[always(Text), always(FixedArray(4))])),
    always(INT32),
]))];

const DESCRIBE_PRODUCERS: &[Field] = &[always(Array(&[always(Text), always(FixedArray(4))]))];

/// The schema of a request's body, and the first version in the compact, tagged form (KIP-482).
fn schema(api: ApiKey) -> Option<(&'static [Field], i16)> {
    Some(match api {
        ApiKey::Produce => (PRODUCE, 9),
        ApiKey::Fetch => (FETCH, 12),
        ApiKey::ListOffsets => (LIST_OFFSETS, 6),
        ApiKey::Metadata => (METADATA, 9),
        ApiKey::ApiVersions => (API_VERSIONS, 3),
        ApiKey::CreateTopics => (CREATE_TOPICS, 5),
        ApiKey::DeleteTopics => (DELETE_TOPICS, 4),
        ApiKey::AlterConfigs => (ALTER_CONFIGS, 2),
        ApiKey::IncrementalAlterConfigs => (INCREMENTAL_ALTER_CONFIGS, 1),
        ApiKey::DeleteRecords => (DELETE_RECORDS, 2),
        ApiKey::DescribeConfigs => (DESCRIBE_CONFIGS, 4),
        ApiKey::CreatePartitions => (CREATE_PARTITIONS, 2),
        ApiKey::InitProducerId => (INIT_PRODUCER_ID, 2),
        ApiKey::BrokerRegistration => (BROKER_REGISTRATION, 0),
        ApiKey::AllocateProducerIds => (ALLOCATE_PRODUCER_IDS, 0),
        ApiKey::DescribeProducers => (DESCRIBE_PRODUCERS, 0),
        ApiKey::WriteTxnMarkers => (WRITE_TXN_MARKERS, 1),
        _ => {
            return groups::schema(api).or_else(|| transactions::schema(api)).or_else(|| server_schema(api));
        }
    })
}

#[cfg(feature = "server")]
fn server_schema(api: ApiKey) -> Option<(&'static [Field], i16)> {
    server::schema(api)
}

#[cfg(not(feature = "server"))]
fn server_schema(_api: ApiKey) -> Option<(&'static [Field], i16)> {
    None
}

/// No size: such a tagged field is not among what is asked for.
const REFUSED: usize = usize::MAX;

const FETCH_ANSWER: &[Field] = &[
    always(INT32),
    always(INT16),
    always(INT32),
    always(Array(&[
        always(UUID),
        always(Array(&[
            always(INT32),
            always(INT16),
            always(INT64),
            always(INT64),
            always(INT64),
            always(Array(&[always(INT64), always(INT64)])),
            always(INT32),
            always(Bytes),
            always(Tagged(0, REFUSED)),
            always(Tagged(1, REFUSED)),
            always(Tagged(2, REFUSED)),
        ])),
    ])),
];

const CREATE_TOPICS_ANSWER: &[Field] = &[
    always(INT32),
    always(Array(&[
        always(Text),
        always(UUID),
        always(INT16),
        always(Text),
        always(INT32),
        always(INT16),
        always(Array(&[always(Text), always(Text), always(BYTE), always(BYTE), always(BYTE)])),
        always(Tagged(0, 2)),
    ])),
];

const BROKER_REGISTRATION_ANSWER: &[Field] = &[always(INT32), always(INT16), always(INT64)];

const ALLOCATE_PRODUCER_IDS_ANSWER: &[Field] = &[always(INT32), always(INT16), always(INT64), always(INT32)];

const WRITE_TXN_MARKERS_ANSWER: &[Field] = &[always(Array(&[
    always(INT64),
    always(Array(&[always(Text), always(Array(&[always(INT32), always(INT16)]))])),
]))];

/// The schema of the body of an answer that another broker gives, in the one version that is asked for; all of them in the
/// compact, tagged form.
fn answer_schema(api_key: i16) -> Option<&'static [Field]> {
    #[cfg(feature = "server")]
    if let Some(fields) = server::answer_schema(api_key) {
        return Some(fields);
    }
    const SCHEMAS: [(ApiKey, &[Field]); 5] = [
        (ApiKey::Fetch, FETCH_ANSWER),
        (ApiKey::CreateTopics, CREATE_TOPICS_ANSWER),
        (ApiKey::BrokerRegistration, BROKER_REGISTRATION_ANSWER),
        (ApiKey::AllocateProducerIds, ALLOCATE_PRODUCER_IDS_ANSWER),
        (ApiKey::WriteTxnMarkers, WRITE_TXN_MARKERS_ANSWER),
    ];
    SCHEMAS.iter().find(|(api, _)| *api as i16 == api_key).map(|(_, fields)| *fields)
}

/// Why bytes are not a request or an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub(crate) enum ShapeError {
    /// The bytes end before the request does.
    CutOff,
    /// A length is negative where none may be, or its own bytes do not end.
    InvalidLength,
    /// The arrays have more elements together than is accepted.
    TooManyElements,
    /// Bytes follow the answer.
    TrailingBytes(usize),
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ShapeError::CutOff => f.write_str("it is cut off"),
            ShapeError::InvalidLength => f.write_str("a length in it is invalid"),
            ShapeError::TooManyElements => write!(f, "it has more than {MAX_ELEMENTS} elements"),
            ShapeError::TrailingBytes(count) => write!(f, "{count} bytes follow it"),
        }
    }
}

/// Checks a request's body, from behind the header. Bytes that follow it are passed over, as Kafka does it: librdkafka's
/// Metadata for all topics has three (an array's length of four bytes, of which the first says that there is none).
pub(super) fn check(api: ApiKey, version: i16, body: &[u8]) -> Result<(), ShapeError> {
    let Some((fields, first_flexible)) = schema(api) else {
        return Ok(());
    };
    walk(fields, body, version, version >= first_flexible).map(drop)
}

/// Checks the body of another broker's answer, from behind the header.
pub(super) fn check_answer(api_key: i16, version: i16, body: &[u8]) -> Result<(), ShapeError> {
    match answer_schema(api_key) {
        Some(fields) => match walk(fields, body, version, true)? {
            0 => Ok(()),
            count => Err(ShapeError::TrailingBytes(count)),
        },
        None => Ok(()),
    }
}

/// How many bytes are left behind what has this shape.
fn walk(fields: &[Field], body: &[u8], version: i16, flexible: bool) -> Result<usize, ShapeError> {
    let mut walk = Walk { rest: body, version, flexible, elements: 0 };
    walk.structure(fields)?;
    Ok(walk.rest.len())
}

struct Walk<'a> {
    rest: &'a [u8],
    version: i16,
    flexible: bool,
    elements: usize,
}

impl<'a> Walk<'a> {
    fn structure(&mut self, fields: &[Field]) -> Result<(), ShapeError> {
        for Field(from, to, form) in fields {
            if (*from..=*to).contains(&self.version) {
                self.field(*form)?;
            }
        }
        if self.flexible { self.tagged_fields(fields) } else { Ok(()) }
    }

    fn field(&mut self, form: Form) -> Result<(), ShapeError> {
        match form {
            Fixed(size) => self.skip(size),
            Text => {
                let length = self.length(size_of::<i16>())?;
                self.skip(length)
            }
            Bytes => {
                let length = self.length(size_of::<i32>())?;
                self.skip(length)
            }
            FixedArray(size) => {
                let count = self.count(size)?;
                self.skip(count.saturating_mul(size))
            }
            TextArray => {
                for _ in 0..self.count(1)? {
                    self.field(Text)?;
                }
                Ok(())
            }
            Array(fields) => {
                for _ in 0..self.count(1)? {
                    self.structure(fields)?;
                }
                Ok(())
            }
            #[cfg(feature = "server")]
            Form::Optional(fields) => match self.take(1)?[0] as i8 {
                ..0 => Ok(()),
                _ => self.structure(fields),
            },
            Tagged(..) => Ok(()),
        }
    }

    /// An array's length; each element takes at least `element_size` bytes.
    fn count(&mut self, element_size: usize) -> Result<usize, ShapeError> {
        let count = self.length(size_of::<i32>())?;
        if count.saturating_mul(element_size) > self.rest.len() {
            return Err(ShapeError::CutOff);
        }
        self.elements += count;
        if self.elements > MAX_ELEMENTS {
            return Err(ShapeError::TooManyElements);
        }
        Ok(count)
    }

    /// A length in the form of this version; null is 0. `width` is that of the form before KIP-482, in bytes.
    fn length(&mut self, width: usize) -> Result<usize, ShapeError> {
        if self.flexible {
            return Ok(self.varint()?.saturating_sub(1));
        }
        let negative_is_null = |length: i64| match length {
            -1 => Ok(0),
            _ => usize::try_from(length).map_err(|_| ShapeError::InvalidLength),
        };
        let bytes = self.take(width)?;
        match *bytes {
            [a, b] => negative_is_null(i64::from(i16::from_be_bytes([a, b]))),
            [a, b, c, d] => negative_is_null(i64::from(i32::from_be_bytes([a, b, c, d]))),
            _ => Err(ShapeError::InvalidLength),
        }
    }

    fn tagged_fields(&mut self, fields: &[Field]) -> Result<(), ShapeError> {
        let count = self.varint()?;
        if count > self.rest.len() {
            return Err(ShapeError::CutOff);
        }
        self.elements += count;
        if self.elements > MAX_ELEMENTS {
            return Err(ShapeError::TooManyElements);
        }
        for _ in 0..count {
            let tag = self.varint()?;
            let size = self.varint()?;
            let misread = |field: &Field| match field.2 {
                Tagged(known, known_size) => known as usize == tag && known_size != size,
                _ => false,
            };
            if fields.iter().any(misread) {
                return Err(ShapeError::InvalidLength);
            }
            self.skip(size)?;
        }
        Ok(())
    }

    fn varint(&mut self) -> Result<usize, ShapeError> {
        let mut value = 0;
        for shift in (0..32).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value)
                    .map(|value| value as usize)
                    .map_err(|_| ShapeError::InvalidLength);
            }
        }
        Err(ShapeError::InvalidLength)
    }

    fn skip(&mut self, count: usize) -> Result<(), ShapeError> {
        self.take(count).map(|_| ())
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], ShapeError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(ShapeError::CutOff)?;
        self.rest = rest;
        Ok(taken)
    }
}
