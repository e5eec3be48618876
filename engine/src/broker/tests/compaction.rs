//! `cleanup.policy=compact`: what stays, what goes, and what is read meanwhile.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::{ApiKey, DeleteRecordsRequest, FetchResponse};

use super::transactions::{COORDINATOR_EPOCH, PRODUCER, end, in_transaction, marker};
use super::world::{CLIENT, OTHER, World, fetch_request, name, not_applied};
use crate::record::{Batches, Compression, RecordBatchBuilder};
use crate::{NotAppliedReason, Offset, SnapshotKind, StorageError, StorageOp};

const DAY_MS: u64 = 86_400_000;
/// The default of `log.cleaner.backoff.ms`.
const BACKOFF_MS: u64 = 15_000;
/// Read from storage, not from memory.
// Transactions have no coordinator that could be asked.
const BROKER: &[(&str, &str)] =
    &[("headwater.tail.max.bytes", "0"), ("transaction.partition.verification.enable", "false")];
/// Three batches of one record fit a segment.
const TOPIC: &[(&str, &str)] = &[("cleanup.policy", "compact"), ("segment.bytes", "240")];

fn world(topic: &[(&str, &str)]) -> World {
    let mut world = World::over(super::world::Disk::default(), BROKER);
    world.create("t", 1, &[TOPIC, topic].concat());
    world
}

fn keyed(codec: Compression, records: &[(&str, Option<&str>)]) -> RecordBatchBuilder {
    let mut builder = RecordBatchBuilder::new(codec);
    for (key, value) in records {
        let value = value.map(str::as_bytes);
        builder.append(1_700_000_000_000, Some(key.as_bytes()), value, &[]).unwrap();
    }
    builder
}

fn put(world: &mut World, records: &[(&str, Option<&str>)]) {
    let batch = keyed(Compression::None, records).build();
    assert_eq!(world.produce("t", 0, batch).0, 0);
}

/// Keys `a`, `b`, `c`, then `a` again, and so on; the value is the record's number.
fn fill(world: &mut World, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let key = ["a", "b", "c"][number % 3];
        put(world, &[(key, Some(&number.to_string()))]);
    }
}

type Seen = (Offset, String, Option<String>);

/// All records, as a consumer reads them.
fn seen(world: &mut World) -> Vec<Seen> {
    let mut seen: Vec<Seen> = Vec::new();
    let mut next = 0;
    loop {
        let response = world.fetch("t", 0, next);
        let answer = &response.responses[0].partitions[0];
        assert_eq!(answer.error_code, 0);
        seen.extend(seen_in(&response).into_iter().filter(|(offset, _, _)| *offset >= next));
        match Batches::new(answer.records.as_ref().unwrap()).last() {
            Some(last) => next = last.unwrap().next_offset(),
            None => return seen,
        }
    }
}

fn seen_in(response: &FetchResponse) -> Vec<Seen> {
    let mut seen = Vec::new();
    for batch in Batches::new(response.responses[0].partitions[0].records.as_ref().unwrap()) {
        let batch = batch.unwrap();
        batch.verify_crc().unwrap();
        if batch.is_control() {
            continue;
        }
        for record in &batch.records().unwrap() {
            let record = record.unwrap();
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            seen.push((record.offset, text(record.key.unwrap()), record.value.map(text)));
        }
    }
    seen
}

fn offsets(seen: &[Seen]) -> Vec<Offset> {
    seen.iter().map(|(offset, _, _)| *offset).collect()
}

fn clean(world: &mut World) {
    world.advance(BACKOFF_MS);
    world.advance(BACKOFF_MS);
}

/// Every batch that is stored of the topic: its offsets, how many records, of which producer.
fn stored(world: &World) -> Vec<(Offset, Offset, i32, i64)> {
    let mut stored = Vec::new();
    let own = world.disk.segments.iter().filter(|((log, _), _)| *log != crate::LogId::CLUSTER_METADATA);
    for (_, bytes) in own {
        for batch in Batches::new(bytes) {
            let batch = batch.unwrap();
            stored.push((
                batch.base_offset(),
                batch.next_offset(),
                batch.record_count(),
                batch.producer_id(),
            ));
        }
    }
    stored
}

