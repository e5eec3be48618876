use headwater_engine::{NotAppliedReason, Offset, SnapshotKind, StorageOp};

use super::Harness;
use super::session::{LOG, OTHER_LOG, Outcome, Session, append, pattern, put_snapshot, refused, same_bytes};

const INDEX: SnapshotKind = SnapshotKind::SegmentIndex;
const PRODUCERS: SnapshotKind = SnapshotKind::ProducerState;

fn append_cleaned(segment: Offset, position: u64, batches: &[u8]) -> StorageOp {
    let batches = batches.to_vec().into();
    StorageOp::AppendCleaned { log: LOG, segment, position, batches }
}

fn replace(segments: std::ops::Range<Offset>, size: u64) -> StorageOp {
    StorageOp::ReplaceSegments { log: LOG, segments, size }
}

/// Segments at 0, 10, 20, 30 of 1,000 bytes each, with an index for all but the last.
async fn four_segments<H: Harness>(s: &mut Session<'_, H>, bytes: &bytes::Bytes) -> Outcome {
    for segment in [0, 10, 20, 30] {
        s.apply(append(LOG, segment, 0, bytes)).await?;
        s.apply(put_snapshot(LOG, PRODUCERS, segment, b"p")).await?;
        if segment > 0 {
            s.apply(put_snapshot(LOG, INDEX, segment, b"i")).await?;
        }
    }
    s.apply(append(OTHER_LOG, 0, 0, bytes)).await
}

pub(super) async fn one_segment<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let (bytes, cleaned) = (pattern(90, 1_000), pattern(91, 300));
    four_segments(s, &bytes).await?;
    s.apply(append_cleaned(10, 0, &cleaned[..100])).await?;
    s.apply(append_cleaned(10, 100, &cleaned[100..])).await?;
    s.expect_segments(LOG, &[(0, &bytes), (10, &bytes), (20, &bytes), (30, &bytes)]).await?;
    s.apply(replace(10..20, 300)).await?;
    let expected: [(Offset, &[u8]); 4] = [(0, &bytes), (10, &cleaned), (20, &bytes), (30, &bytes)];
    s.expect_segments(LOG, &expected).await?;
    let kept = [(INDEX, 10, &b"i"[..]), (INDEX, 30, b"i"), (PRODUCERS, 0, b"p"), (PRODUCERS, 10, b"p")];
    let kept = [&kept[..], &[(PRODUCERS, 20, b"p"), (PRODUCERS, 30, b"p")]].concat();
    s.expect_snapshots(LOG, &kept).await?;
    s.crash_and_reopen().await?;
    s.expect_segments(LOG, &expected).await?;
    s.expect_segments(OTHER_LOG, &[(0, &bytes)]).await?;
    s.apply(append(LOG, 30, 1_000, &bytes)).await?;
    same_bytes(&s.read(LOG, 10, 50..u64::MAX).await?, &cleaned[50..])
}

/// Again and again, so that whatever names a storage gives to copies have to be used anew.
pub(super) async fn the_same_segment_again<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(92, 1_000);
    four_segments(s, &bytes).await?;
    for round in 0..5 {
        let cleaned = pattern(93 + round, 900 - 150 * usize::try_from(round).unwrap_or(0));
        s.apply(append_cleaned(0, 0, &cleaned)).await?;
        if round == 2 {
            s.crash_and_reopen().await?;
            s.apply(append_cleaned(0, 0, &cleaned)).await?;
        }
        s.apply(replace(0..10, cleaned.len() as u64)).await?;
        if round % 2 == 0 {
            s.crash_and_reopen().await?;
        }
        s.expect_segments(LOG, &[(0, &cleaned), (10, &bytes), (20, &bytes), (30, &bytes)]).await?;
    }
    s.apply(StorageOp::DeleteSegments { log: LOG, before: 20, log_start_offset: None }).await?;
    s.expect_segments(LOG, &[(20, &bytes), (30, &bytes)]).await
}

