use bytes::Bytes;

/// A member of a group.
#[derive(Debug)]
pub(crate) struct Member<T> {
    pub(crate) id: String,
    /// Set for a static member (KIP-345): whoever comes with it takes the member's place.
    pub(crate) instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) assignment: Bytes,
    pub(super) session_timeout_ms: u64,
    pub(super) rebalance_timeout_ms: u64,
    /// By preference.
    pub(super) protocols: Vec<Protocol>,
    pub(super) waiting: Waiting<T>,
    /// It has never seen a generation complete. As it waits without heartbeats, it is given up at its deadline.
    pub(super) is_new: bool,
    /// It has asked for its assignment in this generation.
    pub(super) has_synced: bool,
    /// When it is taken for gone unless it is heard of.
    pub(super) deadline: Deadline,
}

/// When somebody's patience ends, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Deadline {
    pub(super) at: u64,
    was_spared: bool,
}

impl Deadline {
    pub(super) fn new(at: u64) -> Deadline {
        Deadline { at, was_spared: false }
    }

    /// Whether time is up. If nobody has looked when it was (`late`), it begins anew, once.
    pub(super) fn is_over(&mut self, now: u64, late: bool, again_ms: u64) -> bool {
        if self.at <= now && late && !self.was_spared {
            *self = Deadline { at: now + again_ms.max(1), was_spared: true };
        }
        self.at <= now
    }
}

/// A way of assigning partitions, and what the member says to those who assign in that way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Protocol {
    pub(crate) name: String,
    pub(crate) metadata: Bytes,
}

/// What a member waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Waiting<T> {
    No,
    /// For all to join; and whether it can be told to skip the assignment.
    Join(T, bool),
    /// For the leader's assignment.
    Sync(T),
}

/// An id that was given out (KIP-394).
#[derive(Debug)]
pub(super) struct PendingMember {
    pub(super) id: String,
    pub(super) session_timeout_ms: u64,
    pub(super) deadline: Deadline,
}

impl<T> Member<T> {
    /// It is there: its session begins anew.
    pub(super) fn heard(&mut self, now: u64) {
        self.deadline = Deadline::new(now + self.session_timeout_ms);
    }

    pub(super) fn is_joining(&self) -> bool {
        matches!(self.waiting, Waiting::Join(..))
    }

    pub(super) fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|own| own.name == protocol)
    }

    /// What it says to those who assign by this protocol.
    pub(crate) fn metadata(&self, protocol: &str) -> Bytes {
        let own = self.protocols.iter().find(|own| own.name == protocol);
        own.map(|own| own.metadata.clone()).unwrap_or_default()
    }
}
