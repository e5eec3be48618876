//! The codecs of a batch's records, in the framings that the Java client reads and writes.

mod snappy;
mod zstd;

use super::RecordError;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use std::borrow::Cow;
use std::io::{Read, Write};

/// How the records of a batch are compressed, all together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// Snappy, in the framing of the library snappy-java.
    Snappy,
    /// The LZ4 frame format (KIP-57).
    Lz4,
    /// Zstandard (KIP-110, RFC 8878).
    Zstd,
}

impl Compression {
    /// The codec that the attributes of a batch name by `id`, if there is one.
    pub fn from_id(id: u8) -> Option<Compression> {
        match id {
            0 => Some(Compression::None),
            1 => Some(Compression::Gzip),
            2 => Some(Compression::Snappy),
            3 => Some(Compression::Lz4),
            4 => Some(Compression::Zstd),
            _ => None,
        }
    }

    /// The number in the attributes of a batch.
    pub fn id(self) -> u8 {
        match self {
            Compression::None => 0,
            Compression::Gzip => 1,
            Compression::Snappy => 2,
            Compression::Lz4 => 3,
            Compression::Zstd => 4,
        }
    }

    /// The codec that Kafka's configuration `compression.type` calls `name`, if there is one.
    pub fn from_name(name: &str) -> Option<Compression> {
        (0..=4).filter_map(Compression::from_id).find(|codec| codec.name() == name)
    }

    /// The name in Kafka's configuration `compression.type`.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Snappy => "snappy",
            Compression::Lz4 => "lz4",
            Compression::Zstd => "zstd",
        }
    }

    /// `input` compressed, behind `room` bytes of zero. `None` if there is nothing to compress with or the codec
    /// fails, which it has no reason for in memory: the batch is then written uncompressed, which is always right.
    pub(super) fn compress(self, room: usize, input: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(room + input.len() / 2 + 64);
        out.resize(room, 0);
        match self {
            Compression::None => None,
            Compression::Gzip => {
                let mut encoder = GzEncoder::new(out, flate2::Compression::default());
                encoder.write_all(input).and_then(|()| encoder.finish()).ok()
            }
            Compression::Snappy => snappy::compress(out, input),
            Compression::Lz4 => {
                // The blocks of the Java client: it writes 64 KiB, and reads independent ones only.
                let frame =
                    FrameInfo::new().block_size(BlockSize::Max64KB).block_mode(BlockMode::Independent);
                let mut encoder = FrameEncoder::with_frame_info(frame, out);
                encoder.write_all(input).ok()?;
                encoder.finish().ok()
            }
            Compression::Zstd => Some(zstd::compress(out, input)),
        }
    }

    /// `input` uncompressed, or an error if that is not possible or would be more than `limit` bytes. Memory grows
    /// with what comes out, never with what the input claims.
    pub(super) fn decompress(self, input: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, RecordError> {
        match self {
            Compression::None => return Ok(Cow::Borrowed(input)),
            Compression::Gzip => self.read_bounded(MultiGzDecoder::new(input), limit),
            Compression::Snappy => snappy::decompress(input, limit),
            Compression::Lz4 => self.read_bounded(FrameDecoder::new(input), limit),
            Compression::Zstd => zstd::decompress(input, limit),
        }
        .map(Cow::Owned)
    }

    /// Reads to the end, at most one byte over the limit.
    fn read_bounded(self, reader: impl Read, limit: usize) -> Result<Vec<u8>, RecordError> {
        let mut out = Vec::new();
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        reader
            .take(most)
            .read_to_end(&mut out)
            .map_err(|_| RecordError::CorruptCompression { compression: self })?;
        if out.len() > limit { Err(RecordError::RecordsTooLarge { limit }) } else { Ok(out) }
    }
}
