//! The transactional producer against a scripted cluster: what it asks in which order, and what it makes of errors.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use headwater_client::{
    GroupMetadata, OffsetToCommit, ProducerConfig, ProducerId, ProducerRecord, SendError, TransactionEvent,
    TransactionState, code,
};
use headwater_engine::TopicPartition;
use headwater_engine::record::Batches;
use support::{Cluster, address};

const PRODUCE: i16 = 0;
const INIT: i16 = 22;
const ADD_PARTITIONS: i16 = 24;
const END: i16 = 26;
const COMMIT_OFFSETS: i16 = 28;

fn producer(cluster: &mut Cluster) -> ProducerId {
    let config = ProducerConfig {
        transactional_id: Some("tx".to_owned()),
        linger_ms: 0,
        delivery_timeout_ms: 5_000,
        ..ProducerConfig::default()
    };
    let producer = cluster.client.add_producer(config);
    let _ = cluster.client.partition_count(cluster.now, "t");
    cluster.advance(1_000);
    producer
}

fn send(cluster: &mut Cluster, producer: ProducerId, partition: i32) -> Result<(), SendError> {
    let record = ProducerRecord {
        topic: "t",
        partition: Some(partition),
        value: Some(b"v"),
        ..ProducerRecord::default()
    };
    cluster.client.send(cluster.now, producer, &record)?;
    cluster.run();
    Ok(())
}

fn events(cluster: &mut Cluster, producer: ProducerId) -> Vec<TransactionEvent> {
    std::iter::from_fn(|| cluster.client.poll_transaction(producer)).collect()
}

fn state(cluster: &Cluster, producer: ProducerId) -> TransactionState {
    cluster.client.transaction_state(producer).unwrap().clone()
}

fn send_offset(cluster: &mut Cluster, producer: ProducerId, offset: i64) {
    let group = GroupMetadata {
        group_id: "g".to_owned(),
        member_id: "m".to_owned(),
        group_instance_id: None,
        generation: 3,
    };
    let topic_partition = TopicPartition { topic: "t".to_owned(), partition: 0 };
    let offsets = vec![OffsetToCommit { topic_partition, offset, metadata: String::new() }];
    cluster.client.send_offsets_to_transaction(producer, group, offsets).unwrap();
    cluster.advance(100);
}