fn segments(world: &World) -> Vec<Offset> {
    let own = world.disk.segments.keys().filter(|(log, _)| *log != crate::LogId::CLUSTER_METADATA);
    own.map(|(_, base)| *base).collect()
}

#[test]
fn the_last_record_of_each_key_stays_at_its_offset() {
    let mut world = world(&[]);
    fill(&mut world, 0..31);
    assert_eq!(segments(&world).len(), 11);
    clean(&mut world);
    // The last three of what was closed, and the segment that is written to.
    let expected: Vec<Seen> = (27..31)
        .map(|number| (number, ["a", "b", "c"][number as usize % 3].to_owned(), Some(number.to_string())))
        .collect();
    assert_eq!(seen(&mut world), expected);
    let batches = stored(&world);
    assert_eq!(batches[0], (0, 3, 0, -1), "a log has no gaps");
    assert!(batches.windows(2).all(|pair| pair[0].1 == pair[1].0), "{batches:?}");
    assert_eq!(world.list_offset("t", 0, -2), (0, 0, -1));
    assert_eq!(world.list_offset("t", 0, -1), (0, 31, -1));
    assert_eq!(world.list_offset("t", 0, 1_000).1, 27);
    assert!(world.errors().is_empty(), "{:?}", world.errors());
    let mut world = world.restarted(BROKER);
    assert_eq!(seen(&mut world), expected);
    assert!(world.errors().is_empty(), "{:?}", world.errors());
    fill(&mut world, 31..61);
    clean(&mut world);
    assert_eq!(offsets(&seen(&mut world)), [57, 58, 59, 60]);
    assert_eq!(segments(&world)[..3], [0, 9, 18], "small segments are merged");
    assert_eq!(stored(&world)[0], (0, 9, 0, -1));
    assert_eq!(world.broker.failure(), None);
}

#[test]
fn what_is_clean_is_known_after_a_start_and_not_read_again() {
    let mut world = world(&[]);
    fill(&mut world, 0..31);
    clean(&mut world);
    let mut world = world.restarted(BROKER);
    let asked = world.asked.len();
    clean(&mut world);
    assert_eq!(world.asked.len(), asked, "{:?}", &world.asked[asked..]);
    // Without its index a segment is read, and found to be clean.
    world.disk.snapshots.retain(|(_, kind, _), _| *kind != SnapshotKind::SegmentIndex);
    let mut world = world.restarted(BROKER);
    let before = seen(&mut world);
    clean(&mut world);
    assert!(world.asked.iter().any(|op| matches!(op, StorageOp::AppendCleaned { .. })));
    assert_eq!(seen(&mut world), before);
    assert!(world.disk.copies.values().all(|(_, copy)| copy.is_empty()), "nothing is left behind");
}

#[test]
fn every_codec_is_kept() {
    for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        let mut world = world(&[]);
        let value = "long ".repeat(40);
        for _ in 0..6 {
            let batch = keyed(codec, &[("a", Some(&value)), ("b", Some("2")), ("a", Some("3"))]).build();
            assert_eq!(world.produce("t", 0, batch).0, 0);
        }
        clean(&mut world);
        let active = segments(&world).last().copied().unwrap();
        let found = offsets(&seen(&mut world));
        let expected: Vec<Offset> = [active - 2, active - 1].into_iter().chain(active..18).collect();
        assert_eq!((found, active > 0), (expected, true), "{codec:?}");
    }
}