pub(super) async fn several_by_one<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let (bytes, cleaned) = (pattern(98, 1_000), pattern(99, 2_500_000));
    four_segments(s, &bytes).await?;
    for at in (0..cleaned.len()).step_by(700_000) {
        let part = &cleaned[at..cleaned.len().min(at + 700_000)];
        s.apply(append_cleaned(0, at as u64, part)).await?;
    }
    s.apply(replace(0..30, cleaned.len() as u64)).await?;
    s.expect_segments(LOG, &[(0, &cleaned), (30, &bytes)]).await?;
    s.crash_and_reopen().await?;
    s.expect_segments(LOG, &[(0, &cleaned), (30, &bytes)]).await?;
    let kept = [0, 10, 20, 30].map(|offset| (PRODUCERS, offset, &b"p"[..]));
    s.expect_snapshots(LOG, &kept).await?;
    // What was replaced is a segment like others.
    s.apply(StorageOp::Truncate { log: LOG, offset: 5, segment: 0, position: 1_200_000 }).await?;
    s.expect_segments(LOG, &[(0, &cleaned[..1_200_000])]).await?;
    s.apply(append(LOG, 0, 1_200_000, &bytes)).await?;
    s.crash_and_reopen().await?;
    s.expect_segments(LOG, &[(0, &[&cleaned[..1_200_000], &bytes].concat())]).await?;
    s.apply(StorageOp::Delete { log: LOG }).await?;
    s.expect_segments(LOG, &[]).await?;
    s.expect_segments(OTHER_LOG, &[(0, &bytes)]).await
}

pub(super) async fn in_order_with_other_writes<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let (bytes, cleaned) = (pattern(100, 1_000), pattern(101, 400));
    four_segments(s, &bytes).await?;
    let ids = [
        s.submit(append(LOG, 30, 1_000, &bytes)),
        s.submit(append_cleaned(10, 0, &cleaned)),
        s.submit(append(LOG, 40, 0, &bytes)),
        s.submit(replace(10..30, 400)),
        s.submit(append(LOG, 40, 1_000, &bytes)),
        s.submit(put_snapshot(LOG, INDEX, 30, b"new")),
        s.submit(StorageOp::DeleteSegments { log: LOG, before: 10, log_start_offset: None }),
    ];
    s.settle_applied(&ids).await?;
    let twice = [&bytes[..], &bytes].concat();
    s.expect_segments(LOG, &[(10, &cleaned), (30, &twice), (40, &twice)]).await?;
    s.crash_and_reopen().await?;
    s.expect_segments(LOG, &[(10, &cleaned), (30, &twice), (40, &twice)]).await?;
    let producers = [10, 20, 30].map(|offset| (PRODUCERS, offset, &b"p"[..]));
    s.expect_snapshots(LOG, &[&[(INDEX, 30, &b"new"[..])][..], &producers].concat()).await
}

pub(super) async fn without_its_copy_is_refused<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let (bytes, cleaned) = (pattern(102, 1_000), pattern(103, 300));
    four_segments(s, &bytes).await?;
    let whole: [(Offset, &[u8]); 4] = [(0, &bytes), (10, &bytes), (20, &bytes), (30, &bytes)];
    let no_sequence = NotAppliedReason::OutOfSequence;
    refused(&s.run(replace(10..20, 300)).await?, no_sequence)?;
    refused(&s.run(append_cleaned(10, 100, &cleaned)).await?, no_sequence)?;
    s.apply(append_cleaned(10, 0, &cleaned)).await?;
    refused(&s.run(append_cleaned(10, 200, &cleaned)).await?, no_sequence)?;
    refused(&s.run(append_cleaned(20, 300, &cleaned)).await?, no_sequence)?;
    for op in [replace(10..20, 299), replace(0..10, 300), replace(10..31, 300), replace(11..20, 300)] {
        let name = format!("{op:?}");
        refused(&s.run(op).await?, no_sequence).map_err(|error| format!("{name}: {error}"))?;
    }
    s.expect_segments(LOG, &whole).await?;
    // Another copy takes its place, and one that is dropped is gone.
    s.apply(append_cleaned(20, 0, &cleaned[..200])).await?;
    refused(&s.run(replace(10..20, 300)).await?, no_sequence)?;
    s.apply(append_cleaned(20, 0, b"")).await?;
    refused(&s.run(replace(20..30, 200)).await?, no_sequence)?;
    s.apply(append_cleaned(20, 0, &cleaned[..200])).await?;
    s.apply(replace(20..30, 200)).await?;
    s.expect_segments(LOG, &[(0, &bytes), (10, &bytes), (20, &cleaned[..200]), (30, &bytes)]).await
}

