//! Topics: made, changed and deleted so that whoever asks next finds them so.

use std::rc::Rc;

use headwater_client::{AdminReply, ClientError, NewTopic, code};
use headwater_engine::TopicPartition;

use super::hub::Hub;
use crate::clock;

/// How long a change may take to be known.
const PATIENCE_MS: f64 = 10_000.0;

/// Makes a topic and waits until it can be written to.
pub(crate) async fn create(
    hub: &Rc<Hub>,
    name: &str,
    partitions: i32,
    configs: Vec<(String, String)>,
) -> Result<(), ClientError> {
    let topic = NewTopic { name: name.to_owned(), partitions, replication_factor: 1, configs };
    single(hub.admin(|client, now| client.create_topics(now, vec![topic])).await?)?;
    partition_count(hub, name, PATIENCE_MS).await.map(drop)
}

/// Deletes a topic and waits until it is not known any more.
pub(crate) async fn delete(hub: &Rc<Hub>, name: &str) -> Result<(), ClientError> {
    let names = vec![name.to_owned()];
    single(hub.admin(|client, now| client.delete_topics(now, names)).await?)?;
    let until_ms = clock::monotonic_ms() + PATIENCE_MS;
    while hub.with(|client, now| client.partition_count(now, name)).is_ok()
        && clock::monotonic_ms() < until_ms
    {
        hub.with(|client, _| client.refresh_metadata());
        hub.changed().await;
    }
    Ok(())
}

/// Gives a topic more partitions and waits until they are known.
pub(crate) async fn add_partitions(hub: &Rc<Hub>, name: &str, count: i32) -> Result<(), ClientError> {
    single(hub.admin(|client, now| client.create_partitions(now, name, count)).await?)?;
    let until_ms = clock::monotonic_ms() + PATIENCE_MS;
    loop {
        let known = hub.with(|client, now| client.partition_count(now, name));
        if matches!(known, Ok(Some(known)) if known >= count) || clock::monotonic_ms() >= until_ms {
            return Ok(());
        }
        hub.with(|client, _| client.refresh_metadata());
        hub.changed().await;
    }
}

/// Deletes the records of a partition before an offset.
pub(crate) async fn delete_records(
    hub: &Rc<Hub>,
    partition: TopicPartition,
    before: i64,
) -> Result<(), ClientError> {
    match hub.admin(|client, now| client.delete_records(now, vec![(partition, before)])).await? {
        AdminReply::Offsets(offsets) => offsets.into_iter().try_for_each(|offset| offset.result.map(drop)),
        _ => Ok(()),
    }
}

/// How many partitions a topic has; makes it with `partitions` and `configs` if it does not exist.
pub(crate) async fn ensure(
    hub: &Rc<Hub>,
    name: &str,
    partitions: i32,
    configs: Vec<(String, String)>,
) -> Result<i32, ClientError> {
    match partition_count(hub, name, 0.0).await {
        Err(error) if error.code == Some(code::UNKNOWN_TOPIC_OR_PARTITION) => {}
        known => return known,
    }
    match create(hub, name, partitions, configs).await {
        Err(error) if error.code != Some(code::TOPIC_ALREADY_EXISTS) => return Err(error),
        _ => {}
    }
    partition_count(hub, name, PATIENCE_MS).await
}

/// How many partitions a topic has. An error that may pass is waited out for `patience_ms`.
pub(crate) async fn partition_count(hub: &Rc<Hub>, name: &str, patience_ms: f64) -> Result<i32, ClientError> {
    let until_ms = clock::monotonic_ms() + patience_ms;
    let no_answer_ms = clock::monotonic_ms() + PATIENCE_MS.max(patience_ms);
    loop {
        match hub.with(|client, now| client.partition_count(now, name)) {
            Ok(Some(count)) => return Ok(count),
            Err(error) if !error.retriable || clock::monotonic_ms() >= until_ms => return Err(error),
            Ok(None) if clock::monotonic_ms() >= no_answer_ms => {
                let message = "No broker has answered yet. Is one running?";
                return Err(ClientError {
                    message: message.to_owned(),
                    ..ClientError::kafka(code::REQUEST_TIMED_OUT, None)
                });
            }
            _ => hub.changed().await,
        }
    }
}

/// The topic's `max.message.bytes`, if the broker tells.
pub(crate) async fn max_message_bytes(hub: &Rc<Hub>, name: &str) -> Option<usize> {
    let reply = hub.admin(|client, now| client.describe_topic_configs(now, name)).await.ok()?;
    let AdminReply::Configs(entries) = reply else { return None };
    entries.into_iter().find(|entry| entry.name == "max.message.bytes")?.value?.parse().ok()
}

/// The outcome for the only topic that was asked for.
fn single(reply: AdminReply) -> Result<(), ClientError> {
    match reply {
        AdminReply::Topics(topics) => topics.into_iter().next().map_or(Ok(()), |(_, result)| result),
        _ => Ok(()),
    }
}
