//! Answers that wait to be sent on a connection, each behind its length.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::Bytes;

/// How many frames one system call sends at the most.
const FRAMES_AT_ONCE: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    frames: VecDeque<([u8; 4], Bytes)>,
    /// How much of the first is gone, with its length.
    sent_of_first: usize,
    bytes: usize,
}

impl Outbox {
    pub(crate) fn push(&mut self, frame: Bytes) {
        // The engine's answers are far below 2 GiB: fetch.max.bytes is a 32-bit number.
        let length = u32::try_from(frame.len()).unwrap_or(u32::MAX).to_be_bytes();
        self.bytes += length.len() + frame.len();
        self.frames.push_back((length, frame));
    }

    /// Bytes that are not sent.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sends by `write` until nothing is left or it says `WouldBlock`; how many bytes went.
    ///
    /// # Errors
    ///
    /// Those of `write`, but for `WouldBlock` and `Interrupted`.
    pub(crate) fn send(
        &mut self,
        mut write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let before = self.bytes;
        while !self.frames.is_empty() {
            match write(&self.slices()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => self.advance(length),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(before - self.bytes)
    }

    fn slices(&self) -> Vec<IoSlice<'_>> {
        let mut slices = Vec::with_capacity(2 * self.frames.len().min(FRAMES_AT_ONCE));
        let mut skip = self.sent_of_first;
        for (length, frame) in self.frames.iter().take(FRAMES_AT_ONCE) {
            if skip < length.len() {
                slices.push(IoSlice::new(&length[skip..]));
                skip = 0;
            } else {
                skip -= length.len();
            }
            slices.push(IoSlice::new(&frame[skip..]));
            skip = 0;
        }
        slices
    }

    fn advance(&mut self, length: usize) {
        self.bytes -= length;
        self.sent_of_first += length;
        while let Some((prefix, frame)) = self.frames.front() {
            let whole = prefix.len() + frame.len();
            if self.sent_of_first < whole {
                break;
            }
            self.sent_of_first -= whole;
            self.frames.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes a call and so many in all.
    fn sent(outbox: &mut Outbox, each: usize, mut all: usize) -> Vec<u8> {
        let mut wire = Vec::new();
        let outcome = outbox.send(|slices| {
            let mut room = each.min(all);
            if room == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let before = wire.len();
            for slice in slices {
                let part = &slice[..slice.len().min(room)];
                wire.extend_from_slice(part);
                room -= part.len();
            }
            all -= wire.len() - before;
            Ok(wire.len() - before)
        });
        assert_eq!(outcome.unwrap(), wire.len());
        wire
    }

    #[test]
    fn every_byte_goes_once_and_in_order_however_much_is_taken_at_a_time() {
        let frames = [&b"first"[..], b"", b"the third of them", b"x"];
        let mut expected = Vec::new();
        for frame in frames {
            expected.extend_from_slice(&u32::try_from(frame.len()).unwrap().to_be_bytes());
            expected.extend_from_slice(frame);
        }
        for each in 1..=expected.len() {
            for first in 0..=expected.len() {
                let mut outbox = Outbox::default();
                frames.iter().for_each(|frame| outbox.push(Bytes::from_static(frame)));
                let mut wire = sent(&mut outbox, each, first);
                assert_eq!(outbox.bytes(), expected.len() - first);
                wire.extend(sent(&mut outbox, each, usize::MAX));
                assert_eq!((wire, outbox.bytes()), (expected.clone(), 0));
            }
        }
    }

    #[test]
    fn an_end_that_takes_nothing_is_an_error() {
        let mut outbox = Outbox::default();
        outbox.push(Bytes::from_static(b"lost"));
        assert!(outbox.send(|_| Ok(0)).is_err());
        assert!(outbox.send(|_| Err(io::ErrorKind::BrokenPipe.into())).is_err());
    }
}