#[test]
fn a_tombstone_stays_for_its_time_and_goes() {
    let mut world = world(&[("delete.retention.ms", "86400000"), ("min.cleanable.dirty.ratio", "0")]);
    put(&mut world, &[("a", Some("1"))]);
    put(&mut world, &[("b", Some("2"))]);
    put(&mut world, &[("a", None)]);
    fill(&mut world, 10..11);
    put(&mut world, &[("x", Some("closes the segment"))]);
    clean(&mut world);
    let tombstone = (2, "a".to_owned(), None);
    assert!(seen(&mut world).contains(&tombstone));
    assert!(!offsets(&seen(&mut world)).contains(&0));
    for (waited, stays) in [(DAY_MS / 2, true), (DAY_MS, false)] {
        world.advance(waited);
        for _ in 0..6 {
            put(&mut world, &[("y", Some("something new"))]);
        }
        clean(&mut world);
        assert_eq!(seen(&mut world).contains(&tombstone), stays, "after {waited}");
    }
    assert!(seen(&mut world).iter().any(|(_, key, _)| key == "b"));
}

#[test]
fn a_record_without_a_key_is_refused() {
    let mut world = world(&[]);
    let mut builder = keyed(Compression::Gzip, &[("a", Some("1"))]);
    builder.append(1, None, Some(b"2"), &[]).unwrap();
    assert_eq!(world.produce("t", 0, builder.build()).0, ResponseError::InvalidRecord.code());
    put(&mut world, &[("", Some("an empty key is one"))]);
}

#[test]
fn the_last_batch_of_a_producer_stays_without_records() {
    let mut world = world(&[]);
    let batch = |producer, sequence, key| {
        let mut builder = keyed(Compression::None, &[(key, Some("x"))]);
        builder.set_producer(producer, 0, sequence);
        builder.build()
    };
    for sequence in 0..2 {
        assert_eq!(world.produce("t", 0, batch(7, sequence, "a")).0, 0);
    }
    for sequence in 0..12 {
        assert_eq!(world.produce("t", 0, batch(8, sequence, "a")).0, 0);
    }
    clean(&mut world);
    let closed = segments(&world).last().copied().unwrap();
    let batches: Vec<_> = stored(&world).into_iter().filter(|batch| batch.0 < closed).collect();
    assert_eq!(batches[..2], [(0, 1, 0, -1), (1, 2, 0, 7)]);
    world.disk.snapshots.clear();
    let mut world = world.restarted(BROKER);
    assert_eq!(world.produce("t", 0, batch(7, 3, "a")).0, ResponseError::OutOfOrderSequenceNumber.code());
    assert_eq!(world.produce("t", 0, batch(7, 1, "a")), (0, 1), "sent again");
    assert_eq!(world.produce("t", 0, batch(7, 2, "a")).0, 0);
    assert_eq!(world.produce("t", 0, batch(8, 12, "a")).0, 0);
}

#[test]
fn what_is_young_or_little_waits() {
    let mut world =
        world(&[("min.compaction.lag.ms", "3600000"), ("message.timestamp.type", "LogAppendTime")]);
    fill(&mut world, 0..20);
    clean(&mut world);
    assert_eq!(seen(&mut world).len(), 20);
    world.advance(3_600_000);
    clean(&mut world);
    let after = seen(&mut world).len();
    assert!(after < 8, "{after}");
    // Two new segments beside a large clean one are not yet half of it.
    let mut world = self::world(&[("min.cleanable.dirty.ratio", "0.9")]);
    for number in 0..40 {
        put(&mut world, &[(&format!("key {number}"), Some("x"))]);
    }
    clean(&mut world);
    let before = seen(&mut world).len();
    assert_eq!(before, 40);
    fill(&mut world, 0..9);
    clean(&mut world);
    assert_eq!(seen(&mut world).len(), 49);
}

#[test]
fn what_has_waited_for_too_long_is_compacted_at_once() {
    let mut world = world(&[
        ("min.cleanable.dirty.ratio", "1"),
        ("max.compaction.lag.ms", "3600000"),
        ("message.timestamp.type", "LogAppendTime"),
        ("segment.bytes", "100000"),
    ]);
    fill(&mut world, 0..9);
    world.advance(3_600_000);
    // The segment that is written to would never be compacted, so it ends too.
    fill(&mut world, 9..10);
    assert_eq!(segments(&world), [0]);
    world.advance(1);
    fill(&mut world, 10..11);
    assert_eq!(segments(&world), [0, 10]);
    clean(&mut world);
    assert_eq!(offsets(&seen(&mut world)), [7, 8, 9, 10]);
}

