use headwater_engine::{LogId, NotAppliedReason, Offset, SnapshotKind, StorageOp};

use super::Harness;
use super::append::submit_in_parts;
use super::session::{LOG, OTHER_LOG, Outcome, Session, append, pattern, put_snapshot};

fn truncate(log: LogId, offset: Offset, segment: Offset, position: u64) -> StorageOp {
    StorageOp::Truncate { log, offset, segment, position }
}

pub(super) async fn to_nothing<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(40, 300);
    s.apply(append(LOG, 0, 0, &bytes)).await?;
    s.apply(append(OTHER_LOG, 0, 0, &bytes)).await?;
    s.apply(truncate(LOG, 0, 0, 0)).await?;
    s.expect_segments(LOG, &[]).await?;
    s.expect_segments(OTHER_LOG, &[(0, &bytes)]).await?;
    s.apply(append(LOG, 0, 0, &bytes.slice(100..))).await?;
    s.expect_segments(LOG, &[(0, &bytes[100..])]).await
}

pub(super) async fn at_the_end_of_an_append<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let whole = pattern(41, 300);
    for at in [0, 100, 200] {
        s.apply(append(LOG, 0, at as u64, &whole.slice(at..at + 100))).await?;
    }
    s.apply(truncate(LOG, 20, 0, 200)).await?;
    s.expect_segments(LOG, &[(0, &whole[..200])]).await?;
    s.apply(append(LOG, 0, 200, &whole.slice(200..))).await?;
    s.expect_segments(LOG, &[(0, &whole)]).await?;
    s.apply(truncate(LOG, 30, 0, 300)).await?;
    s.expect_segments(LOG, &[(0, &whole)]).await
}

pub(super) async fn inside_an_append<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let whole = pattern(42, 1_000);
    let ids = submit_in_parts(s, LOG, 0, &whole, 300);
    s.settle_applied(&ids).await?;
    for position in [950, 601, 600, 599, 1] {
        s.apply(truncate(LOG, 1, 0, position as u64)).await?;
        s.expect_segments(LOG, &[(0, &whole[..position])]).await?;
        s.crash_and_reopen().await?;
        s.expect_segments(LOG, &[(0, &whole[..position])]).await?;
    }
    s.apply(append(LOG, 0, 1, &whole.slice(1..))).await?;
    s.expect_segments(LOG, &[(0, &whole)]).await
}

pub(super) async fn inside_a_large_append<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let whole = pattern(43, 3_000_000);
    s.apply(append(LOG, 0, 0, &whole)).await?;
    s.apply(truncate(LOG, 1, 0, 1_500_000)).await?;
    s.expect_segments(LOG, &[(0, &whole[..1_500_000])]).await?;
    s.apply(append(LOG, 0, 1_500_000, &whole.slice(1_500_000..))).await?;
    s.crash_and_reopen().await?;
    s.expect_segments(LOG, &[(0, &whole)]).await
}

pub(super) async fn drops_later_segments<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(44, 200);
    for segment in [0, 10, 20, 30] {
        s.apply(append(LOG, segment, 0, &bytes)).await?;
    }
    s.apply(truncate(LOG, 15, 10, 100)).await?;
    s.expect_segments(LOG, &[(0, &bytes), (10, &bytes[..100])]).await?;
    s.apply(append(LOG, 15, 0, &bytes)).await?;
    s.expect_segments(LOG, &[(0, &bytes), (10, &bytes[..100]), (15, &bytes)]).await
}

pub(super) async fn drops_snapshots_above<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(45, 200);
    s.apply(append(LOG, 0, 0, &bytes)).await?;
    for offset in [5, 10, 11, 300] {
        s.apply(put_snapshot(LOG, SnapshotKind::ProducerState, offset, b"p")).await?;
        s.apply(put_snapshot(LOG, SnapshotKind::SegmentIndex, offset, b"i")).await?;
    }
    s.apply(put_snapshot(OTHER_LOG, SnapshotKind::SegmentIndex, 11, b"o")).await?;
    s.apply(truncate(LOG, 10, 0, 100)).await?;
    let kept = [
        (SnapshotKind::SegmentIndex, 5, &b"i"[..]),
        (SnapshotKind::SegmentIndex, 10, b"i"),
        (SnapshotKind::ProducerState, 5, b"p"),
        (SnapshotKind::ProducerState, 10, b"p"),
    ];
    s.expect_snapshots(LOG, &kept).await?;
    s.expect_snapshots(OTHER_LOG, &[(SnapshotKind::SegmentIndex, 11, b"o")]).await
}

pub(super) async fn of_a_missing_segment_at_zero<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(46, 200);
    s.apply(append(LOG, 0, 0, &bytes)).await?;
    s.apply(append(LOG, 20, 0, &bytes)).await?;
    s.apply(truncate(LOG, 10, 10, 0)).await?;
    s.expect_segments(LOG, &[(0, &bytes)]).await
}

pub(super) async fn beyond_the_end_is_refused<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(47, 200);
    s.apply(append(LOG, 0, 0, &bytes)).await?;
    s.apply(append(LOG, 20, 0, &bytes)).await?;
    for (segment, position) in [(0, 201), (10, 1)] {
        let id = s.submit(truncate(LOG, 10, segment, position));
        s.settle().await?;
        s.expect_refused(id, NotAppliedReason::OutOfSequence)?;
    }
    s.expect_segments(LOG, &[(0, &bytes), (20, &bytes)]).await
}

pub(super) async fn twice_in_one_flush<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let whole = pattern(48, 1_000);
    s.apply(append(LOG, 0, 0, &whole)).await?;
    let ids = [s.submit(truncate(LOG, 8, 0, 800)), s.submit(truncate(LOG, 5, 0, 500))];
    s.settle_applied(&ids).await?;
    s.expect_segments(LOG, &[(0, &whole[..500])]).await
}

pub(super) async fn between_appends_of_one_flush<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let whole = pattern(49, 1_000);
    let ids = [
        s.submit(append(LOG, 0, 0, &whole)),
        s.submit(truncate(LOG, 5, 0, 550)),
        s.submit(append(LOG, 0, 550, &whole.slice(550..700))),
        s.submit(truncate(LOG, 4, 0, 600)),
        s.submit(append(LOG, 0, 600, &whole.slice(600..))),
    ];
    s.settle_applied(&ids).await?;
    s.expect_segments(LOG, &[(0, &whole)]).await?;
    s.crash_and_reopen().await?;
    s.expect_segments(LOG, &[(0, &whole)]).await
}
