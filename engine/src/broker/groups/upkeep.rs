//! Offsets that nobody needs any more: of groups without members after a while (KIP-211), and of topics that are gone.

use super::Coordinated;
use super::coordinators_log::CoordinatorReply;
use crate::broker::Broker;
use crate::group::{CONSUMER, Committed, OffsetsRecord};
use crate::sorted::SortedMap;
use crate::storage_op::LogId;
use crate::time::Now;
use crate::topic::Topic;

impl Broker {
    /// The logs are recovered. The end may have come between a topic's deletion and that of its offsets.
    pub(in crate::broker) fn begin_group_upkeep(&mut self, now: Now) {
        let topics = &self.topics;
        let gone = |topic: &str| topics.by_name(topic).is_none();
        let deleted = self.offsets_where(|_, topic, _| gone(topic));
        self.delete_offsets(now, deleted);
        self.schedule_retention_check(now);
    }

    fn schedule_retention_check(&mut self, now: Now) {
        let interval = self.config.offsets_retention_check_interval_ms();
        self.groups.next_retention_check = Some(now.monotonic_ms.saturating_add(interval));
    }

    pub(in crate::broker) fn next_retention_check(&self) -> Option<u64> {
        self.groups.next_retention_check
    }

    /// Deletes offsets that have expired, and groups that have neither members nor offsets any more.
    pub(in crate::broker) fn check_offsets_retention(&mut self, now: Now) {
        if self.groups.next_retention_check.is_none_or(|due| due > now.monotonic_ms) {
            return;
        }
        let retention_ms = self.config.offsets_retention_ms();
        for coordinated in self.groups.by_id.values_mut() {
            if coordinated.group.is_empty() && !coordinated.group.protocol_type().is_empty() {
                // Of a group whose members a restart has made forgotten nobody knows since when it is empty.
                coordinated.empty_since.get_or_insert(now.wall_ms);
            }
        }
        let groups = &self.groups;
        let expired = self.offsets_where(|id, topic, partition| {
            // A commit on its way is older in the log than what would delete it.
            let is_quiet = groups.changes.of_group(id).next().is_none();
            let coordinated = groups.by_id.get(id).filter(|_| is_quiet);
            coordinated.is_some_and(|coordinated| {
                if coordinated.is_unstable(topic, partition) {
                    return false;
                }
                let committed = coordinated.committed(topic, partition);
                committed
                    .is_some_and(|committed| coordinated.has_expired(now, topic, committed, retention_ms))
            })
        });
        self.delete_offsets(now, expired);
        self.delete_void_groups(now);
        self.schedule_retention_check(now);
    }

    /// Groups without members, offsets and ids given out are no groups any more.
    fn delete_void_groups(&mut self, now: Now) {
        let groups = &self.groups;
        let is_void = |id: &str, coordinated: &Coordinated| {
            coordinated.group.is_empty()
                && !coordinated.group.has_pending_members()
                && coordinated.offsets.is_empty()
                && coordinated.pending.is_empty()
                && groups.changes.of_group(id).next().is_none()
        };
        let void = groups.by_id.iter().filter(|(id, coordinated)| is_void(id, coordinated));
        let void: Vec<(String, LogId)> =
            void.map(|(id, coordinated)| (id.clone(), coordinated.log)).collect();
        for (group_id, log) in void {
            let Some(coordinated) = self.groups.by_id.get_mut(&group_id[..]) else {
                continue;
            };
            if coordinated.group.generation() == 0 {
                // Nothing of it was ever stored.
                self.groups.by_id.remove(&group_id[..]);
                continue;
            }
            coordinated.group.begin_delete();
            let record = OffsetsRecord::Group { group_id: group_id.clone(), metadata: None };
            self.store(now, log, vec![record], CoordinatorReply::Expired { group_id });
        }
    }

    /// A topic is gone: what groups have committed for it says nothing about another of the same name.
    pub(in crate::broker) fn delete_offsets_of(&mut self, now: Now, topic: &Topic) {
        let deleted = self.offsets_where(|_, name, _| name == topic.name);
        self.delete_offsets(now, deleted);
    }

    /// What deletes certain offsets, given by group, topic and partition.
    fn offsets_where(
        &self,
        is_deleted: impl Fn(&str, &str, i32) -> bool,
    ) -> SortedMap<LogId, Vec<OffsetsRecord>> {
        let mut by_log: SortedMap<LogId, Vec<OffsetsRecord>> = SortedMap::new();
        for (id, coordinated) in self.groups.by_id.iter() {
            let deleted = self.deleted_offsets(id, |topic, index| is_deleted(id, topic, index));
            if !deleted.is_empty() {
                by_log.or_default(coordinated.log).extend(deleted);
            }
        }
        by_log
    }

    /// One append for each coordinator's log.
    fn delete_offsets(&mut self, now: Now, mut by_log: SortedMap<LogId, Vec<OffsetsRecord>>) {
        while let Some((log, records)) = by_log.pop_first() {
            self.store(now, log, records, CoordinatorReply::Nobody);
        }
    }
}

impl Coordinated {
    /// Whether an offset has not been needed for as long as offsets are kept (KIP-211): since the group has no members, or since
    /// the commit if nobody ever joins the group, or if its members no longer read the topic.
    fn has_expired(&self, now: Now, topic: &str, committed: &Committed, retention_ms: i64) -> bool {
        let group = &self.group;
        let since = if group.is_empty() {
            self.empty_since.map_or(committed.commit_timestamp, |since| since.max(committed.commit_timestamp))
        } else if group.is_stable() && group.protocol_type() == CONSUMER {
            match group.subscribed_topics() {
                Some(subscribed) if !subscribed.iter().any(|name| name == topic) => {
                    committed.commit_timestamp
                }
                _ => return false,
            }
        } else {
            return false;
        };
        let expiry = committed.expire_timestamp.unwrap_or_else(|| since.saturating_add(retention_ms));
        expiry <= now.wall_ms
    }
}
