//! When faults have stopped, all brokers know the same brokers, topics, leaders and configs.

use std::collections::BTreeMap;

use headwater_engine::{Broker, NodeId};

/// What a broker knows of the cluster: the leaders and configs of the topics, and the brokers.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Known {
    topics: BTreeMap<String, Topic>,
    brokers: Vec<(NodeId, String, u16)>,
}

type Topic = (Vec<NodeId>, Vec<(String, String)>);

impl Known {
    pub(crate) fn of(broker: &Broker) -> Known {
        let text = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let topics = broker.topics().map(|topic| {
            let configs = topic.configs.into_iter().map(text).collect();
            (topic.name.to_owned(), (topic.leaders, configs))
        });
        let brokers = broker.brokers().map(|(node_id, host, port)| (node_id, host.to_owned(), port));
        Known { topics: topics.collect(), brokers: brokers.collect() }
    }

    /// Whether the same is known of topics.
    pub(crate) fn has_same_topics(&self, other: &Known) -> bool {
        self.topics == other.topics
    }
}

/// Compares what the brokers know; none is a broker that is not there, or not ready.
pub(crate) fn agree<'a>(brokers: impl Iterator<Item = Option<&'a Broker>>) -> Result<(), String> {
    let mut first: Option<Known> = None;
    for (number, broker) in brokers.enumerate() {
        let broker = broker.filter(|broker| broker.is_ready());
        let known = Known::of(broker.ok_or_else(|| format!("broker {number} is not ready"))?);
        match &first {
            None => first = Some(known),
            Some(first) if *first == known => {}
            Some(first) => return Err(format!("broker 0 knows {first:?}, and broker {number} {known:?}")),
        }
    }
    Ok(())
}
