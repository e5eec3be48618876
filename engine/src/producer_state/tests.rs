use bytes::Bytes;

use super::*;
use crate::record::{Compression, RecordBatchBuilder};

fn batch(producer: ProducerId, epoch: i16, sequence: i32, records: i32, offset: Offset) -> Bytes {
    let mut builder = RecordBatchBuilder::new(Compression::None);
    builder.set_producer(producer, epoch, sequence);
    builder.set_base_offset(offset);
    for _ in 0..records {
        builder.append(1_000 + offset, None, Some(b"v"), &[]).unwrap();
    }
    builder.build()
}

fn check(states: &ProducerStates, bytes: &Bytes) -> Result<Verdict, ResponseError> {
    states.check(RecordBatch::parse(bytes).unwrap()).map_err(|error| error.error)
}

fn append(states: &mut ProducerStates, bytes: &Bytes) -> Option<Undo> {
    assert_eq!(check(states, bytes), Ok(Verdict::Append));
    states.appended(RecordBatch::parse(bytes).unwrap())
}

#[test]
fn the_last_five_batches_are_known_again() {
    let mut states = ProducerStates::default();
    for index in 0..7 {
        append(&mut states, &batch(1, 0, index * 10, 10, i64::from(index) * 10));
    }
    for index in 2..7 {
        let again = batch(1, 0, index * 10, 10, 0);
        assert_eq!(check(&states, &again), Ok(Verdict::Duplicate(i64::from(index) * 10)));
    }
    let forgotten = batch(1, 0, 10, 10, 0);
    assert_eq!(check(&states, &forgotten), Err(ResponseError::OutOfOrderSequenceNumber));
    let half = batch(1, 0, 60, 5, 0);
    assert_eq!(check(&states, &half), Err(ResponseError::OutOfOrderSequenceNumber));
}

#[test]
fn a_gap_is_refused_and_a_new_producer_may_begin_anywhere() {
    let mut states = ProducerStates::default();
    append(&mut states, &batch(1, 0, 500, 3, 0));
    assert_eq!(check(&states, &batch(1, 0, 504, 1, 3)), Err(ResponseError::OutOfOrderSequenceNumber));
    append(&mut states, &batch(1, 0, 503, 1, 3));
    append(&mut states, &batch(2, 0, 77, 1, 4));
}

#[test]
fn a_new_epoch_begins_at_0_and_ends_the_old_one() {
    let mut states = ProducerStates::default();
    append(&mut states, &batch(1, 3, 0, 3, 0));
    assert_eq!(check(&states, &batch(1, 4, 3, 1, 3)), Err(ResponseError::OutOfOrderSequenceNumber));
    append(&mut states, &batch(1, 4, 0, 1, 3));
    assert_eq!(check(&states, &batch(1, 3, 3, 1, 4)), Err(ResponseError::InvalidProducerEpoch));
}

#[test]
fn sequences_go_round() {
    let mut states = ProducerStates::default();
    append(&mut states, &batch(1, 0, i32::MAX - 1, 3, 0));
    append(&mut states, &batch(1, 0, 1, 1, 3));
    assert_eq!(check(&states, &batch(1, 0, i32::MAX - 1, 3, 0)), Ok(Verdict::Duplicate(0)));
}

#[test]
fn undoing_leaves_what_was_before() {
    let mut states = ProducerStates::default();
    append(&mut states, &batch(1, 0, 0, 1, 0));
    let before = states.clone();
    let undo = [
        append(&mut states, &batch(1, 0, 1, 1, 1)),
        append(&mut states, &batch(2, 0, 0, 1, 2)),
        append(&mut states, &batch(1, 1, 0, 1, 3)),
    ];
    assert_ne!(states, before);
    for undo in undo.into_iter().rev().flatten() {
        states.undo(undo);
    }
    assert_eq!(states.known, before.known);
    // One thing is remembered: with what the second has to begin now.
    assert_eq!(check(&states, &batch(2, 0, 1, 1, 1)), Err(ResponseError::OutOfOrderSequenceNumber));
    append(&mut states, &batch(2, 0, 0, 1, 1));
    append(&mut states, &batch(2, 0, 1, 1, 2));
}

#[test]
fn silent_producers_expire() {
    let mut states = ProducerStates::default();
    append(&mut states, &batch(1, 0, 0, 1, 0));
    append(&mut states, &batch(2, 0, 0, 1, 500));
    states.expire(1_001);
    assert_eq!(states.known.keys().copied().collect::<Vec<_>>(), [2]);
}

#[test]
fn a_snapshot_comes_back_or_is_known_to_be_damaged() {
    let mut states = ProducerStates::default();
    for producer in 0..20 {
        for sequence in 0..producer {
            append(&mut states, &batch(i64::from(producer), 2, sequence, 1, 0));
        }
    }
    let snapshot = states.encode();
    assert_eq!(ProducerStates::decode(&snapshot), Some(states));
    for byte in 0..snapshot.len() {
        let mut damaged = snapshot.to_vec();
        damaged[byte] ^= 2;
        assert_eq!(ProducerStates::decode(&damaged), None);
        assert_eq!(ProducerStates::decode(&snapshot[..byte]), None);
    }
}
