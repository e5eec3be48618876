use bytes::Bytes;
use headwater_engine::{Applied, LogId, NotAppliedReason, Offset, OpId, SnapshotKind, StorageOp};

use super::Harness;
use super::append::submit_in_parts;
use super::session::{
    LOG, OTHER_LOG, Outcome, Random, Session, append, pattern, put_snapshot, refused, same, same_bytes,
};
use crate::{LogStorage, MemoryDisk, MemoryStorage};

pub(super) async fn with_work_under_way_leaves_a_prefix<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let whole = pattern(80, 3_000_000);
    let mut end = 0;
    for round in 0..4 {
        for at in (end..whole.len()).step_by(10_000).take(20 + round * 10) {
            s.submit(append(LOG, 0, at as u64, &whole.slice(at..at + 10_000)));
            s.submit(append(OTHER_LOG, 0, at as u64, &whole.slice(at..at + 10_000)));
            if at % 70_000 == 0 {
                s.flush();
            }
        }
        s.flush();
        s.crash_and_reopen().await?;
        let size =
            |stored: headwater_engine::StoredLog| stored.segments.iter().map(|segment| segment.size).sum();
        let sizes: [u64; 2] = [size(s.load(LOG).await?), size(s.load(OTHER_LOG).await?)];
        for (log, size) in [LOG, OTHER_LOG].into_iter().zip(sizes) {
            same("bytes beyond the end of an append", &(size % 10_000), &0)?;
            same_bytes(&s.read(log, 0, 0..u64::MAX).await?, &whole[..usize::try_from(size).unwrap_or(0)])?;
        }
        let shorter = sizes[0].min(sizes[1]);
        for log in [LOG, OTHER_LOG] {
            s.apply(StorageOp::Truncate { log, offset: 0, segment: 0, position: shorter }).await?;
        }
        end = usize::try_from(shorter).unwrap_or(0);
    }
    Ok(())
}

pub(super) async fn opened_again_after_every_step<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let whole = pattern(81, 1_000);
    let index = SnapshotKind::SegmentIndex;
    s.apply(append(LOG, 0, 0, &whole.slice(..500))).await?;
    s.crash_and_reopen().await?;
    s.apply(append(LOG, 0, 500, &whole.slice(500..))).await?;
    s.crash_and_reopen().await?;
    s.expect_segments(LOG, &[(0, &whole)]).await?;
    s.apply(put_snapshot(LOG, index, 10, b"i")).await?;
    s.crash_and_reopen().await?;
    s.apply(append(LOG, 10, 0, &whole)).await?;
    s.crash_and_reopen().await?;
    s.apply(StorageOp::Truncate { log: LOG, offset: 15, segment: 10, position: 450 }).await?;
    s.crash_and_reopen().await?;
    s.expect_segments(LOG, &[(0, &whole), (10, &whole[..450])]).await?;
    s.apply(StorageOp::DeleteSegments { log: LOG, before: 10, log_start_offset: None }).await?;
    s.crash_and_reopen().await?;
    s.expect_segments(LOG, &[(10, &whole[..450])]).await?;
    s.expect_snapshots(LOG, &[]).await?;
    s.apply(StorageOp::Delete { log: LOG }).await?;
    s.crash_and_reopen().await?;
    s.expect_segments(LOG, &[]).await
}

pub(super) async fn elder_owner_is_fenced<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let bytes = pattern(82, 1_000);
    s.apply(append(LOG, 0, 0, &bytes.slice(..100))).await?;
    let elder = s.replace_storage().await?;
    s.apply(append(LOG, 0, 100, &bytes.slice(100..300))).await?;
    let younger = {
        s.use_storage(elder);
        let ids = submit_in_parts(s, OTHER_LOG, 0, &bytes, 100);
        let position = s.submit(append(LOG, 0, 100, &bytes));
        let delete = s.submit(StorageOp::Delete { log: LOG });
        s.settle().await?;
        for id in ids.into_iter().chain([position, delete]) {
            refused(&s.outcome(id)?, NotAppliedReason::Fenced).or_else(|first| {
                // Behind an append that was fenced, out of sequence is as true.
                if first.contains("OutOfSequence,") { Ok(()) } else { Err(first) }
            })?;
        }
        s.replace_storage().await?
    };
    drop(younger);
    s.expect_segments(LOG, &[(0, &bytes[..300])]).await?;
    s.expect_segments(OTHER_LOG, &[]).await
}

/// What a random case keeps in mind of a log to submit operations that make sense.
struct Tail {
    log: LogId,
    segments: Vec<(Offset, u64)>,
    next: Offset,
}

impl Tail {
    fn new(log: LogId) -> Tail {
        Tail { log, segments: Vec::new(), next: 0 }
    }

    fn random_op(&mut self, random: &mut Random) -> StorageOp {
        match random.below(20) {
            0 => self.delete_segments(random),
            1 | 2 => self.truncate(random),
            3 => self.snapshot(random),
            4 if random.below(4) == 0 => {
                self.segments.clear();
                StorageOp::Delete { log: self.log }
            }
            5 => self.append_at(random, 1),
            _ => self.append_at(random, 0),
        }
    }

