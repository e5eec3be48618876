//! `__consumer_offsets` stays short, and nothing that counts is lost by it, wherever it is interrupted.

use kafka_protocol::messages::{ApiKey, OffsetCommitResponse};

use super::group_world::*;
use super::world::{CLIENT, Disk, World, not_applied};
use crate::{LogId, NotAppliedReason, StorageError, StorageOp};

const LIMIT: u64 = 1_000;
const CONFIGS: [(&str, &str); 3] =
    [NO_DELAY, ("offsets.topic.num.partitions", "1"), ("headwater.offsets.max.dirty.bytes", "1000")];

fn small_world() -> World {
    let mut world = World::over(Disk::default(), &CONFIGS);
    world.create("t", 2, &[]);
    find_coordinator(&mut world, "g");
    world
}

fn stored_bytes(world: &World, log: LogId) -> u64 {
    let segments = world.disk.segments.iter().filter(|((other, _), _)| *other == log);
    segments.map(|(_, bytes)| bytes.len() as u64).sum()
}

fn started_commit(world: &mut World, partition: i32, offset: i64) -> i32 {
    let request = commit_request("g", "", -1, &[("t", partition, offset)]);
    world.send(CLIENT, ApiKey::OffsetCommit, 7, &request)
}

fn ended_commit(world: &mut World, correlation_id: i32) -> i16 {
    let response: OffsetCommitResponse = world.answer(ApiKey::OffsetCommit, 7, correlation_id);
    committed(&response)[0]
}

#[test]
fn the_log_stays_short_and_keeps_what_counts() {
    let mut world = small_world();
    let member_id = single_member(&mut world, "members");
    commit(&mut world, "rare", &[("t", 1, 77)]);
    let log = last_appended(&world);
    let mut longest = 0;
    for offset in 0..500 {
        assert_eq!(commit(&mut world, "g", &[("t", 0, offset)]), [0]);
        longest = longest.max(stored_bytes(&world, log));
    }
    // What counts is some 400 bytes; the limit is what may come on top, and while they are copied both are there.
    assert!(longest < 3 * LIMIT, "{longest} bytes");
    assert_eq!(heartbeat(&mut world, "members", &member_id, 1), 0);
    let starts = world.asked.iter().filter(|op| matches!(op, StorageOp::DeleteSegments { .. }));
    assert!(starts.count() > 20);
    let mut world = world.restarted(&CONFIGS);
    assert_eq!(fetch_offset(&mut world, "rare", "t", 1), 77);
    assert_eq!(fetch_offset(&mut world, "g", "t", 0), 499);
    let correlation_id = join(&mut world, CLIENT, "members", "");
    assert_eq!(joined(&mut world, correlation_id).generation_id, 2, "the generation was kept too");
}

#[test]
fn what_was_deleted_stays_so() {
    let mut world = small_world();
    commit(&mut world, "gone", &[("t", 0, 5)]);
    let request =
        kafka_protocol::messages::DeleteGroupsRequest::default().with_groups_names(vec![group("gone")]);
    let _: kafka_protocol::messages::DeleteGroupsResponse = world.ask(ApiKey::DeleteGroups, 2, &request);
    for offset in 0..100 {
        commit(&mut world, "g", &[("t", 0, offset)]);
    }
    let mut world = world.restarted(&CONFIGS);
    assert_eq!(states(&world), [("g".to_owned(), "Empty")]);
    assert_eq!(fetch_offset(&mut world, "gone", "t", 0), -1);
}

#[test]
fn wherever_it_ends_the_last_commit_is_there() {
    let mut world = small_world();
    commit(&mut world, "rare", &[("t", 1, 77)]);
    let log = last_appended(&world);
    let begin = world.asked.len();
    let mut disk = world.disk.clone();
    // How much had been asked of storage when a commit came.
    let mut commits = Vec::new();
    for offset in 0..60 {
        commits.push((world.asked.len(), offset));
        commit(&mut world, "g", &[("t", 0, offset)]);
    }
    for (index, op) in world.asked.iter().enumerate().skip(begin) {
        disk.execute(op).unwrap();
        if op.log() != log {
            continue;
        }
        // The commit's own append is the first that was asked for after it came.
        let expected = commits.iter().rev().find(|(asked, _)| *asked <= index).unwrap().1;
        let mut world = World::over(disk.clone(), &CONFIGS);
        assert_eq!(fetch_offset(&mut world, "g", "t", 0), expected, "after operation {index}: {op:?}");
        assert_eq!(fetch_offset(&mut world, "rare", "t", 1), 77);
    }
}

