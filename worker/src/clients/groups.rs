//! The groups of the cluster, as their coordinators tell, and how far behind the ends of the partitions they are.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use headwater_client::{AdminReply, ClientError, GroupDescription, OffsetToCommit};
use headwater_engine::TopicPartition;
use headwater_worker_protocol::{GroupMember, GroupOffset, GroupSnapshot, OffsetReset};

use super::board::Board;
use super::hub::Hub;
use super::{Clients, reading};
use crate::clock;

/// How often it is looked, while consumers of this worker run and while none does.
const BUSY_MS: f64 = 500.0;
const IDLE_MS: f64 = 2_000.0;
/// No more groups than this are looked at.
const MAX_GROUPS: usize = 100;

/// What the coordinators said last.
pub(crate) struct Groups {
    snapshots: RefCell<Option<Vec<GroupSnapshot>>>,
    /// Something was changed, so that it is worth to look at once.
    stale: Cell<bool>,
    board: Rc<Board>,
}

impl Groups {
    /// Nobody has been asked; what is heard is told to `board`.
    pub(crate) fn new(board: &Rc<Board>) -> Groups {
        Groups { snapshots: RefCell::default(), stale: Cell::new(true), board: board.clone() }
    }

    /// The groups by name; none as long as nobody has answered.
    pub(crate) fn snapshots(&self) -> Option<Vec<GroupSnapshot>> {
        self.snapshots.borrow().clone()
    }

    /// Has it looked at once.
    pub(crate) fn look_again(&self) {
        self.stale.set(true);
    }

    fn set(&self, groups: Vec<GroupSnapshot>) {
        let groups = Some(groups);
        if *self.snapshots.borrow() != groups {
            *self.snapshots.borrow_mut() = groups;
            self.board.changed();
        }
    }
}

/// Looks at the groups now and then, as long as the worker runs.
pub(crate) async fn watch(clients: Rc<Clients>) {
    let mut due_ms = 0.0;
    loop {
        if (clock::monotonic_ms() >= due_ms && !clock::is_paused()) || clients.groups.stale.replace(false) {
            // What cannot be asked now is asked again; meanwhile it is shown as it was.
            if let Ok(groups) = look(&clients.hub).await {
                clients.groups.set(groups);
            }
            let busy = clients.consumers.any_runs();
            due_ms = clock::monotonic_ms() + if busy { BUSY_MS } else { IDLE_MS };
        }
        clients.hub.changed().await;
    }
}

/// All groups with their members and offsets.
async fn look(hub: &Rc<Hub>) -> Result<Vec<GroupSnapshot>, ClientError> {
    let AdminReply::Groups(listed) = hub.admin(|client, now| client.list_groups(now)).await? else {
        return Ok(Vec::new());
    };
    let mut names: Vec<String> = listed.into_iter().map(|group| group.group_id).collect();
    names.sort_unstable();
    names.truncate(MAX_GROUPS);
    let mut groups = Vec::new();
    for group in names {
        // A group that was deleted meanwhile is none.
        if let Ok(AdminReply::Group(described)) =
            hub.admin(|client, now| client.describe_group(now, &group)).await
        {
            let committed = committed(hub, &group).await?;
            groups.push(snapshot(group, described, committed));
        }
    }
    add_ends(hub, &mut groups).await?;
    Ok(groups)
}

fn snapshot(
    group: String,
    described: GroupDescription,
    committed: Vec<(TopicPartition, i64)>,
) -> GroupSnapshot {
    let members = described.members.into_iter().map(|member| GroupMember {
        member_id: member.member_id,
        instance_id: member.instance_id,
        client_id: member.client_id,
        partitions: member.assigned.into_iter().map(|read| (read.topic, read.partition)).collect(),
    });
    let members: Vec<GroupMember> = members.collect();
    let mut offsets = Vec::new();
    for (read, offset) in committed {
        row(&mut offsets, &read.topic, read.partition).committed = Some(offset);
    }
    for (topic, partition) in members.iter().flat_map(|member| &member.partitions) {
        row(&mut offsets, topic, *partition);
    }
    GroupSnapshot { group, state: described.state, assignor: described.assignor, members, offsets }
}

/// The row of a partition, in the order of topics and partitions.
fn row<'a>(rows: &'a mut Vec<GroupOffset>, topic: &str, partition: i32) -> &'a mut GroupOffset {
    let at = match rows.binary_search_by(|row| (&row.topic[..], row.partition).cmp(&(topic, partition))) {
        Ok(at) => at,
        Err(at) => {
            let topic = topic.to_owned();
            let new =
                GroupOffset { topic, partition, committed: None, log_start_offset: 0, end_offset: None };
            rows.insert(at, new);
            at
        }
    };
    &mut rows[at]
}

async fn committed(hub: &Rc<Hub>, group: &str) -> Result<Vec<(TopicPartition, i64)>, ClientError> {
    match hub.admin(|client, now| client.list_group_offsets(now, group)).await? {
        AdminReply::GroupOffsets(offsets) => {
            Ok(offsets.into_iter().map(|offset| (offset.topic_partition, offset.committed)).collect())
        }
        _ => Ok(Vec::new()),
    }
}

/// Asks the leaders where the partitions begin and end, once for all groups.
async fn add_ends(hub: &Rc<Hub>, groups: &mut [GroupSnapshot]) -> Result<(), ClientError> {
    let mut partitions: Vec<TopicPartition> = Vec::new();
    for row in groups.iter().flat_map(|group| &group.offsets) {
        // A topic that is gone would be waited for.
        let known = hub.with(|client, now| client.partition_count(now, &row.topic));
        if !matches!(known, Ok(Some(count)) if row.partition < count) {
            continue;
        }
        let partition = TopicPartition { topic: row.topic.clone(), partition: row.partition };
        if let Err(at) = partitions.binary_search(&partition) {
            partitions.insert(at, partition);
        }
    }
    let bounds = reading::bounds_of(hub, partitions.clone()).await?;
    for row in groups.iter_mut().flat_map(|group| &mut group.offsets) {
        let key = (&row.topic[..], row.partition);
        if let Ok(at) = partitions.binary_search_by(|known| (&known.topic[..], known.partition).cmp(&key))
            && let Some((start, end)) = bounds[at]
        {
            (row.log_start_offset, row.end_offset) = (start, Some(end));
        }
    }
    Ok(())
}

/// Commits one end or the other of every partition that a group without members has offsets of.
pub(crate) async fn reset_offsets(hub: &Rc<Hub>, group: &str, to: OffsetReset) -> Result<(), ClientError> {
    let partitions: Vec<_> =
        committed(hub, group).await?.into_iter().map(|(partition, _)| partition).collect();
    let bounds = reading::bounds_of(hub, partitions.clone()).await?;
    let offsets = partitions.into_iter().zip(bounds).filter_map(|(topic_partition, bounds)| {
        let (start, end) = bounds?;
        let offset = if to == OffsetReset::Earliest { start } else { end };
        Some(OffsetToCommit { topic_partition, offset, metadata: String::new() })
    });
    let offsets = offsets.collect();
    match hub.admin(|client, now| client.set_group_offsets(now, group, offsets)).await? {
        AdminReply::Partitions(results) => results.into_iter().try_for_each(|(_, result)| result),
        _ => Ok(()),
    }
}

/// Deletes a group without members.
pub(crate) async fn delete(hub: &Rc<Hub>, group: &str) -> Result<(), ClientError> {
    hub.admin(|client, now| client.delete_group(now, group)).await.map(drop)
}
