use headwater_engine::{Applied, SnapshotKind, StorageOp, StoredLog};

use super::Harness;
use super::session::{LOG, OTHER_LOG, Outcome, Session, append, pattern, put_snapshot, same};

pub(super) async fn empty<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    same("log", &s.load(LOG).await?, &StoredLog::default())
}

pub(super) async fn segments_and_sizes<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(30, 300);
    s.apply(append(LOG, 0, 0, &bytes)).await?;
    s.apply(append(LOG, 0, 300, &bytes)).await?;
    s.apply(append(LOG, 40, 0, &bytes)).await?;
    let stored = s.load(LOG).await?;
    let found: Vec<_> = stored.segments.iter().map(|segment| (segment.base_offset, segment.size)).collect();
    same("segments", &found, &vec![(0, 600), (40, 300)])
}

pub(super) async fn after_opening_again<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let (one, two) = (pattern(31, 2_000_000), pattern(32, 10));
    s.apply(append(LOG, 7, 0, &one)).await?;
    s.apply(append(OTHER_LOG, 0, 0, &two)).await?;
    s.apply(put_snapshot(LOG, SnapshotKind::ProducerState, 9, &two)).await?;
    for _ in 0..3 {
        s.crash_and_reopen().await?;
        s.expect_segments(LOG, &[(7, &one)]).await?;
        s.expect_snapshots(LOG, &[(SnapshotKind::ProducerState, 9, &two)]).await?;
        s.expect_segments(OTHER_LOG, &[(0, &two)]).await?;
    }
    Ok(())
}

pub(super) async fn behind_appends_of_the_same_flush<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(33, 100);
    let first = s.submit(append(LOG, 0, 0, &bytes));
    let second = s.submit(append(LOG, 0, 100, &bytes));
    let load = s.submit(StorageOp::Load { log: LOG });
    s.settle_applied(&[first, second]).await?;
    // What it tells has to be there to stay; it may leave out what had not ended when it was submitted.
    match s.outcome(load)? {
        Ok(Applied::Loaded(stored))
            if stored.segments.iter().all(|segment| [100, 200].contains(&segment.size)) =>
        {
            Ok(())
        }
        other => Err(format!("loading ended as {other:?}")),
    }
}
