//! Committed offsets: written by the application's word or by themselves, and asked for where reading begins.

use headwater_engine::sorted::SortedMap;
use headwater_engine::{Now, TopicPartition};
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::{OffsetCommitRequest, OffsetFetchRequest, OffsetFetchResponse};

use super::coordinator::Meaning;
use super::{Around, Asked, CommitId, Member, OffsetToCommit, Phase};
use crate::consumer::{Consumer, ConsumerEvent};
use crate::error::{ClientError, code};
use crate::network::Answer;
use crate::wire::{text, topic_name};

/// From version 9 on it is about the new group protocol (KIP-848).
pub(crate) const HIGHEST_COMMIT_VERSION: i16 = 8;
/// From version 8 on several groups are asked about at once (KIP-709).
pub(crate) const HIGHEST_FETCH_VERSION: i16 = 7;
/// Commits that may wait at a time.
const MAX_COMMITS: usize = 1_000;

/// Offsets as an OffsetCommit request has them, by topic.
pub(crate) fn topics_to_commit(offsets: &[OffsetToCommit]) -> Vec<OffsetCommitRequestTopic> {
    let mut topics: SortedMap<&str, Vec<OffsetCommitRequestPartition>> = SortedMap::new();
    for offset in offsets {
        topics.or_default(&offset.topic_partition.topic).push(
            OffsetCommitRequestPartition::default()
                .with_partition_index(offset.topic_partition.partition)
                .with_committed_offset(offset.offset)
                .with_committed_leader_epoch(-1)
                .with_committed_metadata(Some(text(&offset.metadata))),
        );
    }
    let topics = topics.into_iter().map(|(topic, partitions)| {
        OffsetCommitRequestTopic::default().with_name(topic_name(topic)).with_partitions(partitions)
    });
    topics.collect()
}

#[derive(Clone, Debug)]
pub(super) struct Commit {
    /// None: nobody asked for it.
    id: Option<CommitId>,
    offsets: Vec<OffsetToCommit>,
    pub(super) deadline_ms: u64,
    /// [`Member::losses`] when it was asked for.
    losses: u64,
}

/// Why a commit is refused that was asked for before a rebalance or amid one, as Kafka's client refuses it.
fn not_its_own() -> ClientError {
    let message = "A partition of the commit belongs to another member by now, or soon will.";
    ClientError::ours(code::REBALANCE_IN_PROGRESS, message)
}

impl Member {
    /// Commits what the application says.
    pub(crate) fn commit(&mut self, now: Now, offsets: Vec<OffsetToCommit>) -> CommitId {
        let id = CommitId(self.next_commit);
        self.next_commit += 1;
        if self.commits.len() >= MAX_COMMITS {
            self.committed(Some(id), Err(ClientError::aborted("Too many commits wait already.")));
        } else if self.is_joining() && !self.owns(&offsets) {
            self.committed(Some(id), Err(not_its_own()));
        } else {
            self.queue_commit(now, Some(id), offsets);
        }
        id
    }

    fn is_joining(&self) -> bool {
        matches!(self.phase, Phase::Joining(_) | Phase::Assigning(..) | Phase::Syncing(..))
    }

    fn owns(&self, offsets: &[OffsetToCommit]) -> bool {
        offsets.iter().all(|offset| self.owned.contains(&offset.topic_partition))
    }

    fn queue_commit(&mut self, now: Now, id: Option<CommitId>, offsets: Vec<OffsetToCommit>) {
        let deadline_ms = now.monotonic_ms + self.client.default_api_timeout_ms;
        self.commits.push_back(Commit { id, offsets, deadline_ms, losses: self.losses });
    }

    /// Commits what the application is done with, as far as that is not committed.
    pub(super) fn commit_processed(&mut self, now: Now, partitions: &[TopicPartition], consumer: &Consumer) {
        let offsets: Vec<OffsetToCommit> = consumer
            .uncommitted()
            .filter(|(topic_partition, _)| partitions.contains(topic_partition))
            .map(|(topic_partition, offset)| OffsetToCommit {
                topic_partition: topic_partition.clone(),
                offset,
                metadata: String::new(),
            })
            .collect();
        if !offsets.is_empty() {
            self.queue_commit(now, None, offsets);
        }
    }

