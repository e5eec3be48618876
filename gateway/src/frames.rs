//! Frames out of a stream of bytes: four bytes of length, big-endian, then as many bytes.

use bytes::{Bytes, BytesMut};

/// A frame's buffer begins no larger than this, whatever its length says; it grows with what comes.
const FIRST_BUFFER: usize = 64 * 1024;

/// Cuts what comes on a connection into frames. Holds nothing but the frame that has begun.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    length: [u8; 4],
    /// How many of the four bytes of length are there.
    length_bytes: usize,
    /// What is there of the frame, once all four are.
    begun: BytesMut,
}

/// A length that nobody may send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadLength(pub(crate) i32);

impl Frames {
    /// Takes bytes in; each frame that is complete with them goes to `take`.
    ///
    /// # Errors
    ///
    /// When a frame says that it is longer than `max`, or shorter than nothing. The frames before it were taken.
    pub(crate) fn feed(
        &mut self,
        mut bytes: &[u8],
        max: usize,
        mut take: impl FnMut(Bytes),
    ) -> Result<(), BadLength> {
        loop {
            while self.length_bytes < 4 {
                let Some((first, rest)) = bytes.split_first() else { return Ok(()) };
                self.length[self.length_bytes] = *first;
                self.length_bytes += 1;
                bytes = rest;
            }
            let said = i32::from_be_bytes(self.length);
            let wanted = usize::try_from(said).ok().filter(|length| *length <= max).ok_or(BadLength(said))?;
            let missing = wanted - self.begun.len();
            if bytes.len() < missing {
                self.keep(bytes, wanted);
                return Ok(());
            }
            let (last, rest) = bytes.split_at(missing);
            self.length_bytes = 0;
            bytes = rest;
            if self.begun.is_empty() {
                take(Bytes::copy_from_slice(last));
            } else {
                self.keep(last, wanted);
                take(std::mem::take(&mut self.begun).freeze());
            }
        }
    }

    fn keep(&mut self, bytes: &[u8], wanted: usize) {
        let length = self.begun.len() + bytes.len();
        if length > self.begun.capacity() {
            let capacity = wanted.min(FIRST_BUFFER.max(2 * length));
            self.begun.reserve(capacity - self.begun.len());
        }
        self.begun.extend_from_slice(bytes);
    }

    /// Whether a frame has begun and is not complete.
    pub(crate) fn is_within(&self) -> bool {
        self.length_bytes > 0
    }

    /// Bytes held for it.
    pub(crate) fn held(&self) -> usize {
        self.begun.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 1 << 20;

    fn stream(frames: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for frame in frames {
            bytes.extend_from_slice(&u32::try_from(frame.len()).unwrap().to_be_bytes());
            bytes.extend_from_slice(frame);
        }
        bytes
    }

    #[test]
    fn frames_are_the_same_however_the_stream_is_cut() {
        let large = vec![7; 200_000];
        let sent: [&[u8]; 5] = [b"one", b"", &large, b"two", b"three"];
        let bytes = stream(&sent);
        for step in [1, 2, 3, 5, 7, 1000, 65_536, bytes.len()] {
            let mut frames = Frames::default();
            let mut got = Vec::new();
            for part in bytes.chunks(step) {
                frames.feed(part, MAX, |frame| got.push(frame)).unwrap();
            }
            assert_eq!(got, sent, "in steps of {step}");
            assert!(!frames.is_within());
        }
    }

    #[test]
    fn a_long_frame_takes_no_more_memory_than_what_has_come() {
        let mut frames = Frames::default();
        frames.feed(&1_000_000_u32.to_be_bytes(), MAX, |_| panic!("no frame yet")).unwrap();
        assert_eq!(frames.held(), 0);
        frames.feed(&[0; 10], MAX, |_| panic!("no frame yet")).unwrap();
        assert!(frames.is_within() && frames.held() <= FIRST_BUFFER);
        frames.feed(&[0; 100_000], MAX, |_| panic!("no frame yet")).unwrap();
        assert!(frames.held() <= 2 * 100_010, "{}", frames.held());
    }

    #[test]
    fn impossible_lengths_are_refused_behind_the_frames_before_them() {
        for length in [-1, i32::MIN, i32::MAX, 1 + i32::try_from(MAX).unwrap()] {
            let mut bytes = stream(&[b"fine"]);
            bytes.extend_from_slice(&length.to_be_bytes());
            let mut got = Vec::new();
            let outcome = Frames::default().feed(&bytes, MAX, |frame| got.push(frame));
            assert_eq!((outcome, got.len()), (Err(BadLength(length)), 1));
        }
    }
}
