//! Nothing that somebody may still come to is deleted, and what nobody can come to does not stay.
//!
//! Of a deletion it is seen here whether it came too early. That nothing living was deleted is seen by whoever reads
//! from the beginning at last, and by everybody who finds something missing.

use std::collections::BTreeSet;

use super::Deleted;

/// A commit is old enough when it is deleted, but what landed late where one had been deleted is dead at once.
pub(super) fn deleted(deleted: &[Deleted], collect_after_ms: i64) -> Result<(), String> {
    let is_early = |deleted: &&Deleted| {
        deleted.key.contains("c/") && !deleted.again && deleted.age_ms < collect_after_ms.unsigned_abs()
    };
    match deleted.iter().find(is_early) {
        Some(Deleted { key, age_ms, .. }) => {
            Err(format!("{key} was deleted {age_ms} ms after it was written"))
        }
        None => Ok(()),
    }
}

/// When all was quiet for long, every commit is dead; and what a reader of everything does not read is dead too, but for
/// the checkpoint's list, a few lists that were not long replaced, and intents that might still be committed.
pub(super) fn at_last<'a>(
    keys: impl Iterator<Item = &'a str>,
    read: &BTreeSet<String>,
    commits: u64,
) -> Result<(), String> {
    let mut lists = 0;
    for key in keys {
        let dead = if key.contains("c/") {
            true
        } else if let Some((_, name)) = key.split_once("i/") {
            let number = name.split('/').next().and_then(|number| number.parse::<u64>().ok());
            let late = number.is_some_and(|number| number + MOST_COMMITS_LATE >= commits);
            !late && !read.contains(key)
        } else if key.contains("l/") {
            lists += 1;
            lists > MOST_LISTS
        } else {
            !read.contains(key)
        };
        if dead {
            return Err(format!("{key} is still there, though nobody can come to it"));
        }
    }
    Ok(())
}

/// So many commits after the one that it was written for, an intent may be committed.
const MOST_COMMITS_LATE: u64 = 24;
/// Of the cycle that is not over, and of the one before.
const MOST_LISTS: u32 = 4;
