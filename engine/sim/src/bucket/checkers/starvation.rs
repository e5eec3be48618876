//! Nobody is passed by for ever: where nothing goes wrong, so many commits of others are the most that anybody waits.

/// An intent is taken along within two eras, or its author makes the commit.
const MOST_COMMITS: u64 = 40;

pub(super) fn waited(host: usize, commits: u64) -> Result<(), String> {
    if commits > MOST_COMMITS {
        return Err(format!("writer {host} waited while {commits} commits were made by others"));
    }
    Ok(())
}
