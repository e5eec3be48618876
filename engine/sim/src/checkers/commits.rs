//! Committed offsets: what was acknowledged is what is answered from then on, whatever happens to the coordinator, and
//! an owner's commits do not go back.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use headwater_engine::{ConnectionId, Offset, TopicPartition};
use kafka_protocol::messages::{
    ApiKey, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse,
    TxnOffsetCommitRequest,
};

use super::Asked;
use crate::actors::raw;

/// What OffsetFetch answers where nothing is committed.
const NOTHING: Offset = -1;

/// A commit that is not answered. It may have been written or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Open {
    connection: ConnectionId,
    /// Whether an answer may still come.
    alive: bool,
    asked: u64,
    offset: Offset,
}

/// What is known of a group's position in a partition.
#[derive(Debug)]
struct Position {
    /// The last one that was acknowledged or answered.
    known: Offset,
    /// When it was asked for.
    asked: u64,
    /// In which generation, and by which member.
    by: Option<(i32, String)>,
    open: Vec<Open>,
    /// What was acknowledged earlier: a power cut may bring it back.
    earlier: Vec<Offset>,
    /// Set by a power cut, until the next answer says what is left.
    uncertain: bool,
}

impl Default for Position {
    fn default() -> Position {
        Position {
            known: NOTHING,
            asked: 0,
            by: None,
            open: Vec::new(),
            earlier: vec![NOTHING],
            uncertain: false,
        }
    }
}

/// All groups' positions.
#[derive(Debug, Default)]
pub(crate) struct Commits {
    positions: BTreeMap<(String, TopicPartition), Position>,
    /// Counts requests, so that it is known which came first.
    asked: u64,
    /// Groups whose offsets are committed in transactions, which is another checker's to judge.
    transactional: BTreeSet<String>,
    /// When which request came, by connection and correlation id.
    under_way: BTreeMap<(ConnectionId, i32), u64>,
}

impl Commits {
    /// A request reaches its broker.
    pub(crate) fn asked(&mut self, connection: ConnectionId, asked: &Asked) {
        if asked.api_key == ApiKey::TxnOffsetCommit as i16 {
            let (api, version) = (ApiKey::TxnOffsetCommit, asked.version);
            let request = raw::decode_request::<TxnOffsetCommitRequest>(api, version, asked.frame.clone());
            self.transactional.extend(request.map(|request| request.group_id.to_string()));
        }
        if asked.api_key != ApiKey::OffsetCommit as i16 {
            return;
        }
        let Some(request) = commit_request(asked) else { return };
        self.asked += 1;
        self.under_way.insert((connection, asked.correlation_id()), self.asked);
        for (topic_partition, offset) in committed(&request) {
            let position = self.positions.entry((request.group_id.to_string(), topic_partition)).or_default();
            position.open.push(Open { connection, alive: true, asked: self.asked, offset });
        }
    }

