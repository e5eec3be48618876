use kafka_protocol::ResponseError;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{ApiKey, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};
use kafka_protocol::protocol::StrBytes;

use super::world::{World, batch_at, not_applied};
use crate::{NotAppliedReason, Offset, StorageOp};

const CHECK_MS: u64 = 300_000;
const HOUR_MS: i64 = 3_600_000;

/// A topic with ten records a segment, of which each is an hour younger than the one before; the last is of now.
fn filled(records: i64, configs: &[(&str, &str)]) -> World {
    let mut world = World::new();
    let configs = [&[("segment.bytes", "750"), ("segment.ms", "999999999999")], configs].concat();
    world.create("t", 1, &configs);
    for index in 0..records {
        let timestamp = world.now.wall_ms - (records - 1 - index) * HOUR_MS;
        assert_eq!(world.produce("t", 0, batch_at(timestamp, &["value"])), (0, index));
    }
    world
}

/// Log start and log end.
fn range(world: &mut World) -> (Offset, Offset) {
    (world.list_offset("t", 0, -2).1, world.list_offset("t", 0, -1).1)
}

fn stored(world: &World) -> Vec<Offset> {
    let log = *world.broker.partitions.keys().max().unwrap();
    world.disk.segments.keys().filter(|(of, _)| *of == log).map(|(_, base)| *base).collect()
}

#[test]
fn segments_go_when_their_latest_record_is_too_old() {
    // The first segment's latest record is 20 h old, that of the second 10 h.
    let mut world = filled(30, &[("retention.ms", &(15 * HOUR_MS).to_string())]);
    assert_eq!(stored(&world), [0, 10, 20]);
    world.advance(1_000);
    assert_eq!(range(&mut world), (0, 30), "not before it is looked at");
    world.advance(29_000);
    assert_eq!(range(&mut world), (10, 30));
    assert_eq!(stored(&world), [10, 20]);
    let hours = u64::try_from(6 * HOUR_MS).unwrap();
    world.advance(hours);
    assert_eq!(range(&mut world), (20, 30));
    let mut world = world.restarted(&[]);
    assert_eq!(range(&mut world), (20, 30));
    assert_eq!(world.values("t", 0, 20).len(), 10);
}

#[test]
fn an_expired_segment_goes_also_if_it_is_the_one_being_written() {
    let mut world = filled(5, &[("retention.ms", "1000")]);
    world.advance(CHECK_MS);
    assert_eq!(range(&mut world), (5, 5));
    assert!(stored(&world).is_empty());
    let now = world.now.wall_ms;
    assert_eq!(world.produce("t", 0, batch_at(now, &["new"])), (0, 5));
    let mut world = world.restarted(&[]);
    assert_eq!(world.values("t", 0, 5), [(5, "new".to_owned())]);
}

#[test]
fn the_oldest_segments_go_as_long_as_enough_is_left() {
    for (limit, start) in [(1_461, 0), (1_460, 10), (730, 20), (731, 10), (0, 30)] {
        let mut world = filled(30, &[("retention.bytes", &limit.to_string()), ("retention.ms", "-1")]);
        let size = world.broker.topics().next().unwrap().partitions[0].size_bytes;
        assert_eq!(size, 3 * 730);
        world.advance(CHECK_MS);
        assert_eq!(range(&mut world), (start, 30), "{limit}");
    }
}

#[test]
fn without_limits_all_stays_and_an_unknown_time_is_no_age() {
    let mut world = filled(30, &[("retention.ms", "-1")]);
    world.advance(u64::MAX / 4);
    assert_eq!(range(&mut world), (0, 30));
    let mut world = filled(0, &[("retention.ms", "1")]);
    assert_eq!(world.produce("t", 0, batch_at(-1, &["of no time"])), (0, 0));
    world.advance(CHECK_MS);
    assert_eq!(range(&mut world), (0, 1));
}

#[test]
fn what_is_on_its_way_is_not_dropped() {
    let mut world = filled(5, &[("retention.ms", "1000")]);
    world.hold_appends = true;
    let old = super::world::produce_request("t", 0, batch_at(5, &["old"]), -1);
    let id = world.send(super::world::CLIENT, ApiKey::Produce, 9, &old);
    world.advance(CHECK_MS);
    assert_eq!(stored(&world), [0]);
    world.hold_appends = false;
    world.release(None);
    let response = world.answer(ApiKey::Produce, 9, id);
    assert_eq!(super::world::produced(&response), (0, 5));
    world.advance(CHECK_MS);
    assert_eq!(range(&mut world), (6, 6));
}

#[test]
fn what_is_on_its_way_does_not_count_as_kept() {
    // A segment of 730 bytes less is 1,460 bytes, and with the batch on its way more than the limit.
    let mut world = filled(30, &[("retention.bytes", "1500"), ("retention.ms", "-1")]);
    world.hold_appends = true;
    let new = super::world::produce_request("t", 0, batch_at(5, &["new"]), -1);
    let id = world.send(super::world::CLIENT, ApiKey::Produce, 9, &new);
    world.advance(CHECK_MS);
    assert_eq!(stored(&world), [0, 10, 20], "it may be refused still");
    world.hold_appends = false;
    world.release(None);
    let response = world.answer(ApiKey::Produce, 9, id);
    assert_eq!(super::world::produced(&response), (0, 30));
    world.advance(CHECK_MS);
    assert_eq!(range(&mut world), (10, 31));
}

