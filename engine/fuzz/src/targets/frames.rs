use bytes::Bytes;
use headwater_engine::ConnectionId;
use kafka_protocol::messages::ApiKey;

use crate::requests::{self, TOPIC};
use crate::world::World;

/// The input is a frame.
pub(super) fn run(bytes: &[u8]) {
    let mut world = World::new();
    let create = requests::frame(ApiKey::CreateTopics, 7, 1, &requests::create_topics(TOPIC, 2));
    world.request(ConnectionId(0), create.expect("it can be encoded"));
    world.settle();
    assert_eq!(world.answers.len(), 1, "the topic is made");
    world.answers.clear();
    world.request(ConnectionId(1), Bytes::copy_from_slice(bytes));
    world.finish();
    assert!(world.answers.len() + world.closed.len() <= 1, "one frame, one answer");
    assert_eq!(world.broker.failure(), None);
    world.check_recovery();
}