    /// A commit is answered.
    pub(crate) fn commit_answered(
        &mut self,
        connection: ConnectionId,
        asked: &Asked,
        frame: &Bytes,
    ) -> Result<(), String> {
        let Some(request) = commit_request(asked) else { return Ok(()) };
        let Some(number) = self.under_way.remove(&(connection, asked.correlation_id())) else {
            return Ok(());
        };
        let answer =
            raw::response::<OffsetCommitResponse>(ApiKey::OffsetCommit, asked.version, frame.clone());
        let Some((_, answer)) = answer else { return Err("a commit's answer cannot be read".to_owned()) };
        let mut errors = BTreeMap::new();
        for topic in &answer.topics {
            for partition in &topic.partitions {
                errors.insert((topic.name.to_string(), partition.partition_index), partition.error_code);
            }
        }
        for (topic_partition, offset) in committed(&request) {
            let error = errors.get(&(topic_partition.topic.clone(), topic_partition.partition));
            let position =
                self.positions.entry((request.group_id.to_string(), topic_partition.clone())).or_default();
            position.open.retain(|open| open.connection != connection || open.asked != number);
            if error != Some(&0) {
                continue;
            }
            let by = (request.generation_id_or_member_epoch, request.member_id.to_string());
            // Of a request that came late, behind one on a later connection, its sender has not heard.
            if position.by.as_ref() == Some(&by) && number > position.asked && offset < position.known {
                return Err(format!(
                    "{} commits {offset} for {topic_partition} in generation {}, and {} before that",
                    by.1, by.0, position.known
                ));
            }
            if number < position.asked {
                // Its answer has waited behind others of its connection. It took effect before, or else a moment ago.
                position.open.push(Open { connection, alive: false, asked: number, offset });
                continue;
            }
            position.earlier.push(position.known);
            *position = Position {
                known: offset,
                asked: number,
                by: Some(by),
                open: std::mem::take(&mut position.open),
                earlier: std::mem::take(&mut position.earlier),
                uncertain: false,
            };
            // What nobody will answer any more, and came before, has either been written before or not at all.
            position.open.retain(|open| open.alive || open.asked > number);
        }
        Ok(())
    }

    /// A broker says where a group stands.
    pub(crate) fn fetch_answered(&mut self, asked: &Asked, frame: &Bytes) -> Result<(), String> {
        let (api, version) = (ApiKey::OffsetFetch, asked.version);
        let request = raw::decode_request::<OffsetFetchRequest>(api, version, asked.frame.clone());
        let answer = raw::response::<OffsetFetchResponse>(api, version, frame.clone());
        let (Some(request), Some((_, answer))) = (request, answer) else { return Ok(()) };
        if answer.error_code != 0 {
            return Ok(());
        }
        for topic in &answer.topics {
            for partition in topic.partitions.iter().filter(|partition| partition.error_code == 0) {
                let topic_partition =
                    TopicPartition { topic: topic.name.to_string(), partition: partition.partition_index };
                self.stands(request.group_id.as_str(), &topic_partition, partition.committed_offset)?;
            }
        }
        Ok(())
    }

    fn stands(
        &mut self,
        group: &str,
        topic_partition: &TopicPartition,
        offset: Offset,
    ) -> Result<(), String> {
        if self.transactional.contains(group) {
            return Ok(());
        }
        let position = self.positions.entry((group.to_owned(), topic_partition.clone())).or_default();
        let is_open = position.open.iter().any(|open| open.offset == offset);
        let was = position.uncertain && position.earlier.contains(&offset);
        if offset != position.known && !is_open && !was {
            return Err(format!(
                "{group} is said to stand at {offset} in {topic_partition}; {} was acknowledged",
                position.known
            ));
        }
        position.known = offset;
        position.uncertain = false;
        Ok(())
    }

    /// A connection has ended at its broker: what was asked on it is not answered any more.
    pub(crate) fn closed(&mut self, connection: ConnectionId) {
        self.under_way.retain(|(other, _), _| *other != connection);
        for position in self.positions.values_mut() {
            for open in position.open.iter_mut().filter(|open| open.connection == connection) {
                open.alive = false;
            }
        }
    }

    /// A power cut may take the latest commits back.
    pub(crate) fn power_cut(&mut self) {
        for position in self.positions.values_mut() {
            position.uncertain = true;
            position.by = None;
        }
    }
}

fn commit_request(asked: &Asked) -> Option<OffsetCommitRequest> {
    raw::decode_request(ApiKey::OffsetCommit, asked.version, asked.frame.clone())
}

fn committed(request: &OffsetCommitRequest) -> impl Iterator<Item = (TopicPartition, Offset)> {
    request.topics.iter().flat_map(|topic| {
        let name = topic.name.to_string();
        topic.partitions.iter().map(move |partition| {
            let topic_partition =
                TopicPartition { topic: name.clone(), partition: partition.partition_index };
            (topic_partition, partition.committed_offset)
        })
    })
}
