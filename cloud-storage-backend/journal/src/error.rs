//! What ends the use of a journal.

use std::fmt;

/// Why a journal cannot be used any more by who gets this.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The store refuses: credentials, rights, no such bucket.
    Refused {
        /// The object.
        key: String,
        /// What the store says.
        reason: String,
    },
    /// An object is not what was written, or not there although it has to be.
    Damaged {
        /// The object.
        key: String,
        /// What is wrong.
        what: &'static str,
    },
    /// The journal was written in another version of the format.
    Format {
        /// The object.
        key: String,
        /// Its version.
        version: u8,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Refused { key, reason } => write!(f, "the store refuses {key}: {reason}"),
            Error::Damaged { key, what } => write!(f, "{key} is damaged: {what}"),
            Error::Format { key, version } => {
                let ours = crate::wire::FORMAT_VERSION;
                write!(f, "{key} is in version {version} of the format, this is for version {ours}")
            }
        }
    }
}

impl std::error::Error for Error {}