#[test]
fn more_keys_than_there_is_memory_for_are_compacted_part_by_part() {
    let mut world = World::over(
        super::world::Disk::default(),
        &[BROKER, &[("log.cleaner.dedupe.buffer.size", "1024")]].concat(),
    );
    world.create("t", 1, &[TOPIC, &[("min.cleanable.dirty.ratio", "0")]].concat());
    for round in 0..2 {
        for number in 0..40 {
            put(&mut world, &[(&format!("key {number}"), Some(&format!("{round}")))]);
        }
    }
    put(&mut world, &[("the last", Some("closes the segment"))]);
    for _ in 0..10 {
        clean(&mut world);
    }
    let records = seen(&mut world);
    assert!(offsets(&records).starts_with(&(40..70).collect::<Vec<_>>()), "{records:?}");
    assert!(world.errors().is_empty());
}

#[test]
fn only_a_policy_that_says_delete_drops_segments() {
    for (policy, dropped) in [("compact", false), ("compact,delete", true), ("delete", true)] {
        let mut world = world(&[("cleanup.policy", policy), ("retention.ms", "3600000")]);
        fill(&mut world, 0..31);
        clean(&mut world);
        world.advance(400 * DAY_MS);
        let (_, start, _) = world.list_offset("t", 0, -2);
        assert_eq!(start > 0, dropped, "{policy}");
    }
}

#[test]
fn a_topic_comes_to_be_compacted_by_a_change_of_its_policy() {
    let mut world = world(&[("cleanup.policy", "delete")]);
    fill(&mut world, 0..31);
    clean(&mut world);
    assert_eq!(seen(&mut world).len(), 31);
    let request = super::retention::alter(&[("cleanup.policy", 0, Some("compact"))]);
    assert_eq!(super::retention::altered(&mut world, &request).0, 0);
    clean(&mut world);
    assert_eq!(seen(&mut world).len(), 4);
}

#[test]
fn transactions_leave_what_counts() {
    let mut world = world(&[("min.cleanable.dirty.ratio", "0")]);
    let batch = |sequence, key, value: &str| {
        let mut builder = keyed(Compression::None, &[(key, Some(value))]);
        builder.set_producer(PRODUCER, 0, sequence);
        builder.set_transactional(true);
        in_transaction(builder.build())
    };
    put(&mut world, &[("a", Some("before"))]);
    let write = |world: &mut World, sequence, key, value| {
        let request = batch(sequence, key, value);
        let response: kafka_protocol::messages::ProduceResponse = world.ask(ApiKey::Produce, 9, &request);
        assert_eq!(super::world::produced(&response).0, 0);
    };
    write(&mut world, 0, "a", "aborted");
    assert_eq!(end(&mut world, marker((PRODUCER, 0), COORDINATOR_EPOCH, false)), 0);
    write(&mut world, 1, "b", "committed");
    assert_eq!(end(&mut world, marker((PRODUCER, 0), COORDINATOR_EPOCH, true)), 0);
    write(&mut world, 2, "c", "open");
    fill(&mut world, 0..6);
    clean(&mut world);
    let records = seen(&mut world);
    assert!(!records.iter().any(|(_, _, value)| value.as_deref() == Some("aborted")), "{records:?}");
    assert!(
        records.iter().any(|(_, _, value)| value.as_deref() == Some("before")),
        "above the open one nothing is"
    );
    assert!(records.iter().any(|(_, _, value)| value.as_deref() == Some("committed")));
    assert_eq!(end(&mut world, marker((PRODUCER, 0), COORDINATOR_EPOCH, true)), 0);
    for _ in 0..3 {
        fill(&mut world, 6..12);
        clean(&mut world);
        world.advance(DAY_MS);
    }
    let records = seen(&mut world);
    assert!(!records.iter().any(|(_, _, value)| value.as_deref() == Some("before")));
    let mut world = world.restarted(BROKER);
    assert_eq!(seen(&mut world), records);
    world.disk.snapshots.clear();
    let mut world = world.restarted(BROKER);
    let before = seen(&mut world);
    assert_eq!(before, records, "nothing is undecided because its marker is gone");
    let (_, end, _) = world.list_offset("t", 0, -1);
    assert_eq!(offsets(&before).last().copied(), Some(end - 1));
}