    fn append_at(&mut self, random: &mut Random, wrong_by: u64) -> StorageOp {
        let length = [20, 300, 5_000, 90_000][usize::try_from(random.below(4)).unwrap_or(0)];
        let batches: Bytes = pattern(random.next(), length);
        let roll = random.below(10) == 0;
        if roll || self.segments.is_empty() {
            self.segments.push((self.next, 0));
        }
        self.next += 10;
        let Some((segment, size)) = self.segments.last_mut() else {
            return StorageOp::Load { log: self.log };
        };
        let op = append(self.log, *segment, *size + wrong_by, &batches);
        *size += length as u64;
        op
    }

    fn truncate(&mut self, random: &mut Random) -> StorageOp {
        let index = random.below(self.segments.len() as u64 + 1);
        self.segments.truncate(usize::try_from(index).unwrap_or(0) + 1);
        let (segment, size) = self.segments.last().copied().unwrap_or((self.next, 0));
        let position = random.below(size + 1);
        if position == 0 {
            self.segments.pop();
        } else if let Some(last) = self.segments.last_mut() {
            last.1 = position;
        }
        let offset = segment + i64::try_from(random.below(10)).unwrap_or(0);
        self.next = self.next.max(offset);
        StorageOp::Truncate { log: self.log, offset, segment, position }
    }

    fn delete_segments(&mut self, random: &mut Random) -> StorageOp {
        let index = random.below(self.segments.len() as u64 + 1);
        let before = usize::try_from(index).ok().and_then(|index| self.segments.get(index));
        let before = before.map_or(0, |(base, _)| *base);
        self.segments.retain(|(base, _)| *base >= before);
        let log_start_offset = (random.below(2) == 0).then_some(self.next.max(before));
        StorageOp::DeleteSegments { log: self.log, before, log_start_offset }
    }

    fn snapshot(&self, random: &mut Random) -> StorageOp {
        let kind =
            if random.below(2) == 0 { SnapshotKind::SegmentIndex } else { SnapshotKind::ProducerState };
        let offset = i64::try_from(random.below(u64::try_from(self.next).unwrap_or(0) + 10)).unwrap_or(0);
        if random.below(3) == 0 {
            return StorageOp::DeleteSnapshot { log: self.log, kind, offset };
        }
        put_snapshot(self.log, kind, offset, &pattern(random.next(), 40))
    }
}

/// Operations by chance, some of them wrong, with crashes in between: each ends as it ends in [`MemoryStorage`], and the
/// logs are the same afterwards.
pub(super) async fn random_operations_end_as_in_memory<H: Harness>(s: &mut Session<'_, H>) -> Outcome {
    let mut random = Random::new(83);
    let disk = MemoryDisk::new();
    let mut model = MemoryStorage::open(&disk);
    let mut tails = [Tail::new(LOG), Tail::new(OTHER_LOG), Tail::new(LogId::CLUSTER_METADATA)];
    for round in 0..60 {
        let mut ids = Vec::new();
        for _ in 0..=random.below(25) {
            let tail = &mut tails[usize::try_from(random.below(3)).unwrap_or(0)];
            let op = tail.random_op(&mut random);
            let id = s.submit(op.clone());
            model.submit(id, op);
            ids.push(id);
            if random.below(6) == 0 {
                s.flush();
            }
        }
        s.settle().await?;
        compare_outcomes(s, &mut model, ids.len(), round)?;
        if round % 7 == 0 {
            s.crash_and_reopen().await?;
        }
        for tail in &mut tails {
            compare_log(s, &disk, tail).await.map_err(|error| format!("after round {round}: {error}"))?;
        }
    }
    Ok(())
}

fn compare_outcomes<H: Harness>(
    s: &mut Session<'_, H>,
    model: &mut MemoryStorage,
    count: usize,
    round: u32,
) -> Outcome {
    model.flush();
    for _ in 0..count {
        let Some((id, expected)) = model.poll_completion() else {
            return Err("the model has lost an operation".to_owned());
        };
        let OpId(number) = id;
        let kind = |result: &headwater_engine::StorageResult| match result {
            Ok(_) => "applied".to_owned(),
            Err(headwater_engine::StorageError::NotApplied { reason, .. }) => format!("{reason:?}"),
            Err(error) => error.to_string(),
        };
        let found = s.outcome(id)?;
        same(&format!("operation {number} of round {round}"), &kind(&found), &kind(&expected))?;
    }
    Ok(())
}

async fn compare_log<H: Harness>(s: &mut Session<'_, H>, disk: &MemoryDisk, tail: &mut Tail) -> Outcome {
    let log = tail.log;
    let mut expected = MemoryStorage::peek(disk, StorageOp::Load { log });
    let mut found = s.run(StorageOp::Load { log }).await?;
    for loaded in [&mut expected, &mut found] {
        if let Ok(Applied::Loaded(stored)) = loaded {
            stored.snapshots.sort_by_key(|snapshot| (snapshot.kind, snapshot.offset));
        }
    }
    same("log", &found, &expected)?;
    let Ok(Applied::Loaded(stored)) = expected else { return Err("the model did not load".to_owned()) };
    tail.segments = stored.segments.iter().map(|segment| (segment.base_offset, segment.size)).collect();
    for (segment, _) in tail.segments.clone() {
        let read = StorageOp::Read { log, segment, range: 0..u64::MAX };
        let Ok(Applied::Read(expected)) = MemoryStorage::peek(disk, read.clone()) else { continue };
        match s.run(read).await? {
            Ok(Applied::Read(found)) => same_bytes(&found, &expected)?,
            other => return Err(format!("reading ended as {other:?}")),
        }
    }
    Ok(())
}
