//! What a broker knows is what a fresh one recovers from the same disk: an append that was refused, rolled back or cut
//! off is as if it had never been.

use std::collections::BTreeMap;

use headwater_engine::{Applied, Broker, BrokerConfig, ConnectionId, Now, PartitionView, StorageOp};

use super::agreement::Known;
use super::transactions::{COPY, LEDGER};

use crate::disk::Disk;

/// A broker's topics: their partitions and configs.
type View = BTreeMap<String, (Vec<PartitionView>, Vec<(String, String)>)>;

/// A broker's configs, and its disk.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) config: &'a BrokerConfig,
    pub(crate) disk: &'a Disk,
}

/// Compares a broker that has nothing under way with a fresh one. What a broker beside the controller may not have heard
/// of yet is no difference.
pub(crate) fn compare(
    broker: &Broker,
    place: Place<'_>,
    controller: Option<Place<'_>>,
    now: Now,
) -> Result<(), String> {
    let mut fresh = Fresh::new(place);
    fresh.work(now)?;
    if let Some(controller) = controller {
        let mut controller = Fresh::new(controller);
        controller.work(now)?;
        if !fresh.join(&mut controller, now)? || !Known::of(&fresh.broker).has_same_topics(&Known::of(broker))
        {
            return Ok(());
        }
    }
    let (mut known, mut found) = (view(broker), view(&fresh.broker));
    if fresh.goes_on {
        // It has ended transactions that were begun to be ended.
        let in_transactions = [LEDGER, COPY, "__consumer_offsets", "__transaction_state"];
        for views in [&mut known, &mut found] {
            views.retain(|topic, _| !in_transactions.contains(&&topic[..]));
        }
    }
    if known == found {
        return Ok(());
    }
    for (topic, of_topic) in &known {
        if found.get(topic) != Some(of_topic) {
            return Err(format!("{topic} is {of_topic:?}; a fresh broker recovers {:?}", found.get(topic)));
        }
    }
    Err(format!("topics are {:?}; a fresh broker recovers {:?}", known.keys(), found.keys()))
}

/// A fresh broker over a copy of a disk.
struct Fresh {
    broker: Broker,
    disk: Disk,
    /// Whether it has written something of its own.
    goes_on: bool,
}

impl Fresh {
    fn new(place: Place<'_>) -> Fresh {
        Fresh { broker: Broker::new(place.config.clone(), 0), disk: place.disk.copy(), goes_on: false }
    }

    fn work(&mut self, now: Now) -> Result<(), String> {
        let Fresh { broker, disk, goes_on } = self;
        while let Some((id, op)) = broker.poll_op() {
            *goes_on |= matches!(op, StorageOp::Append { .. });
            let result = match &op {
                StorageOp::Load { log } => Ok(Applied::Loaded(disk.load(*log))),
                StorageOp::Read { log, segment, range } => {
                    Ok(Applied::Read(disk.read(*log, *segment, range)))
                }
                // A copy: what does not fit here would not fit there.
                _ => disk.write(&op).map(|()| Applied::Written).map_err(|reason| {
                    headwater_engine::StorageError::NotApplied { reason, message: "a copy".to_owned() }
                }),
            };
            broker.handle_completion(now, id, result);
        }
        match broker.failure() {
            Some(reason) => Err(format!("a fresh broker gives up: {reason}")),
            None => Ok(()),
        }
    }

    /// Has the broker learn of the cluster; false if the controller cannot take it in, as its disk is full.
    fn join(&mut self, controller: &mut Fresh, now: Now) -> Result<bool, String> {
        self.broker.handle_timeout(now);
        while !self.broker.is_ready() {
            let Some((peer, frame)) = self.broker.poll_peer_request() else {
                return Ok(false);
            };
            controller.broker.handle_request(now, ConnectionId(0), frame);
            controller.work(now)?;
            while let Some((_, answer)) = controller.broker.poll_response() {
                self.broker.handle_peer_response(now, peer, answer);
            }
            self.work(now)?;
        }
        Ok(true)
    }
}

fn view(broker: &Broker) -> View {
    let configs = |configs: Vec<(&str, &str)>| {
        configs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    broker.topics().map(|topic| (topic.name.to_owned(), (topic.partitions, configs(topic.configs)))).collect()
}
