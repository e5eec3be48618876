use headwater_engine::{NotAppliedReason, StorageOp};

use super::Harness;
use super::append::submit_in_parts;
use super::session::{LOG, OTHER_LOG, Outcome, Session, append, pattern, refused, same_bytes};

pub(super) async fn none_left_is_refused_without_a_hole<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let whole = pattern(70, 20_000_000);
    s.apply(append(LOG, 0, 0, &whole.slice(..100_000))).await?;
    if !s.harness.limit_room(Some(5_000_000)).await {
        return Ok(());
    }
    let rest = whole.slice(100_000..);
    let parts: Vec<_> = (0..rest.len()).step_by(199_000).collect();
    let mut ids = Vec::new();
    for at in parts {
        let part = rest.slice(at..rest.len().min(at + 199_000));
        ids.push(s.submit(append(LOG, 0, 100_000 + at as u64, &part)));
        s.flush();
    }
    s.settle().await?;
    let mut full = 0;
    let mut applied = 0;
    for id in ids {
        match s.outcome(id)? {
            Ok(_) if full == 0 => applied += 1,
            Ok(_) => return Err("an append behind a refused one was applied".to_owned()),
            // The first says why; those behind it may say the same or that they are out of sequence.
            Err(error) if full == 0 => {
                refused(&Err(error), NotAppliedReason::Full)?;
                full += 1;
            }
            Err(_) => {}
        }
    }
    if full == 0 {
        return Err("twenty megabytes went where there was room for five".to_owned());
    }
    s.harness.limit_room(None).await;
    let end = 100_000 + applied * 199_000;
    s.expect_segments(LOG, &[(0, &whole[..end])]).await?;
    let ids = [s.submit(append(LOG, 0, end as u64, &whole.slice(end..)))];
    s.settle_applied(&ids).await?;
    s.crash_and_reopen().await?;
    same_bytes(&s.read(LOG, 0, 0..u64::MAX).await?, &whole)
}

pub(super) async fn is_won_back_by_deleting<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let large = pattern(71, 20_000_000);
    let ids = submit_in_parts(s, OTHER_LOG, 0, &large, 1_000_000);
    s.settle_applied(&ids).await?;
    if !s.harness.limit_room(Some(0)).await {
        return Ok(());
    }
    let too_much = s.submit(append(LOG, 0, 0, &large));
    let delete = s.submit(StorageOp::Delete { log: OTHER_LOG });
    s.settle_applied(&[delete]).await?;
    s.expect_refused(too_much, NotAppliedReason::Full)?;
    s.expect_segments(OTHER_LOG, &[]).await?;
    s.harness.limit_room(None).await;
    s.apply(append(LOG, 0, 0, &large)).await?;
    s.expect_segments(LOG, &[(0, &large)]).await
}

pub(super) async fn is_not_needed_to_delete_segments<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let large = pattern(72, 20_000_000);
    let ids = submit_in_parts(s, LOG, 0, &large, 1_000_000);
    s.settle_applied(&ids).await?;
    let small = large.slice(..1_000);
    s.apply(append(LOG, 100, 0, &small)).await?;
    if !s.harness.limit_room(Some(0)).await {
        return Ok(());
    }
    let too_much = s.submit(append(LOG, 100, 1_000, &large));
    let delete = s.submit(StorageOp::DeleteSegments { log: LOG, before: 100, log_start_offset: None });
    s.settle_applied(&[delete]).await?;
    s.expect_refused(too_much, NotAppliedReason::Full)?;
    s.expect_segments(LOG, &[(100, &small)]).await?;
    s.harness.limit_room(None).await;
    s.apply(append(LOG, 100, 1_000, &large)).await
}
