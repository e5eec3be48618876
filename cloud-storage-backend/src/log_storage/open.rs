//! Opening: the last state that was written, and the records since.

use headwater_journal::Layout;

use super::content::ObjectId;
use super::objects::Objects;
use super::record::{Record, What, unseal_state};
use super::state::State;
use super::stream::{Stream, claim, damaged, record_name, unsealed};
use crate::error::OpenError;
use crate::journal::Journal;

/// What an owner begins with.
pub(super) struct Opened {
    pub(super) stream: Stream,
    pub(super) objects: Objects,
    pub(super) state: State,
    /// The object of the last state that was written.
    pub(super) state_object: Option<ObjectId>,
    /// The records below are in that.
    pub(super) below: i64,
    /// The offset of the next record.
    pub(super) next: i64,
    /// The last name of what is in memory.
    pub(super) numbers: u64,
}

/// Takes all logs over from whoever had them.
pub(super) async fn open(journal: &Journal) -> Result<Opened, OpenError> {
    let (stream, read, next) = claim(journal).await?;
    let objects = Objects::new(journal.store().clone(), Layout::new(journal.config()));
    let mut numbers = 0;
    let mut records = Vec::with_capacity(read.records.len());
    for (offset, record) in &read.records {
        let record =
            Record::unseal(record, &mut numbers).map_err(|error| unsealed(&record_name(*offset), error))?;
        records.push((*offset, record.what));
    }
    let checkpoint = records.iter().rev().find_map(|(_, what)| match what {
        What::Checkpoint { below, object } => Some((*below, *object)),
        _ => None,
    });
    let (mut state, below) = match checkpoint {
        Some((below, object)) => {
            let unreadable =
                |said| OpenError::Refused { store: journal.store().to_string(), doing: "reading", said };
            let bytes = objects.state(object).await.map_err(unreadable)?;
            (unseal_state(&bytes).map_err(|error| unsealed(&objects.state_key(object), error))?, below)
        }
        None => (State::default(), 0),
    };
    if read.start > below {
        return Err(damaged(journal, "the logs' stream begins behind what is known of them"));
    }
    let since = records.into_iter().filter(|(offset, _)| *offset >= below);
    for (expected, (offset, what)) in (below..).zip(since) {
        if offset != expected {
            return Err(damaged(journal, "a record of the logs' stream is missing"));
        }
        state.fold(what).map_err(|malformed| damaged(journal, malformed.0))?;
    }
    let state_object = checkpoint.map(|(_, object)| object);
    Ok(Opened { stream, objects, state, state_object, below, next, numbers })
}
