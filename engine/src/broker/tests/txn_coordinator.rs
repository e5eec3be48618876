//! The transaction coordinator of one broker.

use kafka_protocol::ResponseError as E;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    ApiKey, DeleteTopicsRequest, DeleteTopicsResponse, DescribeTransactionsRequest,
    DescribeTransactionsResponse, EndTxnResponse, InitProducerIdResponse, ListTransactionsRequest,
    ListTransactionsResponse,
};

use super::group_world::{group, text};
use super::txn_world::*;
use super::versions::in_all_versions;
use super::world::{CLIENT, Disk, World, name, not_applied};
use crate::{NotAppliedReason, StorageError, StorageOp};

const COMMIT: bool = true;
const ABORT: bool = false;

fn code(error: E) -> i16 {
    error.code()
}

/// A producer whose transaction has a record in each partition of `t`.
fn ongoing(world: &mut World) -> Producer {
    let producer = init(world, "tx").unwrap();
    assert_eq!(add(world, "tx", producer, &[("t", 0), ("t", 1)]), [0, 0]);
    for partition in 0..2 {
        assert_eq!(write(world, "tx", producer, partition, 0), 0);
    }
    producer
}

#[test]
fn a_transaction_ends_in_all_its_partitions() {
    for commit in [COMMIT, ABORT] {
        let mut world = world();
        let producer = ongoing(&mut world);
        assert_eq!(producer.1, 0);
        assert_eq!(state(&mut world, "tx").unwrap(), "Ongoing");
        assert_eq!(end(&mut world, "tx", producer, commit), 0);
        assert_eq!(state(&mut world, "tx").unwrap(), if commit { "CompleteCommit" } else { "CompleteAbort" });
        for partition in 0..2 {
            assert_eq!(markers(&mut world, partition), [(0, commit)]);
        }
        assert_eq!(end(&mut world, "tx", producer, commit), 0, "the answer was lost");
        assert_eq!(end(&mut world, "tx", producer, !commit), code(E::InvalidTxnState));
        // The next one, in one partition.
        assert_eq!(add(&mut world, "tx", producer, &[("t", 1)]), [0]);
        assert_eq!(write(&mut world, "tx", producer, 1, 1), 0);
        assert_eq!(end(&mut world, "tx", producer, COMMIT), 0);
        assert_eq!(markers(&mut world, 0), [(0, commit)]);
        assert_eq!(markers(&mut world, 1), [(0, commit), (0, COMMIT)]);
    }
}

#[test]
fn requests_of_who_is_not_the_producer_are_refused() {
    let mut world = world();
    let producer = init(&mut world, "tx").unwrap();
    let (id, epoch) = producer;
    for (transactional_id, stranger, error) in [
        ("tx", (id, epoch + 1), E::ProducerFenced),
        ("tx", (id + 1, epoch), E::InvalidProducerIdMapping),
        ("other", producer, E::InvalidProducerIdMapping),
        ("", producer, E::InvalidRequest),
    ] {
        let error = code(error);
        assert_eq!(add(&mut world, transactional_id, stranger, &[("t", 0)]), [error]);
        assert_eq!(end(&mut world, transactional_id, stranger, COMMIT), error);
        find_coordinator(&mut world, 0, "g");
        assert_eq!(add_offsets(&mut world, transactional_id, stranger, "g"), error);
    }
    assert_eq!(
        end(&mut world, "tx", producer, COMMIT),
        code(E::InvalidTxnState),
        "there is nothing to commit"
    );
    let busy = [("transaction.max.timeout.ms", "59999")];
    let mut world = world_with(&busy);
    assert_eq!(init(&mut world, "tx"), Err(code(E::InvalidTransactionTimeout)));
    let request = init_request("tx", None).with_transaction_timeout_ms(0);
    let response: InitProducerIdResponse = world.ask(ApiKey::InitProducerId, 4, &request);
    assert_eq!(response.error_code, code(E::InvalidTransactionTimeout));
    let request = init_request("tx", Some((3, -1)));
    let response: InitProducerIdResponse = world.ask(ApiKey::InitProducerId, 4, &request);
    assert_eq!(response.error_code, code(E::InvalidTransactionTimeout));
    let request = request.with_transaction_timeout_ms(1_000);
    let response: InitProducerIdResponse = world.ask(ApiKey::InitProducerId, 4, &request);
    assert_eq!(response.error_code, code(E::InvalidRequest));
}

