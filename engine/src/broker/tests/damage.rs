//! What cannot be read is told of and passed over; all else stays readable at its offsets.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::ApiKey;
use proptest::prelude::*;

use super::world::{CLIENT, Disk, World, batch, batch_at, fetch_request, produce_request, values_of};
use crate::record::{Batches, Compression, RecordBatchBuilder, set_base_offset_and_leader_epoch};
use crate::{LogId, Offset, SnapshotKind, StorageOp};

/// Nothing stays in memory, so that all is read from storage.
const NO_TAIL: &[(&str, &str)] = &[("headwater.tail.max.bytes", "0")];
const CORRUPT: &str = "CORRUPT_MESSAGE";

fn log(world: &World) -> LogId {
    *world.broker.partitions.keys().max().unwrap()
}

/// Forty records, two a batch, in segments of some batches.
fn filled() -> World {
    let mut world = World::over(Disk::default(), NO_TAIL);
    world.create("t", 1, &[("segment.bytes", "480"), ("index.interval.bytes", "200")]);
    for index in 0..20 {
        world.produce("t", 0, batch(&[&format!("value {}", 2 * index), &format!("value {}", 2 * index + 1)]));
    }
    world
}

/// Where the batches of a segment lie, and their offsets.
fn batches(bytes: &[u8]) -> Vec<(Range<usize>, Range<Offset>)> {
    let mut start = 0;
    let places = Batches::new(bytes).map(|batch| {
        let batch = batch.unwrap();
        let place = (start..start + batch.size(), batch.base_offset()..batch.next_offset());
        start += batch.size();
        place
    });
    places.collect()
}

/// The bytes of a batch by which damage shows: the leader epoch is checked by nothing.
fn checked_bytes(place: Range<usize>) -> impl Iterator<Item = usize> {
    let epoch = place.start + 12..place.start + 16;
    place.filter(move |byte| !epoch.contains(byte))
}

/// All records that a consumer gets which asks for one offset after the other. It must not get stuck.
fn read_all(world: &mut World) -> BTreeMap<Offset, String> {
    let end = world.list_offset("t", 0, -1).1;
    let mut next = world.list_offset("t", 0, -2).1;
    let mut all = BTreeMap::new();
    for _ in 0..200 {
        if next >= end {
            return all;
        }
        let values = world.values("t", 0, next);
        let Some((last, _)) = values.last() else { return all };
        next = last + 1;
        all.extend(values);
    }
    panic!("a consumer gets nowhere");
}

fn expect_all_but(world: &mut World, lost: &Range<Offset>, what: &str) {
    let all = read_all(world);
    for offset in (0..40).filter(|offset| !lost.contains(offset)) {
        assert_eq!(all.get(&offset), Some(&format!("value {offset}")), "{what}: offset {offset}");
    }
    assert!(all.keys().all(|offset| !lost.contains(offset) || *offset >= 40), "{what}: {all:?}");
}

fn count_of(world: &World, error: &str) -> u64 {
    world.errors().iter().find(|(name, _)| name == error).map_or(0, |(_, count)| *count)
}

/// A log that was damaged is opened: all but some offsets are there, what is appended stays, and a start later the same.
fn check_after_restarts(disk: Disk, lost: &Range<Offset>, what: &str) {
    let mut world = World::over(disk, NO_TAIL);
    expect_all_but(&mut world, lost, what);
    assert!(count_of(&world, CORRUPT) > 0, "{what}: it is counted");
    let events: Vec<_> = std::iter::from_fn(|| world.broker.poll_event()).collect();
    let told = events.iter().find(|event| event.warning && event.message.contains("t-0 was damaged"));
    assert!(told.is_some(), "{what}: {events:?}");
    let (error, offset) = world.produce("t", 0, batch(&["next"]));
    assert_eq!(error, 0);
    assert!(offset == 40 || offset == lost.start, "{what}");
    for _ in 0..2 {
        let all = read_all(&mut world);
        assert_eq!(all.get(&offset).map(String::as_str), Some("next"), "{what}");
        // Where a damaged end was cut off, others take the offsets.
        let mut outside = (0..40).filter(|offset| !lost.contains(offset));
        assert!(
            outside.all(|offset| all.get(&offset) == Some(&format!("value {offset}"))),
            "{what}: {all:?}"
        );
        world = World::over(world.disk, NO_TAIL);
    }
}