/// A copy is no part of its log: nothing is seen of it, also after a crash, and it may go then.
pub(super) async fn a_copy_is_seen_by_nobody<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let (bytes, cleaned) = (pattern(104, 1_000), pattern(105, 3_000_000));
    four_segments(s, &bytes).await?;
    s.apply(append_cleaned(10, 0, &cleaned)).await?;
    let whole: [(Offset, &[u8]); 4] = [(0, &bytes), (10, &bytes), (20, &bytes), (30, &bytes)];
    s.expect_segments(LOG, &whole).await?;
    s.crash_and_reopen().await?;
    s.expect_segments(LOG, &whole).await?;
    s.apply(append(LOG, 40, 0, &bytes)).await?;
    s.crash_and_reopen().await?;
    s.apply(StorageOp::Truncate { log: LOG, offset: 10, segment: 0, position: 1_000 }).await?;
    s.expect_segments(LOG, &[(0, &bytes)]).await?;
    s.crash_and_reopen().await?;
    s.expect_segments(LOG, &[(0, &bytes)]).await?;
    s.apply(append(LOG, 10, 0, &bytes)).await?;
    s.apply(append(LOG, 20, 0, &bytes)).await?;
    s.apply(append_cleaned(10, 0, &cleaned)).await?;
    s.apply(StorageOp::Delete { log: LOG }).await?;
    s.crash_and_reopen().await?;
    s.expect_segments(LOG, &[]).await?;
    s.apply(append(LOG, 10, 0, &bytes)).await?;
    s.apply(append(LOG, 20, 0, &bytes)).await?;
    s.crash_and_reopen().await?;
    s.expect_segments(LOG, &[(10, &bytes), (20, &bytes)]).await
}

/// However it is cut short, there are the old segments or the new one.
pub(super) async fn in_a_crash_is_whole_or_not_at_all<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(106, 1_000);
    four_segments(s, &bytes).await?;
    let mut first: bytes::Bytes = bytes.clone();
    for round in 0..6 {
        let cleaned = pattern(107 + round, 1_500_000);
        for at in (0..cleaned.len()).step_by(500_000) {
            s.submit(append_cleaned(0, at as u64, &cleaned[at..at + 500_000]));
        }
        s.submit(replace(0..10, cleaned.len() as u64));
        s.flush();
        if round % 3 == 2 {
            s.settle().await?;
        }
        s.crash_and_reopen().await?;
        let stored = s.load(LOG).await?;
        let is_new = stored.segments.first().is_some_and(|segment| segment.size == cleaned.len() as u64)
            && same_bytes(&s.read(LOG, 0, 0..u64::MAX).await?, &cleaned).is_ok();
        if is_new {
            first = cleaned;
        } else if round % 3 == 2 {
            return Err("what was answered with Ok is gone".to_owned());
        }
        s.expect_segments(LOG, &[(0, &first), (10, &bytes), (20, &bytes), (30, &bytes)]).await?;
    }
    Ok(())
}

pub(super) async fn needs_no_room<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let (bytes, cleaned) = (pattern(114, 5_000_000), pattern(115, 1_000_000));
    s.apply(append(LOG, 0, 0, &bytes)).await?;
    s.apply(append(LOG, 10, 0, &cleaned)).await?;
    s.apply(append_cleaned(0, 0, &cleaned)).await?;
    if !s.harness.limit_room(Some(0)).await {
        return Ok(());
    }
    let large = pattern(116, 20_000_000);
    let too_much = s.submit(append(LOG, 10, cleaned.len() as u64, &large));
    s.settle().await?;
    s.expect_refused(too_much, NotAppliedReason::Full)?;
    s.apply(replace(0..10, cleaned.len() as u64)).await?;
    s.expect_segments(LOG, &[(0, &cleaned), (10, &cleaned)]).await?;
    s.harness.limit_room(None).await;
    s.crash_and_reopen().await?;
    s.expect_segments(LOG, &[(0, &cleaned), (10, &cleaned)]).await
}

pub(super) async fn copy_without_room_is_refused<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let (bytes, cleaned) = (pattern(117, 1_000), pattern(118, 20_000_000));
    four_segments(s, &bytes).await?;
    if !s.harness.limit_room(Some(5_000_000)).await {
        return Ok(());
    }
    refused(&s.run(append_cleaned(0, 0, &cleaned)).await?, NotAppliedReason::Full)?;
    // An append behind it is not built upon it.
    s.harness.limit_room(None).await;
    s.apply(append(LOG, 30, 1_000, &bytes)).await?;
    s.apply(append_cleaned(0, 0, b"")).await?;
    let twice = [&bytes[..], &bytes].concat();
    s.expect_segments(LOG, &[(0, &bytes), (10, &bytes), (20, &bytes), (30, &twice)]).await
}
