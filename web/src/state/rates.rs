//! How fast a counter goes up.

use std::collections::VecDeque;

/// The time over which a rate is the mean.
const WINDOW_MS: f64 = 2000.0;
/// Above that many samples in the window the newest takes the place of the one before.
const MAX_SAMPLES: usize = 64;

/// A counter's mean rate over the last two seconds.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct RateMeter {
    /// When and how much, oldest first. The oldest may lie before the window: the rate is counted from it.
    samples: VecDeque<(f64, u64)>,
}

impl RateMeter {
    /// The counter stands at `value`. One that fell (what it counts was made anew) begins anew.
    pub(super) fn push(&mut self, now_ms: f64, value: u64) {
        if self.samples.back().is_some_and(|&(_, last)| value < last) {
            self.samples.clear();
        }
        if self.samples.len() >= MAX_SAMPLES {
            self.samples.pop_back();
        }
        self.samples.push_back((now_ms, value));
        while self.samples.get(1).is_some_and(|&(time, _)| time <= now_ms - WINDOW_MS) {
            self.samples.pop_front();
        }
    }

    /// How much the counter went up a second, over the last two seconds before `now_ms`.
    ///
    /// While the counter is known for less than that, over the time that it is known.
    pub(super) fn per_second(&self, now_ms: f64) -> f64 {
        let (Some(&(_, last)), Some(&(oldest, _))) = (self.samples.back(), self.samples.front()) else {
            return 0.0;
        };
        let begin = now_ms - WINDOW_MS;
        let (since, from) = if oldest <= begin { (begin, self.at(begin)) } else { (oldest, self.at(oldest)) };
        let elapsed_s = (now_ms - since) / 1000.0;
        if elapsed_s <= 0.0 { 0.0 } else { (last as f64 - from) / elapsed_s }
    }

    /// How the counter stood at a time, on the straight line between the samples around it.
    fn at(&self, time: f64) -> f64 {
        let mut before = None;
        for &(when, value) in &self.samples {
            let value = value as f64;
            match before {
                _ if when <= time => before = Some((when, value)),
                None => return value,
                Some((start, from)) => return from + (value - from) * (time - start) / (when - start),
            }
        }
        before.map_or(0.0, |(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_counter_has_a_steady_rate() {
        let mut meter = RateMeter::default();
        for step in 0..50_u32 {
            meter.push(f64::from(step) * 200.0, u64::from(step) * 1000);
            if step > 0 {
                assert!((meter.per_second(f64::from(step) * 200.0) - 5000.0).abs() < 1.0);
            }
        }
        assert!(meter.samples.len() <= 12);
    }

    #[test]
    fn the_rate_falls_to_nothing_when_nothing_comes() {
        let mut meter = RateMeter::default();
        meter.push(0.0, 0);
        meter.push(200.0, 1000);
        assert!(meter.per_second(1200.0) > 0.0);
        assert_eq!(meter.per_second(2300.0), 0.0);
        assert_eq!(RateMeter::default().per_second(5.0), 0.0);
    }

    #[test]
    fn a_counter_that_fell_begins_anew() {
        let mut meter = RateMeter::default();
        meter.push(0.0, 1_000_000);
        meter.push(1000.0, 10);
        assert_eq!(meter.per_second(1000.0), 0.0);
        meter.push(2000.0, 110);
        assert!((meter.per_second(2000.0) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn samples_have_a_limit() {
        let mut meter = RateMeter::default();
        for step in 0..10_000_u32 {
            meter.push(f64::from(step) / 10.0, u64::from(step));
        }
        assert!(meter.samples.len() <= MAX_SAMPLES);
        assert!(meter.per_second(1000.0) > 9000.0);
    }
}
