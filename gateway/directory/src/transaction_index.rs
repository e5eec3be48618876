//! `.txnindex`: the aborted transactions whose marker a complete segment has (KIP-98), in Kafka's bytes.
//!
//! Nothing here reads it but to see whether it is as it should be. It is made from the producers' states, which tell of every
//! aborted transaction that the log has; as in Kafka, a segment without one has no such file.

use std::io;
use std::sync::atomic::Ordering;

use headwater_engine::{AbortedTransaction, LogId, Offset, ProducersSnapshot, SnapshotKind};

use crate::kafka_snapshot;
use crate::names;
use crate::shared::{Shared, View, read};

/// Of an entry.
const VERSION: i16 = 0;

/// Makes those of all segments that end by the offset of the producers' states, but for those that are known to be right.
pub(crate) fn make(shared: &Shared, log: LogId, told_at: Offset) -> io::Result<()> {
    let Some(view) = shared.view(log) else {
        return Ok(());
    };
    let path = view.folder.join(names::snapshot(SnapshotKind::ProducerState, told_at));
    let content = match shared.files.read(&path) {
        // Another has taken its place, which tells more.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        content => content?,
    };
    let Some(told) = ProducersSnapshot::parse(&kafka_snapshot::unwrap(content)) else {
        return Ok(());
    };
    // Held to the end: the segments stay what they are meanwhile.
    let segments = read(&view.segments);
    let indexed = view.transactions_indexed.load(Ordering::Acquire);
    let mut bases = segments.range(indexed..).map(|(base, _)| *base);
    let mut base = bases.next();
    while let (Some(start), Some(end)) = (base, bases.next())
        && end <= told_at
    {
        let from = told.aborted.partition_point(|aborted| aborted.last_offset < start);
        let to = told.aborted.partition_point(|aborted| aborted.last_offset < end);
        put(shared, &view, start, &entries(&told.aborted[from..to.max(from)]))?;
        view.transactions_indexed.store(end, Ordering::Release);
        base = Some(end);
    }
    Ok(())
}

/// Puts the file there, unless it is as it should be.
fn put(shared: &Shared, view: &View, base: Offset, content: &[u8]) -> io::Result<()> {
    let name = names::transaction_index(base);
    let path = view.folder.join(&name);
    let found = match shared.files.read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        found => Some(found?),
    };
    match found {
        None if content.is_empty() => Ok(()),
        Some(_) if content.is_empty() => shared.files.remove(&path),
        Some(found) if found == content => Ok(()),
        _ => {
            let unfinished = view.folder.join(names::unfinished(&name));
            shared.files.write(&unfinished, content, false)?;
            shared.files.rename(&unfinished, &path)
        }
    }
}

/// The content of the file, 34 bytes for each.
fn entries(aborted: &[AbortedTransaction]) -> Vec<u8> {
    let mut content = Vec::new();
    for aborted in aborted {
        content.extend(VERSION.to_be_bytes());
        for field in
            [aborted.producer_id, aborted.first_offset, aborted.last_offset, aborted.last_stable_offset]
        {
            content.extend(field.to_be_bytes());
        }
    }
    content
}
