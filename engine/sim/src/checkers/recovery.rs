//! What a broker knows is what a fresh one recovers from the same disk: an append that was refused, rolled back or cut
//! off is as if it had never been.

use std::collections::BTreeMap;

use headwater_engine::{Applied, Broker, BrokerConfig, Now, PartitionView, StorageOp};

use crate::disk::Disk;

/// A broker's topics: their partitions and configs.
type View = BTreeMap<String, (Vec<PartitionView>, Vec<(String, String)>)>;

/// Compares a broker that has nothing under way with a fresh one.
pub(crate) fn compare(broker: &Broker, config: &BrokerConfig, disk: &Disk, now: Now) -> Result<(), String> {
    let fresh = recovered(config, disk, now)?;
    let (known, found) = (view(broker), view(&fresh));
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
fn recovered(config: &BrokerConfig, disk: &Disk, now: Now) -> Result<Broker, String> {
    let mut disk = disk.copy();
    let mut broker = Broker::new(config.clone(), 0);
    while let Some((id, op)) = broker.poll_op() {
        let result = match &op {
            StorageOp::Load { log } => Ok(Applied::Loaded(disk.load(*log))),
            StorageOp::Read { log, segment, range } => Ok(Applied::Read(disk.read(*log, *segment, range))),
            // A copy: what does not fit here would not fit there.
            _ => disk.write(&op).map(|()| Applied::Written).map_err(|reason| {
                headwater_engine::StorageError::NotApplied { reason, message: "a copy".to_owned() }
            }),
        };
        broker.handle_completion(now, id, result);
    }
    match broker.failure() {
        Some(reason) => Err(format!("a fresh broker gives up: {reason}")),
        None => Ok(broker),
    }
}

fn view(broker: &Broker) -> View {
    let configs = |configs: Vec<(&str, &str)>| {
        configs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    broker.topics().map(|topic| (topic.name.to_owned(), (topic.partitions, configs(topic.configs)))).collect()
}
