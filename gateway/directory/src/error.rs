use std::io;
use std::path::PathBuf;
use std::{error, fmt};

use headwater_engine::{NotAppliedReason, StorageError};

/// Why a directory cannot be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it open.
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// A newer version of this program has written it, and guessing would lose what it says.
    NewerFormat {
        /// The directory.
        path: PathBuf,
        /// The format's version.
        format: u32,
    },
    /// A file says something that cannot be.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The operating system refused.
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Locked { path } => {
                write!(f, "the directory {} is in use by another process", path.display())
            }
            OpenError::NewerFormat { path, format } => write!(
                f,
                "the directory {} has format {format}, which a newer version of this program wrote",
                path.display()
            ),
            OpenError::Damaged { path, problem } => write!(f, "{} cannot be used: {problem}", path.display()),
            OpenError::Io { path, source } => write!(f, "{}: {source}", path.display()),
        }
    }
}

impl error::Error for OpenError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            OpenError::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// How a step on the files went wrong.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing was changed.
    NotApplied(NotAppliedReason, String),
    /// Something may have been changed. Nothing more may be done with these files.
    Unknown(String),
}

impl Failure {
    /// A step that the operating system refused, and that left nothing behind.
    pub(crate) fn refused(doing: &str, error: &io::Error) -> Failure {
        let reason = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                NotAppliedReason::Full
            }
            _ => NotAppliedReason::Failed,
        };
        Failure::NotApplied(reason, format!("{doing}: {error}"))
    }

    pub(crate) fn unknown(doing: &str, error: &io::Error) -> Failure {
        Failure::Unknown(format!("{doing}: {error}"))
    }

    pub(crate) fn out_of_sequence(message: &str) -> Failure {
        Failure::NotApplied(NotAppliedReason::OutOfSequence, message.to_owned())
    }

    /// Whether the medium is to be left alone from now on.
    pub(crate) fn stops(&self) -> Option<&str> {
        match self {
            Failure::Unknown(message) | Failure::NotApplied(NotAppliedReason::Failed, message) => {
                Some(message)
            }
            Failure::NotApplied(..) => None,
        }
    }
}

impl From<Failure> for StorageError {
    fn from(failure: Failure) -> StorageError {
        match failure {
            Failure::NotApplied(reason, message) => StorageError::NotApplied { reason, message },
            Failure::Unknown(message) => StorageError::Unknown { message },
        }
    }
}
