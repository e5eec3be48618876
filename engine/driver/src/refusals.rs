use headwater_engine::LogId;
use headwater_engine::sorted::SortedMap;

/// Remembers which logs had an append refused, so that those submitted upon it are refused too (see
/// [`LogStorage`](crate::LogStorage)).
///
/// For the authors of storages. Operations are numbered in the order of their submission, from 0.
#[derive(Debug, Default)]
pub struct Refusals {
    logs: SortedMap<LogId, Refusal>,
}

#[derive(Debug)]
struct Refusal {
    /// Refusals whose outcome was not yet polled.
    untold: u32,
    /// Once all are told: operations numbered below this were submitted without knowing.
    unaware_below: u64,
}

impl Refusals {
    /// An append to this log was refused for a reason of its own, not for another refusal.
    pub fn refused(&mut self, log: LogId) {
        self.logs.or_insert_with(log, || Refusal { untold: 0, unaware_below: 0 }).untold += 1;
    }

    /// The outcome of a refusal that was counted by [`refused`](Refusals::refused) was polled; `next` is the number that the next operation gets.
    pub fn told(&mut self, log: LogId, next: u64) {
        if let Some(refusal) = self.logs.get_mut(&log) {
            refusal.untold = refusal.untold.saturating_sub(1);
            refusal.unaware_below = next;
        }
    }

    /// Whether the append with this number was built upon a refused one.
    #[must_use]
    pub fn applies_to(&self, log: LogId, number: u64) -> bool {
        self.logs.get(&log).is_some_and(|refusal| refusal.untold > 0 || number < refusal.unaware_below)
    }

    /// Forgets what can no longer apply: every operation below `oldest` has ended.
    pub fn forget_below(&mut self, oldest: u64) {
        self.logs.retain(|_, refusal| refusal.untold > 0 || refusal.unaware_below > oldest);
    }
}