#[test]
fn a_commit_on_its_way_is_not_undone_by_an_older_copy() {
    let mut world = small_world();
    let mut offset = 0;
    let moved = |world: &World| {
        world.asked.iter().filter(|op| matches!(op, StorageOp::DeleteSegments { .. })).count()
    };
    for round in 1..20 {
        world.hold_appends = true;
        // Always three under way, so that copies are made between them.
        let mut waiting = std::collections::VecDeque::new();
        // Rounds of all lengths, so that some end with a copy behind the last commit.
        for _ in 0..20 + round {
            offset += 1;
            waiting.push_back(started_commit(&mut world, 0, offset));
            if waiting.len() > 3 {
                let correlation_id = waiting.pop_front().unwrap();
                while world.answers.is_empty() {
                    world.release(None);
                }
                assert_eq!(ended_commit(&mut world, correlation_id), 0);
            }
        }
        while !world.held.is_empty() {
            world.release(None);
        }
        while let Some(correlation_id) = waiting.pop_front() {
            assert_eq!(ended_commit(&mut world, correlation_id), 0);
        }
        world.hold_appends = false;
        assert_eq!(fetch_offset(&mut world, "g", "t", 0), offset);
        assert!(moved(&world) > 0, "round {round}");
        world = world.restarted(&CONFIGS);
        assert_eq!(fetch_offset(&mut world, "g", "t", 0), offset);
    }
}

#[test]
fn copies_that_are_refused_or_in_doubt_change_nothing() {
    for in_doubt in [false, true] {
        let mut world = small_world();
        let mut offset = 0;
        world.hold_appends = true;
        let is_copy =
            |op: &StorageOp| matches!(op, StorageOp::Append { segment, position: 0, .. } if *segment > 0);
        let mut refusals = 0;
        while refusals < 3 {
            offset += 1;
            let correlation_id = started_commit(&mut world, 0, offset);
            world.release(None);
            assert_eq!(ended_commit(&mut world, correlation_id), 0);
            if world.held.front().is_some_and(|(_, op)| is_copy(op)) {
                refusals += 1;
                let error = match in_doubt {
                    true => StorageError::Unknown { message: "no answer".to_owned() },
                    false => not_applied(NotAppliedReason::Full),
                };
                world.release(Some(error));
            }
            assert!(offset < 1_000);
            assert_eq!(fetch_offset(&mut world, "g", "t", 0), offset);
        }
        assert!(!world.asked.iter().any(|op| matches!(op, StorageOp::DeleteSegments { .. })));
        world.hold_appends = false;
        for _ in 0..20 {
            offset += 1;
            assert_eq!(commit(&mut world, "g", &[("t", 0, offset)]), [0]);
        }
        assert!(world.asked.iter().any(|op| matches!(op, StorageOp::DeleteSegments { .. })));
        let mut world = world.restarted(&CONFIGS);
        assert_eq!(fetch_offset(&mut world, "g", "t", 0), offset);
    }
}

#[test]
fn a_log_with_records_of_a_newer_version_is_left_as_it_is() {
    let mut world = small_world();
    commit(&mut world, "g", &[("t", 0, 1)]);
    let log = last_appended(&world);
    // The key's version becomes 9, and the checksum is made anew.
    let bytes = world.disk.segments.get_mut(&(log, 0)).unwrap();
    let key = bytes.windows(4).position(|window| window == b"\0\x01\0\x01").unwrap();
    bytes[key + 1] = 9;
    let crc = crate::record::crc32c(&bytes[21..]).to_be_bytes();
    bytes[17..21].copy_from_slice(&crc);
    let mut world = world.restarted(&CONFIGS);
    for offset in 0..100 {
        commit(&mut world, "g", &[("t", 1, offset)]);
    }
    assert!(!world.asked.iter().any(|op| matches!(op, StorageOp::DeleteSegments { .. })));
    let warned =
        std::iter::from_fn(|| world.broker.poll_event()).any(|event| event.message.contains("version 9"));
    assert!(warned);
}
