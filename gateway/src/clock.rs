//! The clocks and the entropy of a machine.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::time::{Duration, Instant, SystemTime};

use headwater_engine::Now;

/// Both clocks, the monotonic one from a time that all of a broker's calls share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn start() -> Clock {
        Clock { origin: Instant::now() }
    }

    pub(crate) fn now(self) -> Now {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let monotonic_ms = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { monotonic_ms, wall_ms: i64::try_from(wall.as_millis()).unwrap_or(i64::MAX) }
    }

    /// When the monotonic clock will show this.
    pub(crate) fn instant(self, monotonic_ms: u64) -> Instant {
        // What lies too far ahead to be said is as good as an hour ahead: it is asked again then.
        let far = Duration::from_secs(3600);
        self.origin.checked_add(Duration::from_millis(monotonic_ms)).unwrap_or_else(|| Instant::now() + far)
    }
}

/// A number that differs from start to start. The standard library draws the keys of its hash maps from the system's
/// entropy; that is all that is needed here, as nothing rests on its being secret.
pub(crate) fn entropy() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// Milliseconds since 1970, with fractions.
pub(crate) fn wall_ms() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1e3
}
