use headwater_engine::{SnapshotKind, StorageOp};

use super::Harness;
use super::session::{LOG, OTHER_LOG, Outcome, Session, pattern, put_snapshot};

const INDEX: SnapshotKind = SnapshotKind::SegmentIndex;
const PRODUCERS: SnapshotKind = SnapshotKind::ProducerState;

pub(super) async fn put_replace_delete<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    s.apply(put_snapshot(LOG, PRODUCERS, 10, b"first")).await?;
    s.apply(put_snapshot(LOG, INDEX, 10, b"index")).await?;
    s.apply(put_snapshot(LOG, PRODUCERS, 20, b"third")).await?;
    s.apply(put_snapshot(LOG, PRODUCERS, 10, b"second")).await?;
    let three = [(INDEX, 10, &b"index"[..]), (PRODUCERS, 10, b"second"), (PRODUCERS, 20, b"third")];
    s.expect_snapshots(LOG, &three).await?;
    s.apply(StorageOp::DeleteSnapshot { log: LOG, kind: PRODUCERS, offset: 10 }).await?;
    s.apply(StorageOp::DeleteSnapshot { log: LOG, kind: PRODUCERS, offset: 11 }).await?;
    s.crash_and_reopen().await?;
    s.expect_snapshots(LOG, &[(INDEX, 10, b"index"), (PRODUCERS, 20, b"third")]).await
}

pub(super) async fn large_and_empty<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let large = pattern(60, 1_500_000);
    s.apply(put_snapshot(LOG, INDEX, 1, &large)).await?;
    s.apply(put_snapshot(LOG, INDEX, 2, b"")).await?;
    s.expect_snapshots(LOG, &[(INDEX, 1, &large), (INDEX, 2, b"")]).await
}

pub(super) async fn belongs_to_its_log<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    s.apply(put_snapshot(LOG, INDEX, 1, b"one")).await?;
    s.apply(put_snapshot(OTHER_LOG, INDEX, 1, b"other")).await?;
    s.apply(StorageOp::DeleteSnapshot { log: LOG, kind: INDEX, offset: 1 }).await?;
    s.expect_snapshots(LOG, &[]).await?;
    s.expect_snapshots(OTHER_LOG, &[(INDEX, 1, b"other")]).await
}
