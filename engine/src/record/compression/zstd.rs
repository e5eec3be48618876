//! Zstandard: one frame after the other, as its reference implementation reads them.

use super::Compression;
use crate::record::RecordError;
use ruzstd::decoding::StreamingDecoder;
use ruzstd::encoding::{CompressionLevel, compress as encode};

const CORRUPT: RecordError = RecordError::CorruptCompression { compression: Compression::Zstd };

/// Appends `input` to `out`, compressed.
pub(super) fn compress(mut out: Vec<u8>, input: &[u8]) -> Vec<u8> {
    encode(input, &mut out, CompressionLevel::Fastest);
    out
}

/// What `input` was before, at most `limit` bytes of it.
pub(super) fn decompress(mut input: &[u8], limit: usize) -> Result<Vec<u8>, RecordError> {
    let decoder = StreamingDecoder::new(&mut input).map_err(|_| CORRUPT)?;
    Compression::Zstd.read_bounded(decoder, limit)
}
