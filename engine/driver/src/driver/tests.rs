use bytes::Bytes;
use headwater_engine::{Broker, BrokerConfig, ConnectionId, Now};

use crate::{Driver, MemoryDisk, MemoryStorage};

const NOW: Now = Now { monotonic_ms: 1_000, wall_ms: 1_700_000_000_000 };

fn driver(disk: &MemoryDisk) -> Driver<MemoryStorage> {
    let config = BrokerConfig::new("test", 0, "localhost", 9092);
    Driver::new(Broker::new(config, 7), MemoryStorage::open(disk))
}

/// `ApiVersions` v0 with this correlation id, written out by hand.
fn api_versions(correlation_id: u8) -> Bytes {
    Bytes::copy_from_slice(&[0, 18, 0, 0, 0, 0, 0, correlation_id, 0, 4, b't', b'e', b's', b't'])
}

#[test]
fn a_broker_recovers_by_pumping() {
    let disk = MemoryDisk::new();
    let mut driver = driver(&disk);
    assert!(!driver.broker().is_ready());
    driver.pump(NOW);
    assert!(driver.broker().is_ready());
}

#[test]
fn requests_that_came_before_the_recovery_are_answered_after_it() {
    let disk = MemoryDisk::new();
    let mut driver = driver(&disk);
    driver.handle_request(NOW, ConnectionId(1), api_versions(9));
    assert_eq!(driver.poll_response(), None);
    driver.pump(NOW);
    let answer = driver.poll_response();
    assert!(
        answer.is_some_and(|(connection, frame)| connection == ConnectionId(1) && frame[..4] == [0, 0, 0, 9])
    );
    assert_eq!(driver.poll_response(), None);
}

#[test]
fn a_connection_with_other_bytes_is_closed() {
    let disk = MemoryDisk::new();
    let mut driver = driver(&disk);
    driver.pump(NOW);
    driver.handle_request(NOW, ConnectionId(1), Bytes::from_static(b"GET / HTTP/1.1"));
    driver.handle_request(NOW, ConnectionId(2), api_versions(3));
    driver.pump(NOW);
    assert_eq!(driver.poll_close(), Some(ConnectionId(1)));
    assert_eq!(driver.poll_close(), None);
    assert_eq!(driver.poll_response().map(|(connection, _)| connection), Some(ConnectionId(2)));
}