#[test]
fn partitions_that_are_not_there_are_refused_and_so_are_the_others() {
    let mut world = world();
    let producer = init(&mut world, "tx").unwrap();
    let (unknown, other) = (code(E::UnknownTopicOrPartition), code(E::OperationNotAttempted));
    assert_eq!(
        add(&mut world, "tx", producer, &[("t", 0), ("t", 7), ("none", 0)]),
        [other, unknown, unknown]
    );
    let own = code(E::TopicAuthorizationFailed);
    assert_eq!(add(&mut world, "tx", producer, &[("t", 0), ("__transaction_state", 0)]), [other, own]);
    assert_eq!(state(&mut world, "tx").unwrap(), "Empty");
}

#[test]
fn offsets_of_a_group_are_a_partition_of_the_transaction() {
    let mut world = world();
    let producer = init(&mut world, "tx").unwrap();
    // __consumer_offsets is made for it.
    assert_eq!(add_offsets(&mut world, "tx", producer, "g"), 0);
    let request = DescribeTransactionsRequest::default().with_transactional_ids(vec![txn("tx")]);
    let response: DescribeTransactionsResponse = world.ask(ApiKey::DescribeTransactions, 0, &request);
    let topics = &response.transaction_states[0].topics;
    assert_eq!(&topics[0].topic[..], "__consumer_offsets");
    assert_eq!(topics[0].partitions, [103 % 3], "as Kafka places group 'g'");
    assert_eq!(end(&mut world, "tx", producer, COMMIT), 0);
    assert_eq!(state(&mut world, "tx").unwrap(), "CompleteCommit");
}

#[test]
fn the_producer_is_answered_when_it_is_durable_how_the_transaction_ends() {
    let mut world = world();
    let producer = ongoing(&mut world);
    world.hold_appends = true;
    let asked = world.send(CLIENT, ApiKey::EndTxn, 3, &end_request("tx", producer, COMMIT));
    assert!(world.answers.is_empty() && world.held.len() == 1, "it is not decided, and no partition is told");
    assert_eq!(state_when_busy(&mut world, asked), "Ongoing");
    world.release(None);
    let response: EndTxnResponse = world.answer(ApiKey::EndTxn, 3, asked);
    assert_eq!(response.error_code, 0);
    assert_eq!(world.held.len(), 2, "both partitions are told");
    assert_eq!(state(&mut world, "tx").unwrap(), "PrepareCommit");
    let busy = code(E::ConcurrentTransactions);
    assert_eq!(add(&mut world, "tx", producer, &[("t", 0)]), [busy]);
    assert_eq!(end(&mut world, "tx", producer, COMMIT), busy);
    assert_eq!(end(&mut world, "tx", producer, ABORT), code(E::InvalidTxnState));
    assert_eq!(init(&mut world, "tx"), Err(busy));
    world.release(None);
    assert_eq!(state(&mut world, "tx").unwrap(), "PrepareCommit", "one partition has not got it");
    world.release(None);
    assert!(holds_decision(&mut world));
    assert_eq!(state(&mut world, "tx").unwrap(), "PrepareCommit", "that it is complete is not stored");
    world.release(None);
    assert_eq!(state(&mut world, "tx").unwrap(), "CompleteCommit");
    assert!(world.held.is_empty());
}

/// The state while an answer on [`CLIENT`] is outstanding.
fn state_when_busy(world: &mut World, _asked: i32) -> String {
    use super::world::OTHER;
    let request = DescribeTransactionsRequest::default().with_transactional_ids(vec![txn("tx")]);
    let asked = world.send(OTHER, ApiKey::DescribeTransactions, 0, &request);
    let response: DescribeTransactionsResponse = world.answer(ApiKey::DescribeTransactions, 0, asked);
    response.transaction_states[0].transaction_state.to_string()
}

/// How storage answers one append of those that ending a transaction takes.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Trouble {
    Full,
    UnknownStored,
    UnknownNotStored,
    /// The broker ends before it is stored, or after.
    CrashBefore,
    CrashAfter,
}