#[test]
fn whatever_bit_flips_only_its_batch_is_lost() {
    let world = filled();
    let log = log(&world);
    let segments: Vec<_> = world.disk.segments.keys().filter(|(of, _)| *of == log).copied().collect();
    assert!(segments.len() > 3);
    for (number, segment) in segments.iter().enumerate() {
        // The first is taken by its index, the last is read, one in between is read if its index is gone.
        if !matches!(number, 0 | 2) && number + 1 < segments.len() {
            continue;
        }
        for (place, offsets) in batches(&world.disk.segments[segment]) {
            for byte in checked_bytes(place) {
                let mut disk = world.disk.clone();
                disk.segments.get_mut(segment).unwrap()[byte] ^= 0x10;
                if number == 2 {
                    disk.snapshots.retain(|(_, kind, _), _| *kind != SnapshotKind::SegmentIndex);
                }
                check_after_restarts(disk, &offsets, &format!("byte {byte} of {segment:?}"));
            }
        }
    }
}

#[test]
fn damage_is_found_while_the_broker_runs() {
    let mut world = filled();
    let log = log(&world);
    let pristine = world.disk.clone();
    let segments: Vec<_> = world.disk.segments.keys().filter(|(of, _)| *of == log).copied().collect();
    let mut told = count_of(&world, CORRUPT);
    for segment in segments {
        for (place, offsets) in batches(&pristine.segments[&segment]) {
            for byte in checked_bytes(place).step_by(3) {
                world.disk = pristine.clone();
                world.disk.segments.get_mut(&segment).unwrap()[byte] ^= 0x08;
                expect_all_but(&mut world, &offsets, &format!("byte {byte} of {segment:?}"));
            }
            told += 1;
            assert_eq!(count_of(&world, CORRUPT), told, "each place is told of once");
        }
    }
    world.disk = pristine;
    expect_all_but(&mut world, &(0..0), "all is there again");
}

/// Rows that a database has lost are zeros.
#[test]
fn bytes_that_are_gone_take_only_the_batches_along_that_they_were_of() {
    let world = filled();
    let log = log(&world);
    let segments: Vec<_> = world.disk.segments.keys().filter(|(of, _)| *of == log).copied().collect();
    for (number, segment) in segments.iter().enumerate() {
        let places = batches(&world.disk.segments[segment]);
        for (from, to) in (0..places.len()).flat_map(|from| (from..places.len()).map(move |to| (from, to))) {
            if number + 1 == segments.len() && to + 1 == places.len() {
                // That is how a torn write ends.
                continue;
            }
            let offsets = places[from].1.start..places[to].1.end;
            for (cut_before, cut_behind) in [(0, 0), (30, 0), (0, 30), (30, 30)] {
                let bytes = places[from].0.start + cut_before..places[to].0.end - cut_behind;
                let mut disk = world.disk.clone();
                disk.snapshots.retain(|(_, kind, _), _| *kind != SnapshotKind::SegmentIndex);
                disk.segments.get_mut(segment).unwrap()[bytes.clone()].fill(0);
                check_after_restarts(disk, &offsets, &format!("{bytes:?} of {segment:?}"));
            }
        }
    }
}

#[test]
fn the_missing_end_of_a_segment_is_told_of() {
    let mut world = filled();
    let log = log(&world);
    let segment = world.disk.segments.keys().filter(|(of, _)| *of == log).nth(1).copied().unwrap();
    let places = batches(&world.disk.segments[&segment]);
    let (place, offsets) = places.last().unwrap().clone();
    world.disk.segments.get_mut(&segment).unwrap().truncate(place.start);
    check_after_restarts(world.disk, &offsets, "the end of a segment");
}

#[test]
fn long_damage_is_passed_over() {
    let mut world = World::over(Disk::default(), NO_TAIL);
    world.create("t", 1, &[("index.interval.bytes", "0")]);
    let large = "x".repeat(300_000);
    for _ in 0..20 {
        world.produce("t", 0, batch(&[&large]));
    }
    let segment = *world.disk.segments.keys().max().unwrap();
    let places = batches(&world.disk.segments[&segment]);
    let damaged = places[3].0.start + 100..places[14].0.end - 100;
    world.disk.segments.get_mut(&segment).unwrap()[damaged].fill(7);
    for _ in 0..2 {
        let offsets: Vec<Offset> = read_all(&mut world).into_keys().collect();
        assert_eq!(offsets, [0, 1, 2, 15, 16, 17, 18, 19]);
        world = World::over(world.disk, NO_TAIL);
    }
    assert_eq!(world.produce("t", 0, batch(&["v"])), (0, 20));
}