    /// `enable.auto.commit`.
    pub(super) fn auto_commit(&mut self, around: &mut Around<'_>) {
        let due = around.now.monotonic_ms >= self.auto_commit_due_ms;
        let free = matches!(self.phase, Phase::Stable) && self.giving_back.is_none();
        if !self.config.enable_auto_commit || !due || !free {
            return;
        }
        self.auto_commit_due_ms = around.now.monotonic_ms + self.config.auto_commit_interval_ms;
        if self.commits.iter().all(|commit| commit.id.is_some())
            && !self.asks(|asked| matches!(asked, Asked::Commit(..)))
        {
            let owned = self.owned.clone();
            self.commit_processed(around.now, &owned, around.consumer);
        }
    }

    /// Tells how a commit ended. One that nobody asked for is told of only if it failed.
    fn committed(&mut self, commit: Option<CommitId>, result: Result<(), ClientError>) {
        if commit.is_some() || result.is_err() {
            self.events.push_back(ConsumerEvent::Committed { commit, result });
        }
    }

    /// Fails what waits to be committed of partitions that this member has no more. Under a later generation it would undo what
    /// another owner has committed since.
    pub(super) fn fail_commits_of(&mut self, gone: &[TopicPartition]) {
        let is_gone = |commit: &Commit| commit.offsets.iter().any(|of| gone.contains(&of.topic_partition));
        let (failed, kept): (Vec<Commit>, Vec<Commit>) = self.commits.drain(..).partition(is_gone);
        self.commits.extend(kept);
        for commit in failed {
            self.committed(commit.id, Err(not_its_own()));
        }
    }

    pub(super) fn expire_commits(&mut self, around: &mut Around<'_>) {
        let gone = matches!(self.phase, Phase::Failed | Phase::Stalled);
        while let Some(commit) = self.commits.front() {
            let error = if gone {
                ClientError::ours(code::UNKNOWN_MEMBER_ID, "The consumer is no member of its group any more.")
            } else if around.now.monotonic_ms >= commit.deadline_ms {
                ClientError::ours(
                    code::REQUEST_TIMED_OUT,
                    "The coordinator did not take the offsets in time.",
                )
            } else {
                return;
            };
            let id = commit.id;
            self.commits.pop_front();
            self.committed(id, Err(error));
        }
    }

    /// One commit at a time, so that an earlier one that is tried again does not undo a later one.
    pub(super) fn send_commits(&mut self, around: &mut Around<'_>) {
        // While it joins, nobody knows whose the partitions are.
        let may = matches!(self.phase, Phase::Stable | Phase::Idle);
        if !may || self.asks(|asked| matches!(asked, Asked::Commit(..))) {
            return;
        }
        let Some(commit) = self.commits.pop_front() else { return };
        if matches!(self.phase, Phase::Stable) && !self.owns(&commit.offsets) {
            return self.committed(commit.id, Err(not_its_own()));
        }
        let request = OffsetCommitRequest::default()
            .with_group_id(self.group_id())
            .with_generation_id_or_member_epoch(self.generation)
            .with_member_id(text(&self.member_id))
            .with_group_instance_id(self.instance_id().filter(|_| self.generation >= 0))
            .with_topics(topics_to_commit(&commit.offsets));
        let asked = Asked::Commit(commit, self.generation);
        self.send(around, asked, &request, HIGHEST_COMMIT_VERSION, 0);
    }