#[test]
fn a_segment_that_is_damaged_is_left_as_it_is() {
    let mut world = world(&[]);
    fill(&mut world, 0..31);
    let mut second =
        world.disk.segments.iter_mut().filter(|((log, _), _)| *log != crate::LogId::CLUSTER_METADATA);
    let (_, bytes) = second.nth(1).unwrap();
    bytes[70] ^= 1;
    let before = stored(&world);
    clean(&mut world);
    clean(&mut world);
    assert_eq!(stored(&world), before);
    let mut events = std::iter::from_fn(|| world.broker.poll_event());
    assert!(events.any(|event| event.message.contains("is not compacted until")));
    assert!(world.disk.copies.values().all(|(_, copy)| copy.is_empty()), "nothing is left behind");
}

#[test]
fn requests_are_answered_between_any_two_steps() {
    let mut world = world(&[]);
    fill(&mut world, 0..31);
    world.hold = |op| !matches!(op, StorageOp::Append { .. } | StorageOp::Load { .. });
    world.advance(BACKOFF_MS);
    let mut steps = 0;
    while !world.held.is_empty() {
        steps += 1;
        assert!(world.held.len() <= 2, "one step at a time, and an index");
        assert_eq!(world.list_offset("t", 0, -1).0, 0);
        world.advance(0);
        assert!(
            world.broker.poll_timeout().is_none_or(|due| due > world.now.monotonic_ms),
            "time brings nothing"
        );
        world.release(None);
    }
    assert!(steps > 20);
    world.hold = |_| false;
    assert_eq!(offsets(&seen(&mut world)), [27, 28, 29, 30]);
}

/// All but the last few records are in one segment.
const ONE_CLOSED: &[(&str, &str)] = &[("segment.bytes", "2000")];

/// Until a swap is told, nobody knows if a read has met old bytes or new ones.
#[test]
fn a_fetch_that_meets_a_swap_is_answered_with_what_is_there_then() {
    for (error, applied) in [
        (None, true),
        (Some(not_applied(NotAppliedReason::Full)), false),
        (Some(StorageError::Unknown { message: "silent".to_owned() }), true),
        (Some(StorageError::Unknown { message: "silent".to_owned() }), false),
    ] {
        let mut world = world(ONE_CLOSED);
        fill(&mut world, 0..31);
        let active = segments(&world)[1];
        world.hold = |op| matches!(op, StorageOp::ReplaceSegments { .. });
        world.advance(BACKOFF_MS);
        assert_eq!(world.held.len(), 1);
        if applied {
            world.disk.execute(&world.held[0].1.clone()).unwrap();
        }
        let request = fetch_request("t", 0, 14, 1 << 20, 500);
        let correlation_id = world.send(CLIENT, ApiKey::Fetch, 11, &request);
        assert!(world.answers.is_empty(), "it waits");
        let (id, _) = world.held.pop_front().unwrap();
        let result = error.clone().map_or(Ok(crate::Applied::Written), Err);
        world.broker.handle_completion(world.now, id, result);
        world.run();
        let response: FetchResponse = world.answer(ApiKey::Fetch, 11, correlation_id);
        let code = response.responses[0].partitions[0].error_code;
        if matches!(error, Some(StorageError::Unknown { .. })) {
            assert_eq!(code, ResponseError::KafkaStorageError.code());
        } else {
            let found = offsets(&seen_in(&response));
            assert_eq!(found.first().copied(), Some(if applied { active - 3 } else { 14 }), "{error:?}");
        }
        world.hold = |_| false;
        clean(&mut world);
        clean(&mut world);
        let expected: Vec<Offset> = (active - 3..31).collect();
        assert_eq!(offsets(&seen(&mut world)), expected, "{error:?} {applied}");
        assert!(!world.errors().iter().any(|(error, _)| error == "CORRUPT_MESSAGE"), "{:?}", world.errors());
    }
}

