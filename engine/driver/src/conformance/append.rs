use bytes::Bytes;
use headwater_engine::{Durability, LogId, NotAppliedReason, StorageOp};

use super::Harness;
use super::session::{LOG, OTHER_LOG, Outcome, Session, append, pattern, same, same_bytes};

pub(super) async fn comes_back<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(1, 500);
    s.apply(append(LOG, 0, 0, &bytes)).await?;
    s.expect_segments(LOG, &[(0, &bytes)]).await
}

pub(super) async fn takes_effect_in_order<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let whole = pattern(2, 100 * 77);
    let ids = submit_in_parts(s, LOG, 0, &whole, 77);
    s.settle_applied(&ids).await?;
    s.expect_segments(LOG, &[(0, &whole)]).await
}

pub(super) async fn several_logs_in_one_flush<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let logs: Vec<LogId> = (0..5).map(|partition| LogId { partition, ..LOG }).collect();
    let contents: Vec<Bytes> = (0..5).map(|seed| pattern(10 + seed, 5_000)).collect();
    let mut ids = Vec::new();
    for at in (0..5_000).step_by(500) {
        for (log, content) in logs.iter().zip(&contents) {
            ids.push(s.submit(append(*log, 0, at as u64, &content.slice(at..at + 500))));
        }
    }
    s.settle_applied(&ids).await?;
    for (log, content) in logs.iter().zip(&contents) {
        s.expect_segments(*log, &[(0, content)]).await?;
    }
    Ok(())
}

pub(super) async fn segments_follow_one_another<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let (first, second, third) = (pattern(3, 400), pattern(4, 300), pattern(5, 200));
    let ids = [
        s.submit(append(LOG, 10, 0, &first)),
        s.submit(append(LOG, 20, 0, &second.slice(..100))),
        s.submit(append(LOG, 20, 100, &second.slice(100..))),
        s.submit(append(LOG, 5_000_000_000, 0, &third)),
    ];
    s.settle_applied(&ids).await?;
    s.expect_segments(LOG, &[(10, &first), (20, &second), (5_000_000_000, &third)]).await
}

pub(super) async fn at_a_wrong_position_is_refused<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(6, 100);
    s.apply(append(LOG, 0, 0, &bytes)).await?;
    for (segment, position) in [(0, 0), (0, 99), (0, 101), (0, 1 << 40), (7, 1), (7, 100)] {
        let id = s.submit(append(LOG, segment, position, &bytes));
        s.settle().await?;
        s.expect_refused(id, NotAppliedReason::OutOfSequence)?;
    }
    s.expect_segments(LOG, &[(0, &bytes)]).await
}

pub(super) async fn to_an_earlier_segment_is_refused<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(7, 100);
    s.apply(append(LOG, 10, 0, &bytes)).await?;
    s.apply(append(LOG, 20, 0, &bytes)).await?;
    for (segment, position) in [(10, 100), (15, 0), (0, 0)] {
        let id = s.submit(append(LOG, segment, position, &bytes));
        s.settle().await?;
        s.expect_refused(id, NotAppliedReason::OutOfSequence)?;
    }
    s.expect_segments(LOG, &[(10, &bytes), (20, &bytes)]).await
}

pub(super) async fn behind_a_refused_one_is_refused<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(8, 100);
    let good = s.submit(append(LOG, 0, 0, &bytes));
    let wrong = s.submit(append(LOG, 0, 150, &bytes));
    let behind = s.submit(append(LOG, 0, 250, &bytes));
    let at_the_end = s.submit(append(LOG, 0, 100, &bytes));
    s.settle_applied(&[good]).await?;
    for id in [wrong, behind, at_the_end] {
        s.expect_refused(id, NotAppliedReason::OutOfSequence)?;
    }
    s.expect_segments(LOG, &[(0, &bytes)]).await
}

pub(super) async fn in_a_segment_behind_a_refused_one_is_refused<H: Harness>(
    s: &mut Session<'_, H>,
) -> Outcome {
    let bytes = pattern(9, 100);
    let good = s.submit(append(LOG, 0, 0, &bytes));
    let wrong = s.submit(append(LOG, 0, 99, &bytes));
    let next_segment = s.submit(append(LOG, 50, 0, &bytes));
    s.flush();
    let after_the_flush = s.submit(append(LOG, 50, 100, &bytes));
    s.settle_applied(&[good]).await?;
    for id in [wrong, next_segment, after_the_flush] {
        s.expect_refused(id, NotAppliedReason::OutOfSequence)?;
    }
    s.expect_segments(LOG, &[(0, &bytes)]).await
}

