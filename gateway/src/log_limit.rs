//! Bad input says why in the log, but it cannot fill the disk with it.

use std::time::{Duration, Instant};

/// Lines that one window takes.
const LINES: u32 = 50;
const WINDOW: Duration = Duration::from_secs(1);

/// Counts lines about clients; what is too many in a second is counted instead of written.
#[derive(Debug)]
pub(crate) struct LogLimit {
    began: Instant,
    lines: u32,
    left_out: u32,
}

impl LogLimit {
    pub(crate) fn new(now: Instant) -> LogLimit {
        LogLimit { began: now, lines: 0, left_out: 0 }
    }

    /// Whether a line may be written now.
    pub(crate) fn allows(&mut self, now: Instant) -> bool {
        if now.duration_since(self.began) >= WINDOW {
            self.began = now;
            self.lines = 0;
        }
        self.lines += 1;
        let allowed = self.lines <= LINES;
        self.left_out += u32::from(!allowed);
        allowed
    }

    /// How many were left out since this was asked.
    pub(crate) fn take_left_out(&mut self) -> u32 {
        std::mem::take(&mut self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_the_next_second_is_written_again() {
        let start = Instant::now();
        let mut limit = LogLimit::new(start);
        assert_eq!((0..LINES + 7).filter(|_| limit.allows(start)).count(), LINES as usize);
        assert_eq!(limit.take_left_out(), 7);
        assert!(limit.allows(start + WINDOW));
        assert_eq!(limit.take_left_out(), 0);
    }
}
