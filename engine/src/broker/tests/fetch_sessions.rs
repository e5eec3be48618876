//! Fetch sessions: what is remembered of a consumer, and until when (KIP-227).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::{ApiKey, FetchRequest, FetchResponse};

use super::world::{Disk, World, batch, fetch_request, name, values_of};

const VERSION: i16 = 12;

/// A request in a session for partitions of `t`, each from an offset on.
fn request(session: i32, epoch: i32, partitions: &[(i32, i64)]) -> FetchRequest {
    let wanted = partitions.iter().map(|(partition, offset)| {
        FetchPartition::default()
            .with_partition(*partition)
            .with_current_leader_epoch(-1)
            .with_fetch_offset(*offset)
            .with_partition_max_bytes(1_000)
    });
    let topic = FetchTopic::default().with_topic(name("t")).with_partitions(wanted.collect());
    fetch_request("t", 0, 0, 0, 0)
        .with_session_id(session)
        .with_session_epoch(epoch)
        .with_topics(if partitions.is_empty() { vec![] } else { vec![topic] })
}

fn forgetting(mut request: FetchRequest, partitions: &[i32]) -> FetchRequest {
    let forgotten = ForgottenTopic::default().with_topic(name("t")).with_partitions(partitions.to_vec());
    request.forgotten_topics_data = vec![forgotten];
    request
}

/// An answer's error, its session, and the partitions that are in it with their values.
type Told = (i16, i32, Vec<(i32, Vec<String>)>);

fn told(response: FetchResponse) -> Told {
    let partitions = response.responses.into_iter().flat_map(|topic| topic.partitions);
    let told = partitions.map(|partition| {
        let values = values_of(&partition.records.unwrap_or_default());
        (partition.partition_index, values.into_iter().map(|(_, value)| value).collect())
    });
    (response.error_code, response.session_id, told.collect())
}

fn ask(world: &mut World, request: &FetchRequest) -> Told {
    told(world.ask(ApiKey::Fetch, VERSION, request))
}

/// A world with three partitions, the middle one of which has a record; and a session that has read it.
fn with_session(configs: &[(&str, &str)]) -> (World, i32) {
    let mut world = World::over(Disk::default(), configs);
    world.create("t", 3, &[]);
    world.produce("t", 1, batch(&["first"]));
    let (error, session, partitions) = ask(&mut world, &request(0, 0, &[(0, 0), (1, 0), (2, 0)]));
    assert_eq!(error, 0);
    let expected = [(0, vec![]), (1, vec!["first".to_owned()]), (2, vec![])];
    assert_eq!(partitions, expected, "the first answer has all partitions");
    (world, session)
}

#[test]
fn only_what_has_changed_is_asked_and_answered() {
    let (mut world, session) = with_session(&[]);
    assert!(session > 0);
    assert_eq!(ask(&mut world, &request(session, 1, &[(1, 1)])), (0, session, vec![]));
    world.produce("t", 2, batch(&["second"]));
    let expected = vec![(2, vec!["second".to_owned()])];
    assert_eq!(ask(&mut world, &request(session, 2, &[])), (0, session, expected.clone()));
    assert_eq!(ask(&mut world, &request(session, 3, &[])), (0, session, expected), "it was not read on");
    assert_eq!(ask(&mut world, &request(session, 4, &[(2, 1)])), (0, session, vec![]));
    world.produce("t", 0, batch(&["third"]));
    world.produce("t", 2, batch(&["fourth"]));
    let forgotten = forgetting(request(session, 5, &[]), &[0]);
    assert_eq!(ask(&mut world, &forgotten), (0, session, vec![(2, vec!["fourth".to_owned()])]));
}

#[test]
fn a_partition_with_records_does_not_hold_up_the_others() {
    let (mut world, session) = with_session(&[]);
    world.produce("t", 2, batch(&["of another"]));
    let mut small = request(session, 1, &[]);
    small.max_bytes = 1;
    let first = ask(&mut world, &small).2;
    let mut small = request(session, 2, &[]);
    small.max_bytes = 1;
    let records = |told: &[(i32, Vec<String>)]| -> Vec<i32> {
        told.iter().filter(|(_, values)| !values.is_empty()).map(|(partition, _)| *partition).collect()
    };
    let second = ask(&mut world, &small).2;
    assert_eq!((records(&first), records(&second)), (vec![2], vec![1]));
}

#[test]
fn a_request_that_does_not_go_on_with_its_session_is_told() {
    let (mut world, session) = with_session(&[]);
    let unknown = ResponseError::FetchSessionIdNotFound.code();
    let epoch = ResponseError::InvalidFetchSessionEpoch.code();
    assert_eq!(ask(&mut world, &request(session ^ 1, 1, &[])), (unknown, 0, vec![]));
    assert_eq!(ask(&mut world, &request(session, 7, &[])), (epoch, 0, vec![]));
    let by_id: FetchResponse = world.ask(ApiKey::Fetch, 13, &request(session, 1, &[]));
    assert_eq!(by_id.error_code, ResponseError::FetchSessionTopicIdError.code());
    assert_eq!(ask(&mut world, &request(session, 1, &[])).0, 0, "it is still there");
    assert_eq!(ask(&mut world, &request(session, -1, &[(0, 0)])), (0, 0, vec![(0, vec![])]));
    assert_eq!(ask(&mut world, &request(session, 2, &[])).0, unknown, "the last request has ended it");
}

#[test]
fn an_error_is_told_until_it_is_over() {
    let (mut world, session) = with_session(&[]);
    let beyond: FetchResponse = world.ask(ApiKey::Fetch, VERSION, &request(session, 1, &[(0, 9), (1, 1)]));
    let answers = &beyond.responses[0].partitions;
    let expected = ResponseError::OffsetOutOfRange.code();
    assert_eq!(answers.iter().map(|answer| answer.error_code).collect::<Vec<_>>(), [expected]);
    let healed = ask(&mut world, &request(session, 2, &[(0, 0)]));
    assert_eq!(healed, (0, session, vec![(0, vec![])]), "and then that it is over");
    assert_eq!(ask(&mut world, &request(session, 3, &[])), (0, session, vec![]));
}

#[test]
fn a_session_without_partitions_is_over() {
    let (mut world, session) = with_session(&[]);
    let all = forgetting(request(session, 1, &[]), &[0, 1, 2]);
    assert_eq!(ask(&mut world, &all), (0, 0, vec![]));
    let unknown = ResponseError::FetchSessionIdNotFound.code();
    assert_eq!(ask(&mut world, &request(session, 2, &[])).0, unknown);
}

#[test]
fn a_session_that_is_not_used_makes_room_for_another() {
    let (mut world, first) = with_session(&[("max.incremental.fetch.session.cache.slots", "1")]);
    let begin = request(0, 0, &[(0, 0)]);
    assert_eq!(ask(&mut world, &begin), (0, 0, vec![(0, vec![])]), "there is no room, but an answer");
    world.advance(120_000);
    let (_, second, _) = ask(&mut world, &begin);
    assert!(second > 0 && second != first);
    let unknown = ResponseError::FetchSessionIdNotFound.code();
    assert_eq!(ask(&mut world, &request(first, 1, &[])).0, unknown);
    let (mut world, none) = with_session(&[("max.incremental.fetch.session.cache.slots", "0")]);
    assert_eq!((none, ask(&mut world, &begin).1), (0, 0));
}
