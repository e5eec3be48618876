//! Snappy in the framing of snappy-java, which Kafka writes: a magic header, two versions, then chunks of a big-endian
//! length and a raw block each. Some clients send one raw block without a frame, and Kafka reads that too.

use super::Compression;
use crate::record::RecordError;
use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// The version of the framing, and the oldest one that can read it.
const VERSIONS: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 1];

/// The bytes of input in one block, snappy-java's default.
const BLOCK_SIZE: usize = 32 * 1024;

/// Snappy's best is a copy of 64 bytes in an element of three: what claims to grow by more is not true.
const MAX_RATIO: usize = 64 / 3 + 1;

const CORRUPT: RecordError = RecordError::CorruptCompression { compression: Compression::Snappy };

/// Appends `input` to `out`, compressed.
pub(super) fn compress(mut out: Vec<u8>, input: &[u8]) -> Option<Vec<u8>> {
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSIONS);
    let mut encoder = Encoder::new();
    for block in input.chunks(BLOCK_SIZE) {
        let start = out.len();
        out.resize(start + 4 + max_compress_len(block.len()), 0);
        let size = encoder.compress(block, &mut out[start + 4..]).ok()?;
        out.truncate(start + 4 + size);
        out[start..start + 4].copy_from_slice(&u32::try_from(size).ok()?.to_be_bytes());
    }
    Some(out)
}

/// What `input` was before, at most `limit` bytes of it.
pub(super) fn decompress(input: &[u8], limit: usize) -> Result<Vec<u8>, RecordError> {
    let mut out = Vec::new();
    let Some(framed) = input.strip_prefix(&MAGIC) else {
        append_block(&mut out, input, limit)?;
        return Ok(out);
    };
    let mut rest = framed.get(VERSIONS.len()..).ok_or(CORRUPT)?;
    while let Some((size, after)) = rest.split_first_chunk() {
        let size = usize::try_from(u32::from_be_bytes(*size)).map_err(|_| CORRUPT)?;
        let (block, after) = after.split_at_checked(size).ok_or(CORRUPT)?;
        append_block(&mut out, block, limit)?;
        rest = after;
    }
    if rest.is_empty() { Ok(out) } else { Err(CORRUPT) }
}

fn append_block(out: &mut Vec<u8>, block: &[u8], limit: usize) -> Result<(), RecordError> {
    let size = decompress_len(block).map_err(|_| CORRUPT)?;
    if size > block.len().saturating_mul(MAX_RATIO) {
        return Err(CORRUPT);
    }
    let start = out.len();
    if size > limit - start {
        return Err(RecordError::RecordsTooLarge { limit });
    }
    out.resize(start + size, 0);
    Decoder::new().decompress(block, &mut out[start..]).map_err(|_| CORRUPT)?;
    Ok(())
}
