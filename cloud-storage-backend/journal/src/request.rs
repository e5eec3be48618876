//! What the protocol asks of an object store, and what it is told.

use bytes::Bytes;

/// The store's own clock, in milliseconds since 1970. Stores tell seconds: the rest is zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct StoreTime(pub i64);

/// Names a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RequestId(pub u64);

/// Who waits for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// An append or a reader.
    Foreground,
    /// Checkpoints, merging and collection.
    Background,
}

/// A request to the store. The caller retries nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// GET.
    Get {
        /// Of this object.
        key: String,
        /// At most so many bytes from its start.
        limit: Option<u64>,
    },
    /// PUT with `If-None-Match: *`.
    Create {
        /// Where.
        key: String,
        /// What.
        bytes: Bytes,
    },
    /// PUT with `If-Match`.
    Update {
        /// Where.
        key: String,
        /// What.
        bytes: Bytes,
        /// What has to be there.
        etag: String,
    },
    /// One page of a LIST, in the order of names.
    List {
        /// What names begin with.
        prefix: String,
        /// Only names after this one.
        after: String,
    },
    /// DELETE, or as many in one request as the store takes; at most 1,000.
    Delete {
        /// Which; that one is not there is no error.
        keys: Vec<String>,
    },
}

/// What came of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Of a GET.
    Found {
        /// What is there, up to the limit.
        bytes: Bytes,
        /// Of the object.
        etag: String,
        /// When the object was written.
        last_modified: StoreTime,
        /// Of the answer.
        date: StoreTime,
    },
    /// Of a GET: 404.
    Missing {
        /// Of the answer.
        date: StoreTime,
    },
    /// Of a PUT: it is there now.
    Stored {
        /// Of the answer.
        date: StoreTime,
    },
    /// Of a PUT: not applied, for its condition does not hold (412), or another one is under way (409).
    NotMatched,
    /// Of a LIST.
    Listed {
        /// The keys of the page.
        keys: Vec<String>,
        /// There are more behind the last.
        more: bool,
    },
    /// Of a DELETE.
    Deleted,
    /// It was not applied and may be tried again: 429, 503, no connection.
    NotApplied,
    /// Nobody knows whether it was or will be applied: a time-out, a connection that was lost, 500.
    Unknown,
    /// It was not applied, and trying again is of no use: 401, 403, no such bucket.
    Refused(String),
}
