//! When something that failed is started again: at once the first time, then after ever longer pauses, and after some
//! failures in a row not without a person.

/// Failures in a row after which nothing is tried without a person.
const MAX_FAILURES: u32 = 6;
/// The first pause, in milliseconds; each one is twice the one before.
const FIRST_PAUSE_MS: f64 = 500.0;
/// Who has run for so long has recovered, in milliseconds.
const STABLE_MS: f64 = 30_000.0;

/// How often something failed, and when it is tried again.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Recovery {
    failures: u32,
    /// On the monotonic clock.
    due_ms: f64,
    running_since_ms: Option<f64>,
}

impl Recovery {
    pub(super) fn failed(&mut self, now_ms: f64) {
        if self.running_since_ms.take().is_some_and(|since_ms| now_ms - since_ms > STABLE_MS) {
            self.failures = 0;
        }
        let pause_ms = match self.failures {
            0 => 0.0,
            before => FIRST_PAUSE_MS * f64::from(1_u32 << (before - 1).min(MAX_FAILURES)),
        };
        self.failures += 1;
        self.due_ms = now_ms + pause_ms;
    }

    pub(super) fn running(&mut self, now_ms: f64) {
        self.running_since_ms = Some(now_ms);
    }

    /// Only a person can have it tried again.
    pub(super) fn give_up(&mut self) {
        self.failures = MAX_FAILURES + 1;
    }

    pub(super) fn is_due(&self, now_ms: f64) -> bool {
        !self.is_over() && now_ms >= self.due_ms
    }

    pub(super) fn is_over(&self) -> bool {
        self.failures > MAX_FAILURES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_tried_at_once_then_later_and_later_and_then_not_any_more() {
        let mut recovery = Recovery::default();
        let mut now_ms = 0.0;
        let mut pauses = Vec::new();
        for _ in 0..MAX_FAILURES {
            recovery.failed(now_ms);
            pauses.push(recovery.due_ms - now_ms);
            assert!(recovery.is_due(recovery.due_ms));
            now_ms = recovery.due_ms;
            recovery.running(now_ms);
        }
        assert_eq!(pauses, [0.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0]);
        recovery.failed(now_ms);
        assert!(recovery.is_over() && !recovery.is_due(f64::MAX));
    }

    #[test]
    fn who_ran_for_a_while_is_tried_at_once_again() {
        let mut recovery = Recovery::default();
        recovery.failed(0.0);
        recovery.failed(0.0);
        recovery.running(1000.0);
        recovery.failed(1000.0 + STABLE_MS + 1.0);
        assert!(recovery.is_due(1000.0 + STABLE_MS + 1.0));
    }
}
