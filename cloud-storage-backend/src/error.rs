//! Why a store cannot be used.

use std::fmt;

use headwater_journal::Error;

/// Why a store or a journal in it was not opened. Nothing was written over.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL or an option is not understood.
    Options(String),
    /// The store cannot be reached, or answers with errors that may pass.
    Unreachable {
        /// The store.
        store: String,
        /// What came instead of an answer.
        said: String,
    },
    /// The store does not know who is asking.
    Credentials {
        /// The store.
        store: String,
        /// What it says.
        said: String,
    },
    /// There is no such bucket, container or directory.
    NoSuchBucket {
        /// The store.
        store: String,
        /// What it says.
        said: String,
    },
    /// The store knows who is asking, and does not let them.
    Forbidden {
        /// The store.
        store: String,
        /// Reading, writing, listing or deleting.
        doing: &'static str,
        /// What it says.
        said: String,
    },
    /// The store refuses for another reason.
    Refused {
        /// The store.
        store: String,
        /// Reading, writing, listing or deleting.
        doing: &'static str,
        /// What it says.
        said: String,
    },
    /// The store does not hold the conditions of writes, so writers would overwrite each other.
    NotConditional {
        /// The store.
        store: String,
        /// What it did.
        what: &'static str,
    },
    /// The store's answers do not say what time it is.
    NoDate {
        /// The store.
        store: String,
    },
    /// What is under the prefix cannot be used.
    Journal(Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Options(what) => f.write_str(what),
            OpenError::Unreachable { store, said } => write!(f, "{store} cannot be reached: {said}"),
            OpenError::Credentials { store, said } => {
                write!(f, "{store} does not accept the credentials: {said}")
            }
            OpenError::NoSuchBucket { store, said } => write!(f, "{store} does not exist: {said}"),
            OpenError::Forbidden { store, doing, said } => {
                write!(f, "{doing} objects of {store} is not allowed with these credentials: {said}")
            }
            OpenError::Refused { store, doing, said } => {
                write!(f, "{store} refuses {doing} objects: {said}")
            }
            OpenError::NotConditional { store, what } => write!(
                f,
                "{store} does not hold the conditions of writes, and without them records would be lost: {what}"
            ),
            OpenError::NoDate { store } => write!(
                f,
                "the answers of {store} have no Date header (a browser sees only what the bucket's CORS rules expose)"
            ),
            OpenError::Journal(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            OpenError::Journal(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Error> for OpenError {
    fn from(error: Error) -> OpenError {
        OpenError::Journal(error)
    }
}
