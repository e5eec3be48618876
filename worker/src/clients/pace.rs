//! Not more than so many records a second.

/// How far ahead of its time a record may go, so that they go in small groups and not one by one.
const BURST_MS: f64 = 100.0;

/// A rate, and what went so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    per_s: Option<u32>,
    started_ms: f64,
    sent: u64,
    /// Nothing goes before.
    until_ms: f64,
}

impl Pace {
    /// None: as fast as it goes.
    pub(crate) fn new(per_s: Option<u32>, now_ms: f64) -> Pace {
        Pace { per_s, started_ms: now_ms, sent: 0, until_ms: 0.0 }
    }

    /// Goes on at another rate, if it is another.
    pub(crate) fn set(&mut self, per_s: Option<u32>, clock_ms: impl FnOnce() -> f64) -> bool {
        let is_other = self.per_s != per_s;
        if is_other {
            *self = Pace::new(per_s, clock_ms());
        }
        is_other
    }

    /// How many milliseconds are left to wait: whoever waits may look up meanwhile.
    pub(crate) fn early(&self, clock_ms: impl FnOnce() -> f64) -> Option<f64> {
        self.per_s?;
        let left_ms = self.until_ms - clock_ms();
        (left_ms > 0.0).then_some(left_ms)
    }

    /// Counts a record. Returns how many milliseconds to wait before the next. The clock is looked at only where there
    /// is a limit: that costs more than to send a record.
    #[inline]
    pub(crate) fn sent(&mut self, clock_ms: impl FnOnce() -> f64) -> Option<f64> {
        let per_s = f64::from(self.per_s?.max(1));
        self.ahead(per_s, clock_ms())
    }

    fn ahead(&mut self, per_s: f64, now_ms: f64) -> Option<f64> {
        self.sent += 1;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let due_ms = self.started_ms + self.sent as f64 * 1_000.0 / per_s;
        if due_ms < now_ms - 1_000.0 {
            // It was held up: what was missed is not made up for by a flood.
            self.started_ms = now_ms;
            self.sent = 0;
            return None;
        }
        let ahead_ms = due_ms - now_ms;
        let burst_ms = BURST_MS.max(1_000.0 / per_s);
        let is_early = ahead_ms >= burst_ms;
        if is_early {
            self.until_ms = due_ms;
        }
        is_early.then_some(ahead_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(per_s: u32, ms: f64) -> u64 {
        let mut pace = Pace::new(Some(per_s), 0.0);
        let (mut now, mut count) = (0.0, 0);
        while now < ms {
            count += 1;
            now += pace.sent(|| now).unwrap_or(0.001);
        }
        count
    }

    #[test]
    fn keeps_the_rate() {
        for per_s in [1, 7, 1_000, 50_000] {
            let count = run(per_s, 10_000.0);
            let wanted = u64::from(per_s) * 10;
            assert!(count.abs_diff(wanted) <= wanted / 50 + 1, "{per_s}/s: {count}");
        }
    }

    #[test]
    fn who_looks_up_while_it_waits_goes_on_waiting() {
        let mut pace = Pace::new(Some(1), 0.0);
        assert_eq!(pace.sent(|| 0.0), Some(1_000.0));
        assert_eq!(pace.early(|| 200.0), Some(800.0));
        assert_eq!(pace.early(|| 1_000.0), None);
        assert!(!pace.set(Some(1), || 1_000.0));
        assert_eq!(pace.sent(|| 1_000.0), Some(1_000.0));
        assert!(pace.set(None, || 1_200.0));
        assert_eq!(pace.early(|| 1_200.0), None);
    }

    #[test]
    fn no_limit_never_waits_and_a_delay_is_not_made_up_for() {
        let mut pace = Pace::new(None, 0.0);
        assert!((0..1_000).all(|_| pace.sent(|| 0.0).is_none()));
        let mut pace = Pace::new(Some(1_000), 0.0);
        let burst = (0..10_000).take_while(|_| pace.sent(|| 60_000.0).is_none()).count();
        assert!(burst < 200, "{burst}");
    }
}
