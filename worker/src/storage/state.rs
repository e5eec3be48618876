//! The one row of the store `meta`: the format, the owner, and how many commits there were.

/// The version of the format that this code writes and reads (docs/format.md). Older ones are brought up to it.
pub(super) const FORMAT_VERSION: u32 = 3;

/// The row's key.
pub(super) const STATE_KEY: &str = "state";

/// What the row says. Each transaction that writes first reads it, and goes on only if it is as its predecessor left
/// it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct State {
    /// Raised by everyone who opens the database: only the last one may write.
    pub(super) owner_epoch: u64,
    /// Raised by every transaction.
    pub(super) commit: u64,
}

impl State {
    const LENGTH: usize = 4 + 8 + 8;

    pub(super) fn to_bytes(self) -> [u8; Self::LENGTH] {
        self.to_bytes_of(FORMAT_VERSION)
    }

    /// The row in a format of another version. All have it alike so far.
    pub(super) fn to_bytes_of(self, version: u32) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..4].copy_from_slice(&version.to_be_bytes());
        bytes[4..12].copy_from_slice(&self.owner_epoch.to_be_bytes());
        bytes[12..].copy_from_slice(&self.commit.to_be_bytes());
        bytes
    }

    /// # Errors
    ///
    /// When the bytes are of another version or of none, in words for people.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<State, String> {
        State::of_version(FORMAT_VERSION, bytes)
    }

    /// Reads the row of a format of another version.
    ///
    /// # Errors
    ///
    /// As for [`State::from_bytes`].
    pub(super) fn of_version(expected: u32, bytes: &[u8]) -> Result<State, String> {
        let Some((version, rest)) = bytes.split_first_chunk::<4>() else {
            return Err("the database does not say in which format it is".to_owned());
        };
        let version = u32::from_be_bytes(*version);
        if version != expected {
            return Err(format!("the database is in format {version} where {expected} was expected"));
        }
        match (rest.split_first_chunk::<8>(), rest.split_last_chunk::<8>()) {
            (Some((owner_epoch, _)), Some((_, commit))) if rest.len() == 16 => Ok(State {
                owner_epoch: u64::from_be_bytes(*owner_epoch),
                commit: u64::from_be_bytes(*commit),
            }),
            _ => Err(format!("the database's state is {} bytes long", bytes.len())),
        }
    }

    /// What the next transaction leaves.
    pub(super) fn next(self) -> State {
        State { commit: self.commit + 1, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_has_golden_bytes() {
        let state = State { owner_epoch: 2, commit: 0x0304 };
        let expected = [0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 3, 4];
        assert_eq!(state.to_bytes(), expected);
        assert_eq!(State::from_bytes(&expected), Ok(state));
        assert_eq!(state.next(), State { owner_epoch: 2, commit: 0x0305 });
    }

    #[test]
    fn other_formats_are_refused() {
        let mut bytes = State { owner_epoch: 1, commit: 1 }.to_bytes();
        bytes[3] = 1;
        assert!(State::from_bytes(&bytes).is_err_and(|error| error.contains("format 1")));
        assert_eq!(State::of_version(1, &bytes), Ok(State { owner_epoch: 1, commit: 1 }));
        bytes[3] = 2;
        assert!(State::from_bytes(&bytes[..19]).is_err());
        assert!(State::from_bytes(&[]).is_err());
    }
}
