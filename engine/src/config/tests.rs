use super::*;

fn broker() -> BrokerConfig {
    BrokerConfig::new("test", 0, "broker-0", 9092)
}

#[test]
fn every_default_is_a_value_that_its_config_takes() {
    for key in TOPIC_KEYS.iter().chain(BROKER_KEYS) {
        assert_eq!(key.check(key.default), Ok(()), "{}", key.name);
    }
}

#[test]
fn every_synonym_is_a_broker_config_of_the_same_default() {
    for key in TOPIC_KEYS {
        let synonym = broker_key(key.synonym.unwrap()).unwrap();
        assert_eq!((synonym.kind, synonym.default), (key.kind, key.default), "{}", key.name);
    }
}

#[test]
fn a_topic_falls_back_to_the_broker_and_then_to_the_default() {
    let mut broker = broker();
    let mut topic = TopicConfigs::default();
    let key = topic_key("segment.bytes").unwrap();
    assert_eq!(topic.value(key, &broker), ("1073741824", Source::Default));
    broker.set("log.segment.bytes", "1000").unwrap();
    assert_eq!(topic.value(key, &broker), ("1000", Source::Broker));
    topic.set("segment.bytes", " 2000 ").unwrap();
    assert_eq!(topic.value(key, &broker), ("2000", Source::Topic));
    assert_eq!(topic.resolve(&broker).segment_bytes, 2000);
}

#[test]
fn what_would_be_ignored_is_refused() {
    let mut topic = TopicConfigs::default();
    let error = topic.set("cleanup.polciy", "delete").unwrap_err();
    assert_eq!(error.to_string(), "Unknown config cleanup.polciy.");
    let error = topic.set("segment.bytes", "much").unwrap_err();
    assert_eq!(
        error.to_string(),
        "Invalid value much for config segment.bytes: it takes a whole number from 14 to 2147483647."
    );
    assert!(broker().set("segment.bytes", "1000").is_err(), "the broker's key is log.segment.bytes");
}

#[test]
fn what_was_set_for_the_broker_counts_before_what_was_set_for_all_and_before_the_start() {
    let mut broker = broker();
    let key = broker_key("log.segment.bytes").unwrap();
    broker.set(key.name, "1000").unwrap();
    broker.restore(None, key.name.to_owned(), Some("2000".to_owned()));
    assert_eq!(broker.value(key), ("2000", Source::DynamicDefault));
    broker.restore(Some(0), key.name.to_owned(), Some("3000".to_owned()));
    broker.restore(Some(1), key.name.to_owned(), Some("4000".to_owned()));
    assert_eq!(broker.value(key), ("3000", Source::DynamicBroker));
    assert_eq!(TopicConfigs::default().resolve(&broker).segment_bytes, 3000);
    broker.restore(Some(0), key.name.to_owned(), None);
    broker.restore(None, key.name.to_owned(), None);
    assert_eq!(broker.value(key), ("1000", Source::Broker));
}

#[test]
fn retention_can_be_set_in_hours_and_minutes() {
    let mut broker = broker();
    broker.set("log.retention.hours", "2").unwrap();
    broker.set("log.roll.hours", "1").unwrap();
    let config = TopicConfigs::default().resolve(&broker);
    assert_eq!((config.retention_ms, config.segment_ms), (Some(7_200_000), 3_600_000));
    broker.set("log.retention.minutes", "-1").unwrap();
    assert_eq!(TopicConfigs::default().resolve(&broker).retention_ms, None);
    assert!(broker.set("default.replication.factor", "3").is_err(), "there is one replica");
}
