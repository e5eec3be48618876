use super::metadata_record::MetadataRecordError;
use super::*;

fn all_kinds() -> Vec<MetadataRecord> {
    let id = Uuid::from_u128(7);
    vec![
        MetadataRecord::Topic { name: "vehicles".to_owned(), id },
        MetadataRecord::Partition { partition: 0, topic_id: id, leader: 0, leader_epoch: 0 },
        MetadataRecord::Partition { partition: 1, topic_id: id, leader: 1, leader_epoch: 3 },
        MetadataRecord::Config {
            topic: "vehicles".to_owned(),
            key: "segment.bytes".to_owned(),
            value: Some("x".repeat(300)),
        },
        MetadataRecord::Config {
            topic: "vehicles".to_owned(),
            key: "flush.messages".to_owned(),
            value: None,
        },
        MetadataRecord::BrokerConfig {
            broker: Some(2),
            key: "log.segment.bytes".to_owned(),
            value: Some("1000".to_owned()),
        },
        MetadataRecord::BrokerConfig { broker: None, key: "log.segment.bytes".to_owned(), value: None },
        MetadataRecord::ProducerIds { broker: 0, broker_epoch: 12, next_producer_id: 3_000 },
        MetadataRecord::Broker(Registration {
            node_id: 3,
            incarnation_id: Uuid::from_u128(99),
            epoch: 12,
            host: "broker-3".to_owned(),
            port: 9092,
        }),
        MetadataRecord::RemoveTopic { id },
    ]
}

#[test]
fn records_come_back_as_they_were() {
    for record in all_kinds() {
        assert_eq!(MetadataRecord::decode(&record.encode()), Ok(record));
    }
}

#[test]
fn a_record_that_is_cut_off_is_an_error() {
    for record in all_kinds() {
        let bytes = record.encode();
        for length in 0..bytes.len() - 1 {
            assert!(MetadataRecord::decode(&bytes[..length]).is_err(), "{record:?} cut to {length}");
        }
    }
}

#[test]
fn a_record_of_another_kind_is_told_apart() {
    assert_eq!(
        MetadataRecord::decode(&[1, 27, 0, 0]),
        Err(MetadataRecordError::Unknown { kind: 27, version: 0 })
    );
}

#[test]
fn the_records_of_a_topic_make_and_remove_it() {
    let mut topics = Topics::default();
    let mut records = all_kinds();
    let removal = records.pop().unwrap();
    for record in records {
        assert_eq!(topics.apply(record), None);
    }
    let topic = topics.by_name("vehicles").unwrap();
    assert_eq!(topics.by_id(topic.id), Some(topic));
    assert_eq!(topic.assignment(1), Some(Assignment { leader: 1, leader_epoch: 3 }));
    assert_eq!((topic.assignment(2), topic.assignment(-1)), (None, None));
    assert_eq!(topic.configs.iter().count(), 1, "a config without a value is one that is taken back");
    assert_eq!(topics.apply(removal).unwrap().name, "vehicles");
    assert_eq!(topics.iter().count(), 0);
}

#[test]
fn names_are_checked_as_kafka_does() {
    for name in ["a", "Vehicles.per_road-1", "__consumer_offsets", &"x".repeat(249)] {
        assert_eq!(check_name(name), Ok(()), "{name}");
    }
    for name in ["", ".", "..", "a b", "straße", "a/b", &"x".repeat(250)] {
        assert!(check_name(name).is_err(), "{name}");
    }
}
