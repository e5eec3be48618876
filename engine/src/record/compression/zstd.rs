//! Zstandard (RFC 8878).
//!
//! The decoder is our own because of what bytes from elsewhere may do: one block of 128 KiB can claim gigabytes, which
//! a decoder has to notice before it writes them, and no input may make it panic. There is no checking of the content
//! checksum: the batch around it has one.

mod bits;
mod fse;
mod huffman;
mod literals;
mod sequences;

use super::Compression;
use crate::record::RecordError;
use ruzstd::encoding::{CompressionLevel, compress as encode};

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Skippable frames have this magic number, with any value in the lowest four bits.
const SKIPPABLE_MAGIC: u32 = 0x184d_2a50;

/// The most bytes that one block may become (section 3.1.1.2.4).
const MAX_BLOCK_SIZE: usize = 128 * 1024;

/// Appends `input` to `out`, compressed.
pub(super) fn compress(mut out: Vec<u8>, input: &[u8]) -> Vec<u8> {
    encode(input, &mut out, CompressionLevel::Fastest);
    out
}

/// What `input` was before, at most `limit` bytes of it: any number of frames one after the other.
pub(super) fn decompress(mut input: &[u8], limit: usize) -> Result<Vec<u8>, RecordError> {
    if input.is_empty() {
        return Err(RecordError::CorruptCompression { compression: Compression::Zstd });
    }
    let mut out = Vec::new();
    while !input.is_empty() {
        frame(&mut input, &mut out, limit).map_err(|failure| match failure {
            Failure::Corrupt => RecordError::CorruptCompression { compression: Compression::Zstd },
            Failure::TooLarge => RecordError::RecordsTooLarge { limit },
        })?;
    }
    Ok(out)
}

/// Why decoding stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Failure {
    Corrupt,
    TooLarge,
}

impl From<Corrupt> for Failure {
    fn from(Corrupt: Corrupt) -> Failure {
        Failure::Corrupt
    }
}

/// The input is not Zstandard, or not whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Corrupt;

/// Takes `size` bytes off the front of `input`.
fn take<'a>(input: &mut &'a [u8], size: usize) -> Result<&'a [u8], Corrupt> {
    let (taken, rest) = input.split_at_checked(size).ok_or(Corrupt)?;
    *input = rest;
    Ok(taken)
}

fn take_byte(input: &mut &[u8]) -> Result<u8, Corrupt> {
    take(input, 1).map(|byte| byte[0])
}

/// Takes a little-endian number of `size` bytes, at most eight, off the front of `input`.
fn take_number(input: &mut &[u8], size: usize) -> Result<u64, Corrupt> {
    Ok(take(input, size)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// What a block leaves behind for the next ones of its frame.
#[derive(Default)]
struct Context {
    huffman: Option<huffman::Table>,
    sequences: sequences::Context,
}

fn frame(input: &mut &[u8], out: &mut Vec<u8>, limit: usize) -> Result<(), Failure> {
    let magic = take(input, 4)?;
    if magic != MAGIC {
        return Ok(skippable_frame(magic, input)?);
    }
    let header = frame_header(input)?;
    let start = out.len();
    let mut context = Context::default();
    loop {
        let block_header = take_number(input, 3)?;
        let size = usize::try_from(block_header >> 3).map_err(|_| Corrupt)?;
        let output = Output { bytes: out, start, limit, block_end: None };
        block(block_header >> 1 & 3, size, input, output, &mut context)?;
        if block_header & 1 == 1 {
            break;
        }
    }
    let size = (out.len() - start) as u64;
    if header.content_size.is_some_and(|expected| expected != size) {
        return Err(Failure::Corrupt);
    }
    take(input, header.checksum_size)?;
    Ok(())
}

fn skippable_frame(magic: &[u8], input: &mut &[u8]) -> Result<(), Corrupt> {
    if take_number(&mut &*magic, 4)? & !0xf != u64::from(SKIPPABLE_MAGIC) {
        return Err(Corrupt);
    }
    let size = usize::try_from(take_number(input, 4)?).map_err(|_| Corrupt)?;
    take(input, size).map(drop)
}

/// What a frame's header says that matters here. The window does not: all of the output stays in memory anyway.
struct FrameHeader {
    /// The bytes of the whole frame, uncompressed.
    content_size: Option<u64>,
    checksum_size: usize,
}

fn frame_header(input: &mut &[u8]) -> Result<FrameHeader, Corrupt> {
    let descriptor = take_byte(input)?;
    let single_segment = descriptor & 0x20 != 0;
    let reserved = descriptor & 0x08 != 0;
    if !single_segment {
        take_byte(input)?; // the window
    }
    let dictionary = take_number(input, [0, 1, 2, 4][usize::from(descriptor & 3)])?;
    if reserved || dictionary != 0 {
        return Err(Corrupt);
    }
    let content_size = match descriptor >> 6 {
        0 if single_segment => Some(take_number(input, 1)?),
        0 => None,
        1 => Some(take_number(input, 2)? + 256),
        2 => Some(take_number(input, 4)?),
        _ => Some(take_number(input, 8)?),
    };
    Ok(FrameHeader { content_size, checksum_size: if descriptor & 0x04 != 0 { 4 } else { 0 } })
}

fn block(
    kind: u64,
    size: usize,
    input: &mut &[u8],
    mut out: Output<'_>,
    context: &mut Context,
) -> Result<(), Failure> {
    if size > MAX_BLOCK_SIZE {
        return Err(Failure::Corrupt);
    }
    match kind {
        0 => out.extend(take(input, size)?),
        1 => out.fill(take_byte(input)?, size),
        2 => {
            out.limit_block();
            let mut block = take(input, size)?;
            let literals = literals::decode(&mut block, &mut context.huffman)?;
            sequences::execute(block, &literals, &mut out, &mut context.sequences)
        }
        _ => Err(Failure::Corrupt),
    }
}

/// Where decoded bytes go, never more than the limit.
struct Output<'o> {
    bytes: &'o mut Vec<u8>,
    /// Where the frame starts: matches reach no further back.
    start: usize,
    /// The most bytes that `bytes` may have.
    limit: usize,
    /// The most bytes that it may have after this block, if the block does not say how many it makes.
    block_end: Option<usize>,
}

impl Output<'_> {
    /// Holds what comes now to the size of a block.
    fn limit_block(&mut self) {
        self.block_end = Some(self.bytes.len() + MAX_BLOCK_SIZE);
    }

    fn check_room(&self, size: usize) -> Result<(), Failure> {
        let end = self.bytes.len().saturating_add(size);
        if self.block_end.is_some_and(|block_end| end > block_end) {
            return Err(Failure::Corrupt);
        }
        if end > self.limit { Err(Failure::TooLarge) } else { Ok(()) }
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.check_room(bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn fill(&mut self, byte: u8, size: usize) -> Result<(), Failure> {
        self.check_room(size)?;
        self.bytes.resize(self.bytes.len() + size, byte);
        Ok(())
    }

    /// Repeats `size` bytes from `offset` back, which may run into what it is writing.
    fn repeat(&mut self, offset: usize, size: usize) -> Result<(), Failure> {
        self.check_room(size)?;
        let written = self.bytes.len() - self.start;
        if offset == 0 || offset > written {
            return Err(Failure::Corrupt);
        }
        let from = self.bytes.len() - offset;
        let mut left = size;
        while left > 0 {
            // Each round doubles what there is to copy.
            let part = left.min(self.bytes.len() - from);
            self.bytes.extend_from_within(from..from + part);
            left -= part;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
