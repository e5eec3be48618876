//! What a request that failed means: by what is known of it, not by what its error is called.

use std::error::Error as _;
use std::io;

use headwater_journal::Outcome;
use object_store::Error;

use crate::http::Progress;

/// How much of what a store says is repeated.
const SAID_CHARACTERS: usize = 300;

/// What is known of a request that was not done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// There is no such object.
    Missing,
    /// Not applied: its condition does not hold, or another write is under way.
    NotMatched,
    /// Not applied, and may be tried again.
    NotApplied,
    /// Nobody knows.
    Unknown,
    /// Not applied, for good: nobody knows who is asking.
    Credentials,
    /// Not applied, for good: it is not allowed.
    Forbidden,
    /// Not applied, for good: there is no such bucket.
    NoSuchBucket,
    /// Not applied, for good: there is no time in the answers.
    NoDate,
    /// Not applied, for good.
    Refused,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    /// What the store says about it.
    pub(crate) said: String,
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Outcome {
        match failure.kind {
            Kind::NotMatched => Outcome::NotMatched,
            Kind::NotApplied => Outcome::NotApplied,
            Kind::Unknown => Outcome::Unknown,
            _ => Outcome::Refused(failure.said),
        }
    }
}

/// What stores call it when the credentials are wrong, when they do not say 401: S3's and Azure's words.
const CREDENTIALS: &[&str] = &[
    "AuthenticationFailed",
    "AuthorizationHeaderMalformed",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidAuthenticationInfo",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    // Azurite, by the name that Azure has for something else.
    "failed to authenticate the request",
];
const NO_SUCH_BUCKET: &[&str] = &["ContainerNotFound", "NoSuchBucket"];

impl Failure {
    pub(crate) fn new(kind: Kind, said: String) -> Failure {
        Failure { kind, said }
    }

    /// An answer without a time. It cannot be used, and of a PUT that was applied nobody may say that it was not.
    pub(super) fn no_date(kind: Kind) -> Failure {
        let kind = if kind == Kind::Unknown { kind } else { Kind::NoDate };
        Failure::new(kind, "its answers have no Date header".to_owned())
    }

    /// Of a request over HTTP.
    pub(super) fn of_answer(error: &Error, progress: Progress) -> Failure {
        let text = error.to_string();
        let code = tag(&text, "Code").unwrap_or_default();
        let kind = match progress {
            Progress::Answered(status) => kind_of(status, code, &text),
            Progress::NoConnection => Kind::NotApplied,
            Progress::Sent => Kind::Unknown,
            Progress::NotSent => match status_of(error) {
                // Deletes leave no trace: object_store takes no extensions for them.
                Some(status) => kind_of(status, code, &text),
                None => of_nothing_sent(error),
            },
        };
        Failure::new(kind, said(&text))
    }

    /// Of a directory or of memory.
    pub(super) fn of_machine(error: &Error) -> Failure {
        let kind = match error {
            Error::NotFound { .. } => Kind::Missing,
            Error::AlreadyExists { .. } | Error::Precondition { .. } => Kind::NotMatched,
            Error::PermissionDenied { .. } => Kind::Forbidden,
            _ => match io_kind(error) {
                Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => Kind::Forbidden,
                Some(io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename) => Kind::Refused,
                Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => Kind::NotApplied,
                _ => Kind::Unknown,
            },
        };
        Failure::new(kind, said(&error.to_string()))
    }
}

fn kind_of(status: u16, code: &str, text: &str) -> Kind {
    let says = |words: &[&str]| words.iter().any(|word| code == *word || text.contains(word));
    match status {
        // The answer was good and ended early, or is not understood.
        200..=299 | 408 => Kind::Unknown,
        404 if says(NO_SUCH_BUCKET) => Kind::NoSuchBucket,
        404 => Kind::Missing,
        401 => Kind::Credentials,
        400 | 403 if says(CREDENTIALS) => Kind::Credentials,
        400 if says(&["RequestTimeout"]) => Kind::Unknown,
        403 => Kind::Forbidden,
        304 | 409 | 412 => Kind::NotMatched,
        429 | 503 => Kind::NotApplied,
        501 => Kind::Refused,
        500.. => Kind::Unknown,
        _ => Kind::Refused,
    }
}

/// What object_store makes of statuses.
fn status_of(error: &Error) -> Option<u16> {
    match error {
        Error::NotFound { .. } => Some(404),
        Error::AlreadyExists { .. } => Some(409),
        Error::Precondition { .. } => Some(412),
        Error::PermissionDenied { .. } => Some(403),
        Error::Unauthenticated { .. } => Some(401),
        _ => None,
    }
}

fn of_nothing_sent(error: &Error) -> Kind {
    match error {
        // Asking for credentials failed, which may pass.
        Error::Generic { .. } | Error::JoinError { .. } => Kind::NotApplied,
        _ => Kind::Refused,
    }
}

fn io_kind(error: &Error) -> Option<io::ErrorKind> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        source = error.source();
    }
    None
}

/// What a store says, for people: its own code and message if there are some.
fn said(text: &str) -> String {
    let said = match (tag(text, "Code"), tag(text, "Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        _ => text.to_owned(),
    };
    let said: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match said.char_indices().nth(SAID_CHARACTERS) {
        Some((end, _)) => format!("{}…", said.get(..end).unwrap_or_default().trim_end()),
        None => said.trim().to_owned(),
    }
}

fn tag<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(inside, _)| inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_status_means() {
        for (status, text, kind) in [
            (404, "<Code>NoSuchKey</Code>", Kind::Missing),
            (404, "<Code>NoSuchBucket</Code>", Kind::NoSuchBucket),
            (404, "<Code>ContainerNotFound</Code>", Kind::NoSuchBucket),
            (403, "<Code>AccessDenied</Code>", Kind::Forbidden),
            (403, "<Code>SignatureDoesNotMatch</Code>", Kind::Credentials),
            (400, "<Code>ExpiredToken</Code>", Kind::Credentials),
            (400, "<Code>InvalidRequest</Code>", Kind::Refused),
            (
                403,
                "<Code>AuthorizationFailure</Code><Message>Server failed to authenticate the request.",
                Kind::Credentials,
            ),
            (403, "<Code>AuthorizationFailure</Code><Message>Not from this address.", Kind::Forbidden),
            (401, "", Kind::Credentials),
            (409, "<Code>ConditionalRequestConflict</Code>", Kind::NotMatched),
            (412, "", Kind::NotMatched),
            (429, "", Kind::NotApplied),
            (503, "<Code>SlowDown</Code>", Kind::NotApplied),
            (500, "<Code>InternalError</Code>", Kind::Unknown),
            (502, "", Kind::Unknown),
            (504, "", Kind::Unknown),
            (408, "", Kind::Unknown),
            (400, "<Code>RequestTimeout</Code>", Kind::Unknown),
            (501, "<Code>NotImplemented</Code>", Kind::Refused),
            (301, "", Kind::Refused),
            (200, "cut off", Kind::Unknown),
        ] {
            assert_eq!(kind_of(status, tag(text, "Code").unwrap_or_default(), text), kind, "{status} {text}");
        }
    }

    #[test]
    fn people_are_told_what_the_store_says() {
        let text =
            "Error performing PUT - 403: <Error><Code>AccessDenied</Code><Message>No.</Message></Error>";
        assert_eq!(said(text), "AccessDenied: No.");
        assert_eq!(said("two\nlines "), "two lines");
        assert_eq!(said(&"é".repeat(400)).chars().count(), SAID_CHARACTERS + 1);
    }
}