#[test]
fn whatever_happens_at_whatever_step_the_transaction_ends_as_decided() {
    use Trouble::*;
    for trouble in [Full, UnknownStored, UnknownNotStored, CrashBefore, CrashAfter] {
        // The decision, two markers, and that it is complete.
        for step in 0..4 {
            end_with_trouble(trouble, step);
        }
    }
}

fn end_with_trouble(trouble: Trouble, step: usize) {
    let what = format!("{trouble:?} at step {step}");
    let mut world = world();
    let producer = ongoing(&mut world);
    world.hold_appends = true;
    let asked = world.send(CLIENT, ApiKey::EndTxn, 3, &end_request("tx", producer, COMMIT));
    for _ in 0..step {
        world.release(None);
    }
    let unknown = || StorageError::Unknown { message: "no answer".to_owned() };
    match trouble {
        Trouble::Full => world.release(Some(not_applied(NotAppliedReason::Full))),
        Trouble::UnknownNotStored => world.release(Some(unknown())),
        Trouble::UnknownStored => {
            let op = world.held.front().unwrap().1.clone();
            world.disk.execute(&op).unwrap();
            world.release(Some(unknown()));
        }
        Trouble::CrashBefore => {}
        Trouble::CrashAfter => {
            let op = world.held.front().unwrap().1.clone();
            world.disk.execute(&op).unwrap();
        }
    }
    while !world.held.is_empty() && !matches!(trouble, Trouble::CrashBefore | Trouble::CrashAfter) {
        world.release(None);
    }
    world.hold_appends = false;
    let crashes = matches!(trouble, Trouble::CrashBefore | Trouble::CrashAfter);
    let answered = !world.answers.is_empty();
    let answer = answered.then(|| {
        let response: EndTxnResponse = world.answer(ApiKey::EndTxn, 3, asked);
        response.error_code
    });
    if crashes {
        world = world.restarted(&CONFIGS);
    }
    settle(&mut world);
    let is_decided = match trouble {
        Trouble::UnknownStored | Trouble::CrashAfter => true,
        _ => step > 0,
    };
    if is_decided {
        assert_eq!(state(&mut world, "tx").unwrap(), "CompleteCommit", "{what}");
        for partition in 0..2 {
            assert_eq!(markers(&mut world, partition), [(0, COMMIT)], "{what}, partition {partition}");
        }
        assert!(answer.is_none_or(|code| code == 0), "{what}");
    } else {
        assert_eq!(state(&mut world, "tx").unwrap(), "Ongoing", "{what}");
        assert_ne!(answer, Some(0), "{what}");
        if !crashes {
            assert_eq!(answer, Some(code(E::CoordinatorNotAvailable)), "{what}");
        }
    }
    // And the producer can go on.
    assert_eq!(end(&mut world, "tx", producer, COMMIT), 0, "{what}");
    settle(&mut world);
    for partition in 0..2 {
        assert_eq!(markers(&mut world, partition), [(0, COMMIT)], "{what}");
    }
    assert_eq!(add(&mut world, "tx", producer, &[("t", 0)]), [0], "{what}");
}

#[test]
fn a_change_that_is_not_stored_was_not_made() {
    let mut world = world();
    world.hold_appends = true;
    for error in [not_applied(NotAppliedReason::Full), StorageError::Unknown { message: "?".to_owned() }] {
        let asked = world.send(CLIENT, ApiKey::InitProducerId, 4, &init_request("new", None));
        // Ids of producers are reserved first, once.
        while !world.held.is_empty() {
            let is_metadata = world.held.front().unwrap().1.log() == crate::LogId::CLUSTER_METADATA;
            world.release(Some(error.clone()).filter(|_| !is_metadata));
        }
        let response: InitProducerIdResponse = world.answer(ApiKey::InitProducerId, 4, asked);
        assert_eq!(response.error_code, code(E::CoordinatorNotAvailable));
        assert_eq!(state(&mut world, "new"), Err(code(E::TransactionalIdNotFound)));
    }
    world.hold_appends = false;
    let producer = init(&mut world, "tx").unwrap();
    world.hold_appends = true;
    let asked = world.send(CLIENT, ApiKey::AddPartitionsToTxn, 3, &add_request("tx", producer, &[("t", 0)]));
    world.release(Some(not_applied(NotAppliedReason::Full)));
    let response: AddPartitionsToTxnResponse = world.answer(ApiKey::AddPartitionsToTxn, 3, asked);
    assert_eq!(added(&response), [code(E::CoordinatorNotAvailable)]);
    assert_eq!(state(&mut world, "tx").unwrap(), "Empty");
}