#[test]
fn without_any_room_retention_goes_on() {
    let mut world = filled(30, &[("retention.ms", &(5 * HOUR_MS).to_string())]);
    world.hold = |op| {
        let marks = matches!(op, StorageOp::DeleteSegments { log_start_offset: Some(_), .. });
        marks || matches!(op, StorageOp::PutSnapshot { .. })
    };
    world.advance(CHECK_MS);
    assert!(world.held.is_empty(), "nothing that needs room was asked for");
    assert_eq!(range(&mut world), (20, 30));
    // All has expired now, and the last segment needs a mark.
    world.advance(u64::try_from(30 * HOUR_MS).unwrap());
    while !world.held.is_empty() {
        world.release(Some(not_applied(NotAppliedReason::Full)));
    }
    assert_eq!(range(&mut world), (20, 30));
    world.hold = |_| false;
    world.advance(CHECK_MS);
    assert_eq!(range(&mut world), (30, 30), "it is tried again");
}

#[test]
fn a_jump_is_one_look_and_the_brokers_own_logs_are_left_alone() {
    let mut world = World::new();
    world.create("t", 1, &[]);
    let appended = world.asked.len();
    world.advance(400 * 24 * 3_600_000);
    world.advance(1);
    assert_eq!(world.asked.len(), appended);
    let due = world.broker.poll_timeout().unwrap();
    assert!(due > world.now.monotonic_ms && due <= world.now.monotonic_ms + CHECK_MS);
}

pub(super) fn alter(changes: &[(&str, i8, Option<&str>)]) -> IncrementalAlterConfigsRequest {
    alter_of("t", changes)
}

pub(super) fn alter_of(topic: &str, changes: &[(&str, i8, Option<&str>)]) -> IncrementalAlterConfigsRequest {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let configs = changes.iter().map(|(key, operation, value)| {
        AlterableConfig::default()
            .with_name(text(key))
            .with_config_operation(*operation)
            .with_value(value.map(text))
    });
    let resource = AlterConfigsResource::default().with_resource_type(2).with_resource_name(text(topic));
    IncrementalAlterConfigsRequest::default().with_resources(vec![resource.with_configs(configs.collect())])
}

pub(super) fn altered(world: &mut World, request: &IncrementalAlterConfigsRequest) -> (i16, String) {
    let response: IncrementalAlterConfigsResponse = world.ask(ApiKey::IncrementalAlterConfigs, 1, request);
    let answer = &response.responses[0];
    (answer.error_code, answer.error_message.as_ref().map_or(String::new(), ToString::to_string))
}

fn configs(world: &World) -> Vec<(String, String)> {
    let topic = world.broker.topics().next().unwrap();
    topic.configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_retention_of_a_topic_that_exists_is_changed_and_taken_back() {
    let mut world = filled(30, &[("retention.ms", "-1")]);
    let set = alter(&[("retention.bytes", 0, Some("1000")), ("segment.bytes", 0, Some(" 1000 "))]);
    assert_eq!(altered(&mut world, &set), (0, String::new()));
    world.advance(CHECK_MS);
    assert_eq!(range(&mut world), (10, 30));
    assert_eq!(altered(&mut world, &alter(&[("retention.ms", 1, None)])), (0, String::new()));
    let mut world = world.restarted(&[]);
    let key = |(key, _): (String, String)| key;
    let set: Vec<String> = configs(&world).into_iter().map(key).collect();
    assert_eq!(set, ["retention.bytes", "segment.bytes", "segment.ms"]);
    assert!(configs(&world).contains(&("segment.bytes".to_owned(), "1000".to_owned())));
    world.advance(8 * 24 * 3_600_000);
    assert_eq!(range(&mut world), (30, 30), "the default of a week is back");
}

#[test]
fn what_cannot_be_changed_is_refused_and_nothing_of_it_changes() {
    let mut world = filled(1, &[]);
    let before = configs(&world);
    let good = ("retention.ms", 0, Some("5"));
    let mut twice = alter(&[good]);
    twice.resources.push(twice.resources[0].clone());
    let mut of_broker = alter(&[good]);
    of_broker.resources[0].resource_type = 4;
    let mut of_none = alter(&[good]);
    of_none.resources[0].resource_name = StrBytes::from_static_str("none");
    let invalid = ResponseError::InvalidConfig;
    let cases = [
        (alter(&[good, ("colour", 0, Some("red"))]), invalid, "Unknown config colour"),
        (alter(&[good, ("colour", 1, None)]), invalid, "Unknown config colour"),
        (alter(&[good, ("retention.bytes", 0, Some("-2"))]), invalid, "from -1"),
        (alter(&[good, ("retention.bytes", 0, None)]), invalid, "no value"),
        (alter(&[good, ("retention.bytes", 2, Some("5"))]), invalid, "no list"),
        (alter(&[good, ("cleanup.policy", 0, Some("compress"))]), invalid, "delete,compact"),
        (alter(&[good, good]), ResponseError::InvalidRequest, "twice"),
        (of_broker, ResponseError::InvalidRequest, "There is no broker"),
        (of_none, ResponseError::UnknownTopicOrPartition, "no such topic"),
    ];
    for (request, error, words) in cases {
        let (code, message) = altered(&mut world, &request);
        assert_eq!(code, error.code(), "{request:?}");
        assert!(message.contains(words), "{message}");
        assert_eq!(configs(&world), before, "{request:?}");
    }
    let response: IncrementalAlterConfigsResponse = world.ask(ApiKey::IncrementalAlterConfigs, 1, &twice);
    let codes: Vec<i16> = response.responses.iter().map(|answer| answer.error_code).collect();
    assert_eq!(codes, [0, ResponseError::InvalidRequest.code()]);
    let checked = alter(&[("retention.ms", 0, Some("77"))]).with_validate_only(true);
    assert_eq!(altered(&mut world, &checked), (0, String::new()));
    assert!(!configs(&world).contains(&("retention.ms".to_owned(), "77".to_owned())));
}