fn error_code(event: &TransactionEvent) -> Option<i16> {
    match event {
        TransactionEvent::MustAbort(error) | TransactionEvent::Failed(error) => error.code,
        TransactionEvent::Committed | TransactionEvent::Aborted => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn partitions_take_part_before_their_records_come_and_the_end_comes_last() {
    let mut cluster = Cluster::new(2);
    let p = producer(&mut cluster);
    assert_eq!(cluster.transacted(), ["init -1 -1"]);
    assert!(matches!(send(&mut cluster, p, 0), Err(SendError::Failed(_))), "no transaction is open");
    for round in 0..2 {
        cluster.client.begin_transaction(p).unwrap();
        cluster.hold = vec![ADD_PARTITIONS];
        send(&mut cluster, p, 0).unwrap();
        send(&mut cluster, p, 1).unwrap();
        assert!(cluster.produced.is_empty());
        cluster.hold = vec![PRODUCE];
        for asked in std::mem::take(&mut cluster.held) {
            cluster.answer(&asked);
        }
        cluster.advance(100);
        send_offset(&mut cluster, p, 5);
        cluster.client.commit_transaction(p).unwrap();
        cluster.advance(100);
        assert_eq!(state(&cluster, p), TransactionState::Committing, "records are on their way");
        let before = cluster.transacted();
        assert_eq!(before.last().unwrap(), "offsets [5] of m 3");
        assert!(before.contains(&"add group g".to_owned()) && before[0].starts_with("add ["));
        cluster.release();
        cluster.advance(100);
        assert_eq!(cluster.transacted(), ["commit 0"]);
        assert_eq!(events(&mut cluster, p), [TransactionEvent::Committed]);
        assert_eq!(std::mem::take(&mut cluster.produced).len(), 2);
        let sequences: Vec<(i32, i64, i16, i32)> = std::mem::take(&mut cluster.stamps);
        assert!(sequences.iter().all(|(_, id, epoch, sequence)| (*id, *epoch, *sequence) == (9, 0, round)));
    }
    let (stored, _) = &cluster.stored[&0];
    assert!(Batches::new(stored).all(|batch| batch.unwrap().is_transactional()));
}

#[test]
fn a_transaction_in_which_nothing_was_sent_ends_by_itself() {
    let mut cluster = Cluster::new(2);
    let p = producer(&mut cluster);
    cluster.client.begin_transaction(p).unwrap();
    cluster.client.commit_transaction(p).unwrap();
    cluster.advance(100);
    cluster.client.begin_transaction(p).unwrap();
    cluster.client.abort_transaction(p).unwrap();
    cluster.advance(100);
    assert_eq!(events(&mut cluster, p), [TransactionEvent::Committed, TransactionEvent::Aborted]);
    assert_eq!(cluster.transacted(), ["init -1 -1"]);
}

#[test]
fn what_may_work_later_is_tried_again() {
    let mut cluster = Cluster::new(2);
    for (key, error) in [(INIT, 14), (ADD_PARTITIONS, 51), (END, 51), (COMMIT_OFFSETS, 16)] {
        cluster.transactions.errors.insert(key, vec![error, error]);
    }
    let p = producer(&mut cluster);
    cluster.client.begin_transaction(p).unwrap();
    send(&mut cluster, p, 0).unwrap();
    send_offset(&mut cluster, p, 5);
    cluster.advance(2_000);
    cluster.client.commit_transaction(p).unwrap();
    cluster.advance(2_000);
    assert_eq!(events(&mut cluster, p), [TransactionEvent::Committed]);
    let count = |what: &str| cluster.transactions.log.iter().filter(|asked| asked.starts_with(what)).count();
    assert_eq!(["init", "add [", "offsets", "commit"].map(count), [3, 3, 3, 3]);
}

#[test]
fn an_error_of_records_or_of_the_group_costs_the_transaction() {
    let mut cluster = Cluster::new(2);
    let p = producer(&mut cluster);
    for of_group in [false, true] {
        cluster.client.begin_transaction(p).unwrap();
        let expected = if of_group { code::ILLEGAL_GENERATION } else { code::MESSAGE_TOO_LARGE };
        if of_group {
            cluster.transactions.errors.insert(COMMIT_OFFSETS, vec![expected]);
            send_offset(&mut cluster, p, 1);
        } else {
            cluster.produce_errors.insert(0, vec![expected]);
            send(&mut cluster, p, 0).unwrap();
        }
        cluster.advance(500);
        assert_eq!(events(&mut cluster, p).iter().map(error_code).collect::<Vec<_>>(), [Some(expected)]);
        assert!(matches!(state(&cluster, p), TransactionState::MustAbort(_)));
        assert!(send(&mut cluster, p, 0).is_err());
        assert!(cluster.client.commit_transaction(p).is_err());
        cluster.client.abort_transaction(p).unwrap();
        cluster.advance(500);
        assert_eq!(events(&mut cluster, p), [TransactionEvent::Aborted]);
        assert_eq!(cluster.transacted().last().unwrap(), "abort 0");
        assert_eq!(state(&cluster, p), TransactionState::Ready);
    }
}

#[test]
fn a_producer_whose_place_is_taken_can_do_nothing_more() {
    for (key, error) in [
        (INIT, code::TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
        (ADD_PARTITIONS, code::PRODUCER_FENCED),
        (END, code::INVALID_PRODUCER_EPOCH),
        (COMMIT_OFFSETS, code::INVALID_PRODUCER_EPOCH),
    ] {
        let mut cluster = Cluster::new(2);
        cluster.transactions.errors.insert(key, vec![error]);
        let p = producer(&mut cluster);
        if key != INIT {
            cluster.client.begin_transaction(p).unwrap();
            send(&mut cluster, p, 0).unwrap();
            cluster.advance(100);
        }
        if key == COMMIT_OFFSETS {
            send_offset(&mut cluster, p, 1);
        }
        if key == END {
            cluster.client.commit_transaction(p).unwrap();
        }
        cluster.advance(500);
        let told: Vec<Option<i16>> = events(&mut cluster, p).iter().map(error_code).collect();
        assert_eq!(told, [Some(error)]);
        assert!(cluster.client.begin_transaction(p).is_err());
        assert!(cluster.client.abort_transaction(p).is_err());
        assert!(cluster.client.is_flushed(p), "what waited was delivered as an error");
    }
}

#[test]
fn after_an_end_whose_answer_was_lost_the_next_transaction_has_another_epoch() {
    let mut cluster = Cluster::new(2);
    let p = producer(&mut cluster);
    cluster.client.begin_transaction(p).unwrap();
    send(&mut cluster, p, 0).unwrap();
    cluster.advance(100);
    cluster.hold = vec![END];
    cluster.client.commit_transaction(p).unwrap();
    cluster.advance(100);
    cluster.transacted();
    cluster.hold.clear();
    cluster.held.clear();
    cluster.disconnect(0);
    cluster.disconnect(1);
    cluster.advance(2_000);
    assert_eq!(events(&mut cluster, p), [TransactionEvent::Committed]);
    assert_eq!(cluster.transacted(), ["commit 0", "init 9 0"]);
    cluster.stamps.clear();
    cluster.client.begin_transaction(p).unwrap();
    send(&mut cluster, p, 0).unwrap();
    cluster.advance(100);
    assert_eq!(cluster.stamps, [(0, 9, 1, 0)], "its sequence begins anew");
}

#[test]
fn what_may_arrive_late_is_shut_out_by_the_abort() {
    let mut cluster = Cluster::new(2);
    let p = producer(&mut cluster);
    cluster.client.begin_transaction(p).unwrap();
    cluster.hold = vec![PRODUCE];
    send(&mut cluster, p, 0).unwrap();
    cluster.advance(100);
    assert_eq!(cluster.held.len(), 1);
    cluster.client.abort_transaction(p).unwrap();
    cluster.advance(100);
    assert_eq!(cluster.transacted(), ["init -1 -1", "add [0]"], "its answer is waited for");
    cluster.transactions.errors.insert(INIT, vec![code::CONCURRENT_TRANSACTIONS]);
    cluster.client.handle_disconnect(cluster.now, &address(0));
    cluster.advance(1_000);
    assert_eq!(cluster.transacted(), ["init 9 0", "init 9 0"]);
    assert_eq!(events(&mut cluster, p), [TransactionEvent::Aborted]);
    assert_eq!(state(&cluster, p), TransactionState::Ready);
}