#[test]
fn a_new_producer_has_the_transaction_aborted_and_fences_the_old_one() {
    let mut world = world();
    let old = ongoing(&mut world);
    assert_eq!(init(&mut world, "tx"), Err(code(E::ConcurrentTransactions)));
    assert_eq!(state(&mut world, "tx").unwrap(), "CompleteAbort");
    assert_eq!(markers(&mut world, 0), [(1, ABORT)], "in the epoch that fences");
    let new = init(&mut world, "tx").unwrap();
    assert_eq!(new, (old.0, 2));
    assert_eq!(add(&mut world, "tx", old, &[("t", 0)]), [code(E::ProducerFenced)]);
    assert_eq!(end(&mut world, "tx", old, COMMIT), code(E::ProducerFenced));
    assert_ne!(write(&mut world, "tx", old, 0, 1), 0);
    // A producer that goes on after an error (KIP-360).
    let request = init_request("tx", Some(new));
    for _ in 0..2 {
        let response: InitProducerIdResponse = world.ask(ApiKey::InitProducerId, 4, &request);
        assert_eq!(initialized(&response), Ok((old.0, 3)));
    }
    let response: InitProducerIdResponse =
        world.ask(ApiKey::InitProducerId, 4, &init_request("tx", Some(old)));
    assert_eq!(response.error_code, code(E::ProducerFenced));
    let other = init(&mut world, "other").unwrap();
    assert_ne!(other.0, new.0);
    assert_eq!(other.1, 0);
}

#[test]
fn a_transaction_that_takes_too_long_is_aborted() {
    let mut world = world();
    let producer = ongoing(&mut world);
    world.advance(55_000);
    assert_eq!(state(&mut world, "tx").unwrap(), "Ongoing");
    let mut world = world.restarted(&CONFIGS);
    world.now.wall_ms += 55_000;
    assert_eq!(add(&mut world, "tx", producer, &[("t", 0)]), [0]);
    // Looked for every ten seconds.
    world.advance(10_000);
    assert_eq!(state(&mut world, "tx").unwrap(), "CompleteAbort");
    assert_eq!(markers(&mut world, 1), [(1, ABORT)]);
    assert_eq!(end(&mut world, "tx", producer, COMMIT), code(E::ProducerFenced));
    let due = world.broker.poll_timeout().unwrap();
    assert!(due > world.now.monotonic_ms + 10_000, "without transactions nobody looks for them");
}

#[test]
fn an_id_that_is_not_used_is_forgotten() {
    let configs = [
        ("transactional.id.expiration.ms", "100000"),
        ("transaction.remove.expired.transaction.cleanup.interval.ms", "1000"),
        ("transaction.max.timeout.ms", "900000"),
    ];
    let mut world = world_with(&configs);
    let producer = init(&mut world, "tx").unwrap();
    world.advance(99_000);
    init(&mut world, "later").unwrap();
    world.advance(2_000);
    assert_eq!(state(&mut world, "tx"), Err(code(E::TransactionalIdNotFound)));
    assert_eq!(state(&mut world, "later").unwrap(), "Empty");
    assert_eq!(add(&mut world, "tx", producer, &[("t", 0)]), [code(E::InvalidProducerIdMapping)]);
    let mut world = world.restarted(&CONFIGS);
    assert_eq!(state(&mut world, "tx"), Err(code(E::TransactionalIdNotFound)));
    assert_ne!(init(&mut world, "tx").unwrap().0, producer.0);
}