/// A record may hold what looks like a batch: it is not taken for one.
#[test]
fn a_batch_inside_a_record_is_not_taken_for_one() {
    let mut world = World::over(Disk::default(), NO_TAIL);
    world.create("t", 1, &[]);
    let mut inner = batch(&["wrong"]).to_vec();
    set_base_offset_and_leader_epoch(&mut inner, 1, 0).unwrap();
    let mut outer = RecordBatchBuilder::new(Compression::None);
    outer.append(1, None, Some(&inner), &[]).unwrap();
    world.produce("t", 0, batch(&["before"]));
    world.produce("t", 0, outer.build());
    world.produce("t", 0, batch(&["behind"]));
    let segment = *world.disk.segments.keys().max().unwrap();
    let place = batches(&world.disk.segments[&segment])[1].0.clone();
    world.disk.segments.get_mut(&segment).unwrap()[place.start + 30] ^= 1;
    for _ in 0..2 {
        let all: Vec<_> = read_all(&mut world).into_iter().collect();
        assert_eq!(all, [(0, "before".to_owned()), (2, "behind".to_owned())]);
        world = World::over(world.disk, NO_TAIL);
    }
}

#[test]
fn a_reader_at_a_damaged_end_waits_for_what_comes() {
    let mut world = filled();
    let segment = *world.disk.segments.keys().max().unwrap();
    let place = batches(&world.disk.segments[&segment]).last().unwrap().0.clone();
    world.disk.segments.get_mut(&segment).unwrap()[place.start + 70] ^= 1;
    let id = world.send(CLIENT, ApiKey::Fetch, 11, &fetch_request("t", 0, 38, 1_000, 500));
    let asked = world.asked.len();
    world.advance(100);
    assert!(world.answers.is_empty() && world.asked.len() == asked, "it waits, and asks for nothing");
    world.produce_on_other("t", 0, batch(&["new"]));
    let response: kafka_protocol::messages::FetchResponse = world.answer(ApiKey::Fetch, 11, id);
    let records = response.responses[0].partitions[0].records.clone().unwrap();
    assert_eq!(values_of(&records), [(40, "new".to_owned())]);

    let segment = *world.disk.segments.keys().max().unwrap();
    world.disk.segments.get_mut(&segment).unwrap()[70] ^= 1;
    let id = world.send(CLIENT, ApiKey::Fetch, 11, &fetch_request("t", 0, 40, 1_000, 500));
    world.advance(500);
    let response: kafka_protocol::messages::FetchResponse = world.answer(ApiKey::Fetch, 11, id);
    let answer = &response.responses[0].partitions[0];
    assert_eq!((answer.error_code, answer.high_watermark), (0, 41));
}

#[test]
fn a_search_by_time_goes_past_damage() {
    let mut world = World::over(Disk::default(), NO_TAIL);
    world.create("t", 1, &[]);
    for timestamp in [1_000, 2_000, 3_000] {
        world.produce("t", 0, batch_at(timestamp, &["v"]));
    }
    let segment = *world.disk.segments.keys().max().unwrap();
    world.disk.segments.get_mut(&segment).unwrap()[100] ^= 1;
    assert_eq!(world.list_offset("t", 0, 1_500), (0, 2, 3_000));
    assert_eq!(world.restarted(NO_TAIL).list_offset("t", 0, 1_500), (0, 2, 3_000));
}

fn batch_of(producer: i64, sequence: i32) -> Bytes {
    let mut builder = RecordBatchBuilder::new(Compression::None);
    builder.set_producer(producer, 0, sequence);
    builder.append(1_000, None, Some(b"v"), &[]).unwrap();
    builder.build()
}