#[test]
fn records_are_deleted_only_when_a_swap_is_over() {
    let mut world = world(ONE_CLOSED);
    fill(&mut world, 0..31);
    let active = segments(&world)[1];
    world.hold = |op| matches!(op, StorageOp::ReplaceSegments { .. });
    world.advance(BACKOFF_MS);
    let partition = DeleteRecordsPartition::default().with_partition_index(0).with_offset(active + 1);
    let topic = DeleteRecordsTopic::default().with_name(name("t")).with_partitions(vec![partition]);
    let request = DeleteRecordsRequest::default().with_topics(vec![topic]).with_timeout_ms(1_000);
    world.send(OTHER, ApiKey::DeleteRecords, 2, &request);
    assert!(!world.asked.iter().any(|op| matches!(op, StorageOp::DeleteSegments { .. })));
    world.hold = |_| false;
    world.release(None);
    assert!(world.asked.iter().any(|op| matches!(op, StorageOp::DeleteSegments { .. })));
    world.answers.clear();
    assert_eq!(world.list_offset("t", 0, -2).1, active + 1);
    let response = world.fetch("t", 0, active + 1);
    assert_eq!(offsets(&seen_in(&response)).last().copied(), Some(30));
    let mut world = world.restarted(BROKER);
    assert_eq!(world.list_offset("t", 0, -2).1, active + 1);
}

#[test]
fn a_topic_may_be_deleted_in_the_midst() {
    for held in [
        (|op| matches!(op, StorageOp::ReplaceSegments { .. })) as fn(&StorageOp) -> bool,
        |op| matches!(op, StorageOp::AppendCleaned { .. }),
        |op| matches!(op, StorageOp::Read { .. }),
    ] {
        let mut world = world(&[]);
        fill(&mut world, 0..31);
        world.hold = held;
        world.advance(BACKOFF_MS);
        let request = fetch_request("t", 0, 3, 1 << 20, 0);
        let fetch = world.send(CLIENT, ApiKey::Fetch, 11, &request);
        let topics = vec![name("t")];
        let delete = kafka_protocol::messages::DeleteTopicsRequest::default().with_topic_names(topics);
        world.send(OTHER, ApiKey::DeleteTopics, 5, &delete);
        world.hold = |_| false;
        while !world.held.is_empty() {
            world.release(Some(not_applied(NotAppliedReason::OutOfSequence)));
        }
        world.answers.retain(|(connection, _)| *connection == CLIENT);
        let response: FetchResponse = world.answer(ApiKey::Fetch, 11, fetch);
        assert_eq!(response.responses.len(), 1);
        world.create("t", 1, TOPIC);
        fill(&mut world, 0..31);
        clean(&mut world);
        assert_eq!(offsets(&seen(&mut world)), [27, 28, 29, 30], "another is compacted after it");
    }
}

#[test]
fn bytes_that_are_written_anew_are_those_of_the_batches() {
    let mut world = world(&[]);
    let value = "v".repeat(3_000);
    for number in 0..600 {
        let key = format!("key {}", number % 500);
        let batch = keyed(Compression::None, &[(&key, Some(&value))]).build();
        assert_eq!(world.produce("t", 0, batch).0, 0);
    }
    clean(&mut world);
    let copied: Vec<&StorageOp> =
        world.asked.iter().filter(|op| matches!(op, StorageOp::AppendCleaned { .. })).collect();
    let longest = copied.iter().map(|op| match op {
        StorageOp::AppendCleaned { batches, .. } => batches.len(),
        _ => 0,
    });
    assert!(longest.max().unwrap() < 1 << 20);
    let read = world.asked.iter().filter_map(|op| match op {
        StorageOp::Read { range, .. } => Some(range.end - range.start),
        _ => None,
    });
    assert!(read.max().unwrap() < 1 << 20);
    // The last record is in the segment that is written to, so the one before it of its key stays.
    let expected: Vec<Offset> = (99..600).collect();
    assert_eq!(offsets(&seen(&mut world)), expected);
}