#[test]
fn a_topic_that_is_deleted_does_not_keep_a_transaction_from_ending() {
    let mut world = world();
    let producer = ongoing(&mut world);
    world.create("kept", 1, &[]);
    assert_eq!(add(&mut world, "tx", producer, &[("kept", 0)]), [0]);
    let request = DeleteTopicsRequest::default()
        .with_topics(vec![DeleteTopicState::default().with_name(Some(name("t")))]);
    let response: DeleteTopicsResponse = world.ask(ApiKey::DeleteTopics, 6, &request);
    assert_eq!(response.responses[0].error_code, 0);
    assert_eq!(end(&mut world, "tx", producer, COMMIT), 0);
    assert_eq!(state(&mut world, "tx").unwrap(), "CompleteCommit");
}

#[test]
fn the_log_of_transactions_stays_short() {
    let short =
        [("headwater.offsets.max.dirty.bytes", "1000"), ("transaction.state.log.num.partitions", "1")];
    let mut world = world_with(&short);
    let rare = init(&mut world, "rare").unwrap();
    assert_eq!(add(&mut world, "rare", rare, &[("t", 1)]), [0]);
    let producer = init(&mut world, "tx").unwrap();
    for _ in 0..100 {
        assert_eq!(add(&mut world, "tx", producer, &[("t", 0)]), [0]);
        assert_eq!(end(&mut world, "tx", producer, COMMIT), 0);
    }
    let cuts = world.asked.iter().filter(|op| matches!(op, StorageOp::DeleteSegments { .. })).count();
    assert!(cuts > 10, "{cuts}");
    let log = super::group_world::last_appended(&world);
    let stored = world.disk.segments.iter().filter(|((other, _), _)| *other == log);
    let bytes: usize = stored.map(|(_, bytes)| bytes.len()).sum();
    assert!(bytes < 3_000, "{bytes}");
    let mut world = world.restarted(&short);
    assert_eq!(state(&mut world, "rare").unwrap(), "Ongoing");
    assert_eq!(state(&mut world, "tx").unwrap(), "CompleteCommit");
    assert_eq!(end(&mut world, "rare", rare, COMMIT), 0);
    assert_eq!(init(&mut world, "tx").unwrap(), (producer.0, 1));
}

#[test]
fn there_is_a_most_of_transactional_ids() {
    let mut world = world();
    for number in 0..10_000 {
        init(&mut world, &format!("tx {number}")).unwrap();
        world.asked.clear();
    }
    assert_eq!(init(&mut world, "one more"), Err(code(E::PolicyViolation)));
    assert!(init(&mut world, "tx 7").is_ok());
}

#[test]
fn transactions_are_described_and_listed() {
    let mut world = world();
    let producer = ongoing(&mut world);
    init(&mut world, "empty").unwrap();
    let request =
        DescribeTransactionsRequest::default().with_transactional_ids(vec![txn("tx"), txn("none"), txn("")]);
    let response: DescribeTransactionsResponse = world.ask(ApiKey::DescribeTransactions, 0, &request);
    let [first, none, invalid] = &response.transaction_states[..] else { panic!() };
    assert_eq!((first.producer_id.0, first.producer_epoch), producer);
    assert_eq!((first.transaction_timeout_ms, first.transaction_start_time_ms), (60_000, world.now.wall_ms));
    assert_eq!(first.topics[0].partitions, [0, 1]);
    assert_eq!(none.error_code, code(E::TransactionalIdNotFound));
    assert_eq!(invalid.error_code, code(E::InvalidRequest));

    let list = |world: &mut World, request: &ListTransactionsRequest| {
        let response: ListTransactionsResponse = world.ask(ApiKey::ListTransactions, 1, request);
        assert_eq!(response.error_code, 0);
        let ids = response.transaction_states.iter().map(|listed| listed.transactional_id.to_string());
        (ids.collect::<Vec<_>>(), response.unknown_state_filters.len())
    };
    let all = ListTransactionsRequest::default();
    assert_eq!(list(&mut world, &all).0, ["empty", "tx"]);
    let states = all.clone().with_state_filters(vec![text("Ongoing"), text("Odd")]);
    assert_eq!(list(&mut world, &states), (vec!["tx".to_owned()], 1));
    let of_producer = all.clone().with_producer_id_filters(vec![(producer.0 + 1).into()]);
    assert_eq!(list(&mut world, &of_producer).0, ["empty"]);
    world.advance(5_000);
    assert_eq!(list(&mut world, &all.clone().with_duration_filter(4_000)).0, ["tx"]);
    assert!(list(&mut world, &all.with_duration_filter(6_000)).0.is_empty());
}

