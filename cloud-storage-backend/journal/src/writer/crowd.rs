//! How many write at once: what a writer sees of it.

use std::collections::BTreeMap;

use crate::append::AppendId;

/// Who was not seen for so long does not count.
const FORGOTTEN_AFTER_MS: u64 = 1_000;

/// The other writers seen lately.
#[derive(Default)]
pub(super) struct Crowd(BTreeMap<u64, u64>);

impl Crowd {
    pub(super) fn saw(&mut self, now_ms: u64, id: AppendId) {
        self.0.insert(id.writer(), now_ms);
    }

    /// How many others there are.
    pub(super) fn others(&mut self, now_ms: u64, own: AppendId) -> u64 {
        self.0.retain(|writer, seen| *writer != own.writer() && *seen + FORGOTTEN_AFTER_MS > now_ms);
        self.0.len() as u64
    }
}
