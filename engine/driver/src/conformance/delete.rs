use headwater_engine::{LogId, Offset, SnapshotKind, StorageOp, StoredLog, Uuid};

use super::Harness;
use super::session::{LOG, OTHER_LOG, Outcome, Session, append, pattern, put_snapshot, same};

const KIND: SnapshotKind = SnapshotKind::SegmentIndex;
const PRODUCERS: SnapshotKind = SnapshotKind::ProducerState;

pub(super) async fn segments_below<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(50, 2_000);
    for segment in [0, 10, 20, 30] {
        s.apply(append(LOG, segment, 0, &bytes)).await?;
        s.apply(put_snapshot(LOG, KIND, segment + 10, b"s")).await?;
    }
    s.apply(append(OTHER_LOG, 0, 0, &bytes)).await?;
    s.apply(put_snapshot(OTHER_LOG, KIND, 10, b"o")).await?;
    s.apply(StorageOp::DeleteSegments { log: LOG, before: 20, log_start_offset: None }).await?;
    s.expect_segments(LOG, &[(20, &bytes), (30, &bytes)]).await?;
    s.expect_snapshots(LOG, &[(KIND, 30, b"s"), (KIND, 40, b"s")]).await?;
    s.expect_segments(OTHER_LOG, &[(0, &bytes)]).await?;
    s.expect_snapshots(OTHER_LOG, &[(KIND, 10, b"o")]).await?;
    s.apply(StorageOp::DeleteSegments { log: LOG, before: 20, log_start_offset: None }).await?;
    s.apply(append(LOG, 30, 2_000, &bytes)).await?;
    s.crash_and_reopen().await?;
    let stored = s.load(LOG).await?;
    same("sizes", &stored.segments.iter().map(|segment| segment.size).collect(), &vec![2_000, 4_000])
}

pub(super) async fn segments_all<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(51, 200);
    for segment in [0, 10] {
        s.apply(append(LOG, segment, 0, &bytes)).await?;
    }
    s.apply(StorageOp::DeleteSegments { log: LOG, before: 15, log_start_offset: None }).await?;
    s.expect_segments(LOG, &[]).await?;
    s.apply(append(LOG, 15, 0, &bytes)).await?;
    s.expect_segments(LOG, &[(15, &bytes)]).await
}

pub(super) async fn segments_keeps_the_producers_at_the_start<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(56, 200);
    for segment in [0, 10, 20] {
        s.apply(append(LOG, segment, 0, &bytes)).await?;
    }
    for kind in [KIND, PRODUCERS] {
        for offset in [9, 10, 11, 20] {
            s.apply(put_snapshot(LOG, kind, offset, b"s")).await?;
        }
    }
    s.apply(delete_segments(10, None)).await?;
    let kept = [(KIND, 11, &b"s"[..]), (KIND, 20, b"s"), (PRODUCERS, 10, b"s")];
    let kept = [&kept[..], &[(PRODUCERS, 11, b"s"), (PRODUCERS, 20, b"s")]].concat();
    s.expect_snapshots(LOG, &kept).await?;
    s.apply(delete_segments(25, Some(25))).await?;
    s.expect_snapshots(LOG, &[]).await
}

pub(super) async fn log_start_is_kept<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(57, 200);
    for segment in [0, 10] {
        s.apply(append(LOG, segment, 0, &bytes)).await?;
    }
    s.expect_log_start(LOG, 0).await?;
    s.apply(delete_segments(10, None)).await?;
    s.expect_log_start(LOG, 0).await?;
    s.apply(delete_segments(10, Some(13))).await?;
    s.expect_log_start(LOG, 13).await?;
    s.crash_and_reopen().await?;
    s.expect_log_start(LOG, 13).await?;
    s.expect_log_start(OTHER_LOG, 0).await?;
    s.expect_segments(LOG, &[(10, &bytes)]).await?;
    // Nothing but its own kind of operation moves it.
    s.apply(StorageOp::Truncate { log: LOG, offset: 15, segment: 10, position: 100 }).await?;
    s.apply(delete_segments(10, None)).await?;
    s.expect_log_start(LOG, 13).await?;
    s.expect_snapshots(LOG, &[]).await?;
    let ids = [
        s.submit(delete_segments(15, Some(15))),
        s.submit(append(LOG, 15, 0, &bytes)),
        s.submit(delete_segments(15, Some(17))),
    ];
    s.settle_applied(&ids).await?;
    s.expect_log_start(LOG, 17).await?;
    s.expect_segments(LOG, &[(15, &bytes)]).await?;
    s.apply(StorageOp::Delete { log: LOG }).await?;
    same("log", &s.load(LOG).await?, &StoredLog::default())
}