    pub(super) fn take_commit(
        &mut self,
        now: Now,
        answer: Answer,
        commit: Commit,
        generation: i32,
        consumer: &mut Consumer,
    ) {
        let error = match answer.decode::<OffsetCommitRequest>() {
            Err(error) => Some(error),
            Ok(response) => {
                let answered = |offset: &OffsetToCommit| {
                    let TopicPartition { topic, partition } = &offset.topic_partition;
                    let topics = response.topics.iter().filter(|known| known.name.as_str() == topic);
                    let code =
                        topics.flat_map(|known| &known.partitions).find(|p| p.partition_index == *partition);
                    match code {
                        Some(answered) => ClientError::answered(answered.error_code, None),
                        None => Some(ClientError::malformed("a partition that was committed is not in it")),
                    }
                };
                let mut first = None;
                for offset in &commit.offsets {
                    match answered(offset) {
                        None => consumer.set_committed(&offset.topic_partition, offset.offset),
                        error => first = first.or(error),
                    }
                }
                first
            }
        };
        let Some(error) = error else { return self.committed(commit.id, Ok(())) };
        let settles = self.generation > generation || self.giving_back.is_none();
        let again = commit.id.is_some() && self.is_cooperative() && settles;
        let meaning = self.take_error(now, &error, generation, consumer);
        // Whoever gave everything back, or lost it, which this answer may just have told, must not undo what another owner has
        // committed since, even if the partitions are its own again.
        let lost = commit.losses != self.losses;
        match meaning {
            Meaning::Later if lost => self.committed(commit.id, Err(not_its_own())),
            Meaning::Later => self.commits.push_front(commit),
            // The partitions may be this member's still when the group has settled.
            Meaning::NotNow if again && !lost && self.generation >= 0 => self.commits.push_front(commit),
            Meaning::NotNow if commit.id.is_some() => self.committed(commit.id, Err(error)),
            // Whoever gets the partitions reads a little twice.
            Meaning::NotNow => {}
            Meaning::Never => {
                let fenced = error.code == Some(code::FENCED_INSTANCE_ID);
                self.committed(commit.id, Err(error.clone()));
                if fenced {
                    self.fail(error, consumer);
                }
            }
        }
    }

    /// Asks where the group stands with partitions that are to be read on from there.
    pub(super) fn send_offset_fetch(&mut self, around: &mut Around<'_>) {
        let (epochs, asked) = around.consumer.take_awaiting_committed(around.now);
        if epochs.is_empty() {
            return;
        }
        let mut topics: SortedMap<String, Vec<i32>> = SortedMap::new();
        for TopicPartition { topic, partition } in asked {
            topics.or_default(topic).push(partition);
        }
        let topics = topics.into_iter().map(|(topic, indices)| {
            OffsetFetchRequestTopic::default().with_name(topic_name(&topic)).with_partition_indexes(indices)
        });
        let version = self.coordinator.as_ref().and_then(|address| {
            around.network.version::<OffsetFetchRequest>(address, HIGHEST_FETCH_VERSION).ok()
        });
        // Offsets of a transaction that is open yet are waited for (KIP-447).
        let request = OffsetFetchRequest::default()
            .with_group_id(self.group_id())
            .with_topics(Some(topics.collect()))
            .with_require_stable(version.is_some_and(|version| version >= 7));
        self.send(around, Asked::Offsets(epochs), &request, HIGHEST_FETCH_VERSION, 0);
    }

    pub(super) fn take_offset_fetch(
        &mut self,
        now: Now,
        answer: Answer,
        epochs: &[u64],
        consumer: &mut Consumer,
    ) {
        let response = answer
            .decode::<OffsetFetchRequest>()
            .and_then(|response| ClientError::answered(response.error_code, None).map_or(Ok(response), Err));
        if let Err(error) = &response {
            self.take_error(now, error, self.generation, consumer);
        }
        let backoff_ms = now.monotonic_ms + self.client.retry_backoff_ms;
        for epoch in epochs {
            consumer.begin_at_committed(*epoch, backoff_ms, |partition| match &response {
                Ok(response) => committed(response, partition),
                Err(error) => Err(error.clone()),
            });
        }
    }
}

/// The committed offset of a partition; none if there is none.
pub(crate) fn committed(
    response: &OffsetFetchResponse,
    partition: &TopicPartition,
) -> Result<Option<i64>, ClientError> {
    let topics = response.topics.iter().filter(|topic| topic.name.as_str() == partition.topic);
    let answered =
        topics.flat_map(|topic| &topic.partitions).find(|p| p.partition_index == partition.partition);
    let answered =
        answered.ok_or_else(|| ClientError::malformed("a partition that was asked for is not in it"))?;
    match ClientError::answered(answered.error_code, None) {
        Some(error) => Err(error),
        None => Ok(Some(answered.committed_offset).filter(|offset| *offset >= 0)),
    }
}
