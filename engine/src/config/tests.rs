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