pub(super) async fn log_start_of_an_emptied_log_is_kept<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(58, 200);
    s.apply(append(LOG, 0, 0, &bytes)).await?;
    s.apply(put_snapshot(LOG, PRODUCERS, 10, b"p")).await?;
    s.apply(delete_segments(10, Some(10))).await?;
    s.crash_and_reopen().await?;
    s.expect_segments(LOG, &[]).await?;
    s.expect_log_start(LOG, 10).await?;
    s.expect_snapshots(LOG, &[(PRODUCERS, 10, b"p")]).await?;
    s.apply(append(LOG, 10, 0, &bytes)).await?;
    s.expect_segments(LOG, &[(10, &bytes)]).await
}

fn delete_segments(before: Offset, log_start_offset: Option<Offset>) -> StorageOp {
    StorageOp::DeleteSegments { log: LOG, before, log_start_offset }
}

pub(super) async fn log<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(52, 200);
    for segment in [0, 10] {
        s.apply(append(LOG, segment, 0, &bytes)).await?;
        s.apply(put_snapshot(LOG, KIND, segment, b"s")).await?;
    }
    s.apply(StorageOp::Delete { log: LOG }).await?;
    same("log", &s.load(LOG).await?, &StoredLog::default())?;
    s.apply(StorageOp::Delete { log: LOG }).await?;
    s.apply(append(LOG, 3, 0, &bytes)).await?;
    s.crash_and_reopen().await?;
    s.expect_segments(LOG, &[(3, &bytes)]).await?;
    s.expect_snapshots(LOG, &[]).await
}

pub(super) async fn log_leaves_similar_names_alone<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let id = LOG.topic_id.as_u128();
    let similar = [
        LogId { partition: 1, ..LOG },
        LogId { partition: 256, ..LOG },
        LogId { partition: i32::MAX, ..LOG },
        LogId { topic_id: Uuid::from_u128(id + 1), partition: 0 },
        LogId { topic_id: Uuid::from_u128(id - 1), partition: i32::MAX },
        LogId { topic_id: Uuid::from_u128(0), partition: 0 },
        LogId { topic_id: Uuid::from_u128(u128::MAX), partition: i32::MAX },
        LogId::CLUSTER_METADATA,
    ];
    let bytes = pattern(53, 50);
    for log in similar.iter().copied().chain([LOG]) {
        s.submit(append(log, 0, 0, &bytes));
        s.submit(append(log, i64::MAX - 1, 0, &bytes));
        s.submit(put_snapshot(log, KIND, 0, b"s"));
        s.submit(put_snapshot(log, KIND, i64::MAX - 1, b"s"));
    }
    s.apply(StorageOp::Delete { log: LOG }).await?;
    same("log", &s.load(LOG).await?, &StoredLog::default())?;
    for log in similar {
        s.expect_segments(log, &[(0, &bytes), (i64::MAX - 1, &bytes)]).await?;
        s.expect_snapshots(log, &[(KIND, 0, b"s"), (KIND, i64::MAX - 1, b"s")]).await?;
        s.apply(StorageOp::Delete { log }).await?;
        same("log", &s.load(log).await?, &StoredLog::default())?;
    }
    Ok(())
}

pub(super) async fn log_and_write_again_in_one_flush<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let (old, new) = (pattern(54, 5_000), pattern(55, 700));
    let ids = [
        s.submit(append(LOG, 0, 0, &old)),
        s.submit(put_snapshot(LOG, KIND, 5, b"old")),
        s.submit(StorageOp::Delete { log: LOG }),
        s.submit(append(LOG, 0, 0, &new)),
        s.submit(put_snapshot(LOG, KIND, 4, b"new")),
    ];
    s.settle_applied(&ids).await?;
    s.crash_and_reopen().await?;
    s.expect_segments(LOG, &[(0, &new)]).await?;
    s.expect_snapshots(LOG, &[(KIND, 4, b"new")]).await
}