#[test]
fn who_was_fenced_is_told_so_in_words_that_the_version_has() {
    let mut world = world();
    let old = init(&mut world, "tx").unwrap();
    init(&mut world, "tx").unwrap();
    let (new_word, old_word) = (code(E::ProducerFenced), code(E::InvalidProducerEpoch));
    let expected = |versions: usize, first: usize| {
        (0..versions).map(|version| if version < first { old_word } else { new_word }).collect::<Vec<_>>()
    };
    let inits: Vec<InitProducerIdResponse> =
        in_all_versions(&mut world, ApiKey::InitProducerId, |version| match version {
            3.. => init_request("tx", Some(old)),
            _ => init_request("tx", None),
        });
    let codes: Vec<i16> = inits.iter().map(|response| response.error_code).collect();
    assert_eq!(codes, [0, 0, 0, old_word, new_word, new_word]);
    let adds: Vec<AddPartitionsToTxnResponse> =
        in_all_versions(&mut world, ApiKey::AddPartitionsToTxn, |version| match version {
            4.. => {
                AddPartitionsToTxnRequest::default().with_transactions(vec![transaction("tx", old, false, 0)])
            }
            _ => add_request("tx", old, &[("t", 0)]),
        });
    assert_eq!(adds.iter().flat_map(added).collect::<Vec<_>>(), expected(6, 2));
    find_coordinator(&mut world, 0, "g");
    let offsets: Vec<AddOffsetsToTxnResponse> = in_all_versions(&mut world, ApiKey::AddOffsetsToTxn, |_| {
        AddOffsetsToTxnRequest::default()
            .with_transactional_id(txn("tx"))
            .with_producer_id(old.0.into())
            .with_producer_epoch(old.1)
            .with_group_id(group("g"))
    });
    assert_eq!(offsets.iter().map(|response| response.error_code).collect::<Vec<_>>(), expected(5, 2));
    let ends: Vec<EndTxnResponse> =
        in_all_versions(&mut world, ApiKey::EndTxn, |_| end_request("tx", old, COMMIT));
    assert_eq!(ends.iter().map(|response| response.error_code).collect::<Vec<_>>(), expected(5, 2));
    let described: Vec<DescribeTransactionsResponse> =
        in_all_versions(&mut world, ApiKey::DescribeTransactions, |_| {
            DescribeTransactionsRequest::default().with_transactional_ids(vec![txn("tx"), txn("none")])
        });
    assert_eq!(described[0].transaction_states.len(), 2);
    let listed: Vec<ListTransactionsResponse> =
        in_all_versions(&mut world, ApiKey::ListTransactions, |_| ListTransactionsRequest::default());
    assert!(listed.iter().all(|response| response.transaction_states.len() == 1));
}

#[test]
fn records_of_a_newer_version_are_told_and_kept() {
    let short = [("headwater.offsets.max.dirty.bytes", "500"), ("transaction.state.log.num.partitions", "1")];
    let mut world = world_with(&short);
    init(&mut world, "tx").unwrap();
    let log = super::group_world::last_appended(&world);
    let bytes = world.disk.segments.get_mut(&(log, 0)).unwrap();
    // The key's version becomes 9, and the checksum is made anew.
    let key = bytes.windows(6).position(|window| window == b"\0\0\0\x02tx").unwrap();
    bytes[key + 1] = 9;
    let crc = crate::record::crc32c(&bytes[21..]).to_be_bytes();
    bytes[17..21].copy_from_slice(&crc);
    let mut world = World::over(Disk { ..world.disk }, &short);
    let warned =
        std::iter::from_fn(|| world.broker.poll_event()).any(|event| event.message.contains("version 9"));
    assert!(warned);
    for _ in 0..50 {
        init(&mut world, "other").unwrap();
    }
    assert!(!world.asked.iter().any(|op| matches!(op, StorageOp::DeleteSegments { .. })));
}