#[test]
fn producers_are_known_as_far_as_their_batches_are() {
    let mut world = World::over(Disk::default(), NO_TAIL);
    world.create("t", 1, &[]);
    // Two producers take turns; the batches of offsets 2 and 3 are lost, the second of each.
    for (producer, sequence) in [(5, 0), (6, 0), (5, 1), (6, 1), (5, 2)] {
        world.produce("t", 0, batch_of(producer, sequence));
    }
    let segment = *world.disk.segments.keys().max().unwrap();
    let places = batches(&world.disk.segments[&segment]);
    for damaged in &places[2..4] {
        world.disk.segments.get_mut(&segment).unwrap()[damaged.0.start + 65] ^= 1;
    }
    let mut world = world.restarted(NO_TAIL);
    assert_eq!(world.produce("t", 0, batch_of(5, 2)), (0, 4), "what is there is recognized");
    assert_eq!(world.produce("t", 0, batch_of(5, 3)), (0, 5));
    assert_eq!(world.produce("t", 0, batch_of(6, 0)), (0, 1));
    let (error, _) = world.produce("t", 0, batch_of(6, 2));
    assert_eq!(error, ResponseError::OutOfOrderSequenceNumber.code(), "what came before it is not there");
    assert_eq!(world.produce("t", 0, batch_of(6, 1)), (0, 6), "what is lost may be sent again");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A log that is truncated at the end of any batch is as if what came behind had never been appended.
    #[test]
    fn truncating_equals_never_having_appended(
        appends in prop::collection::vec((0_i64..3, 1_usize..60), 1..40),
        cut in 0_usize..40,
    ) {
        let cut = cut.min(appends.len());
        let mut worlds = [World::new(), World::new()];
        for world in &mut worlds {
            world.create("t", 1, &[("segment.bytes", "400")]);
        }
        let mut sequences = [[0; 3]; 2];
        let mut end_of_kept = None;
        for (number, (producer, length)) in appends.iter().enumerate() {
            let [whole, kept] = &mut worlds;
            for (which, world) in [whole, kept].into_iter().enumerate() {
                if which == 1 && number >= cut {
                    continue;
                }
                let sequence = &mut sequences[which][usize::try_from(*producer).unwrap()];
                let mut builder = RecordBatchBuilder::new(Compression::None);
                builder.set_producer(*producer, 0, *sequence);
                builder.append(1_000, None, Some("v".repeat(*length).as_bytes()), &[]).unwrap();
                prop_assert_eq!(world.produce("t", 0, builder.build()).0, 0);
                *sequence += 1;
            }
            if number + 1 == cut {
                end_of_kept = worlds[1].disk.segments.iter().next_back().map(|((_, base), bytes)| (*base, bytes.len() as u64));
            }
        }
        let [mut whole, mut kept] = worlds;
        let (segment, position) = if cut == 0 { (0, 0) } else { end_of_kept.unwrap() };
        let offset = i64::try_from(cut).unwrap();
        let truncate = StorageOp::Truncate { log: log(&whole), offset, segment, position };
        whole.disk.execute(&truncate).unwrap();
        whole = whole.restarted(&[]);
        kept = kept.restarted(&[]);
        let partition = |world: &World| {
            let log = &world.broker.partitions.get(&log(world)).unwrap().log;
            let state = (log.log_start_offset(), log.log_end_offset(), log.next_offset());
            (state, log.size_bytes(), log.segment_count(), log.producers().clone())
        };
        prop_assert_eq!(partition(&whole), partition(&kept));
        for producer in 0..3 {
            let next = sequences[1][usize::try_from(producer).unwrap()];
            for world in [&mut whole, &mut kept] {
                prop_assert_eq!(world.produce("t", 0, batch_of(producer, next)).0, 0);
            }
        }
        prop_assert_eq!(whole.all_values("t", 0), kept.all_values("t", 0));
    }
}

#[test]
fn a_produce_while_damage_is_read_is_not_touched() {
    let mut world = filled();
    let segment = *world.disk.segments.keys().max().unwrap();
    world.disk.segments.get_mut(&segment).unwrap()[70] ^= 1;
    world.hold_appends = true;
    let produce = produce_request("t", 0, batch(&["on its way"]), -1);
    world.send(super::world::OTHER, ApiKey::Produce, 9, &produce);
    expect_all_but(&mut world, &(segment.1..segment.1 + 2), "an append is on its way");
    world.release(None);
    world.answers.clear();
    assert_eq!(read_all(&mut world).get(&40).map(String::as_str), Some("on its way"));
}