pub(super) async fn after_a_refusal_was_told_is_applied<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(10, 200);
    s.apply(append(LOG, 0, 0, &bytes.slice(..100))).await?;
    let wrong = s.submit(append(LOG, 0, 7, &bytes));
    s.settle().await?;
    s.expect_refused(wrong, NotAppliedReason::OutOfSequence)?;
    s.apply(append(LOG, 0, 100, &bytes.slice(100..))).await?;
    s.expect_segments(LOG, &[(0, &bytes)]).await
}

pub(super) async fn refusal_leaves_other_logs_alone<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(11, 200);
    let wrong = s.submit(append(LOG, 0, 5, &bytes));
    let right = submit_in_parts(s, OTHER_LOG, 0, &bytes, 10);
    s.settle_applied(&right).await?;
    s.expect_refused(wrong, NotAppliedReason::OutOfSequence)?;
    s.expect_segments(OTHER_LOG, &[(0, &bytes)]).await?;
    s.expect_segments(LOG, &[]).await
}

pub(super) async fn larger_than_a_mebibyte<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let whole = pattern(12, 3_700_001);
    let ids = [
        s.submit(append(LOG, 0, 0, &whole.slice(..100))),
        s.submit(append(LOG, 0, 100, &whole.slice(100..3_700_000))),
        s.submit(append(LOG, 0, 3_700_000, &whole.slice(3_700_000..))),
    ];
    s.settle_applied(&ids).await?;
    s.expect_segments(LOG, &[(0, &whole)]).await?;
    same_bytes(&s.read(LOG, 0, 1_048_000..2_200_000).await?, &whole[1_048_000..2_200_000])
}

pub(super) async fn strict_and_relaxed_interleaved<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let whole = pattern(13, 4_000);
    let mut ids = Vec::new();
    for (index, at) in (0..4_000).step_by(100).enumerate() {
        let durability = if index % 3 == 0 { Durability::Strict } else { Durability::Relaxed };
        let batches = whole.slice(at..at + 100);
        ids.push(s.submit(StorageOp::Append {
            log: LOG,
            segment: 0,
            position: at as u64,
            batches,
            durability,
        }));
        if index % 5 == 0 {
            s.flush();
        }
    }
    s.settle_applied(&ids).await?;
    s.crash_and_reopen().await?;
    s.expect_segments(LOG, &[(0, &whole)]).await
}

pub(super) async fn many_small_ones_read_as_one<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let whole = pattern(14, 300 * 33);
    for (index, at) in (0..whole.len()).step_by(33).enumerate() {
        s.apply(append(LOG, 0, at as u64, &whole.slice(at..at + 33))).await?;
        if index % 70 == 0 {
            s.crash_and_reopen().await?;
        }
    }
    s.expect_segments(LOG, &[(0, &whole)]).await?;
    s.crash_and_reopen().await?;
    s.expect_segments(LOG, &[(0, &whole)]).await
}

pub(super) async fn answers_each_operation_once<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let whole = pattern(15, 20_000);
    for at in (0..20_000).step_by(100) {
        s.submit(append(LOG, 0, at as u64, &whole.slice(at..at + 100)));
        s.submit(append(OTHER_LOG, 0, at as u64, &whole.slice(at..at + 100)));
        s.submit(StorageOp::Read { log: LOG, segment: 0, range: 0..at as u64 });
        s.submit(StorageOp::Load { log: OTHER_LOG });
        if at % 700 == 0 {
            s.flush();
        }
    }
    // An outcome that comes twice fails the session, whenever it comes.
    s.settle().await?;
    let stored = s.load(LOG).await?;
    same("size", &stored.segments.iter().map(|segment| segment.size).sum(), &20_000)
}

/// Submits bytes as appends of `part` bytes each.
pub(super) fn submit_in_parts<H: Harness>(
    s: &mut Session<'_, H>,
    log: LogId,
    segment: i64,
    whole: &Bytes,
    part: usize,
) -> Vec<headwater_engine::OpId> {
    let starts = (0..whole.len()).step_by(part);
    starts
        .map(|at| s.submit(append(log, segment, at as u64, &whole.slice(at..whole.len().min(at + part)))))
        .collect()
}
