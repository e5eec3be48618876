use headwater_engine::{Applied, StorageOp};

use super::Harness;
use super::append::submit_in_parts;
use super::session::{LOG, OTHER_LOG, Outcome, Session, append, pattern, same_bytes};

pub(super) async fn inside_one_append<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(20, 1_000);
    s.apply(append(LOG, 0, 0, &bytes)).await?;
    for range in [0..1, 0..1_000, 999..1_000, 100..900] {
        let expected = &bytes[range.start..range.end];
        same_bytes(&s.read(LOG, 0, range.start as u64..range.end as u64).await?, expected)?;
    }
    Ok(())
}

pub(super) async fn across_appends<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let whole = pattern(21, 1_000);
    for at in (0..1_000).step_by(100) {
        s.apply(append(LOG, 0, at as u64, &whole.slice(at..at + 100))).await?;
    }
    for range in [0..1_000, 99..101, 100..200, 50..950, 100..101, 199..200, 900..1_000] {
        let expected = &whole[range.start..range.end];
        same_bytes(&s.read(LOG, 0, range.start as u64..range.end as u64).await?, expected)?;
    }
    Ok(())
}

pub(super) async fn past_the_end<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(22, 100);
    s.apply(append(LOG, 0, 0, &bytes)).await?;
    s.apply(append(LOG, 9, 0, &bytes)).await?;
    same_bytes(&s.read(LOG, 0, 50..1_000).await?, &bytes[50..])?;
    same_bytes(&s.read(LOG, 0, 100..200).await?, &[])?;
    same_bytes(&s.read(LOG, 0, 1 << 50..u64::MAX).await?, &[])?;
    same_bytes(&s.read(LOG, 9, 99..u64::MAX).await?, &bytes[99..])
}

pub(super) async fn nothing<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(23, 100);
    same_bytes(&s.read(LOG, 0, 0..100).await?, &[])?;
    s.apply(append(LOG, 5, 0, &bytes)).await?;
    same_bytes(&s.read(LOG, 5, 40..40).await?, &[])?;
    same_bytes(&s.read(LOG, 4, 0..100).await?, &[])?;
    same_bytes(&s.read(LOG, 6, 0..100).await?, &[])?;
    same_bytes(&s.read(OTHER_LOG, 5, 0..100).await?, &[])
}

pub(super) async fn in_sequence_over_a_large_segment<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let whole = pattern(24, 6_000_000);
    let ids = submit_in_parts(s, LOG, 0, &whole, 90_000);
    s.settle_applied(&ids).await?;
    let mut at = 0;
    while at < whole.len() {
        let end = whole.len().min(at + 777_777);
        same_bytes(&s.read(LOG, 0, at as u64..end as u64).await?, &whole[at..end])?;
        at = end;
    }
    Ok(())
}

pub(super) async fn while_appends_are_under_way<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let whole = pattern(25, 400_000);
    s.apply(append(LOG, 0, 0, &whole.slice(..100_000))).await?;
    let mut reads = Vec::new();
    for at in (100_000..400_000).step_by(10_000) {
        s.submit(append(LOG, 0, at as u64, &whole.slice(at..at + 10_000)));
        reads.push(s.submit(StorageOp::Read { log: LOG, segment: 0, range: 90_000..u64::MAX }));
        s.flush();
    }
    s.settle().await?;
    for id in reads {
        match s.outcome(id)? {
            // It may see appends that had not ended, but nothing that was not appended.
            Ok(Applied::Read(found)) if found.len() >= 10_000 => {
                same_bytes(&found, &whole[90_000..whole.len().min(90_000 + found.len())])?;
            }
            other => return Err(format!("a read ended as {:?}", other.map(|_| "too few bytes"))),
        }
    }
    Ok(())
}
