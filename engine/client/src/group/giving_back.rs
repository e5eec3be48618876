//! Giving partitions back: the application is told and may finish with them, then their offsets are committed, and only
//! then the member joins again or leaves.

use headwater_engine::TopicPartition;

use super::{Around, Asked, Member, Phase};
use crate::assignor::Assignor;
use crate::consumer::ConsumerEvent;

/// What comes after.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Then {
    Join,
    Leave,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Step {
    /// The application does not know of it yet.
    Untold,
    /// It has taken [`ConsumerEvent::Revoked`] and may still be at it.
    Told,
    /// It has polled again.
    Done,
    /// Offsets are being committed.
    Committing,
}

#[derive(Debug)]
pub(super) struct GivingBack {
    pub(super) partitions: Vec<TopicPartition>,
    step: Step,
    then: Then,
    /// What is not committed by then is not waited for.
    pub(super) deadline_ms: u64,
}

impl GivingBack {
    pub(super) fn taken(&mut self) {
        self.step = self.step.max(Step::Told);
    }

    pub(super) fn polled(&mut self) {
        if self.step == Step::Told {
            self.step = Step::Done;
        }
    }

    pub(super) fn is_told(&self) -> bool {
        self.step >= Step::Told
    }
}

impl Member {
    /// Whether it reads on during a rebalance: only if all assignors that it offers allow that (KIP-429).
    pub(super) fn is_cooperative(&self) -> bool {
        self.config.partition_assignment_strategy.iter().all(|assignor| assignor.is_cooperative())
    }

    /// Before it joins again, an eager member gives back everything, a cooperative one what it has not subscribed to any
    /// more.
    pub(super) fn begin_to_give_back(&mut self, around: &mut Around<'_>) {
        if !matches!(self.phase, Phase::Stable) || self.giving_back.is_some() {
            return;
        }
        let (partitions, then) = if self.end.is_some() {
            (self.owned.clone(), Then::Leave)
        } else if !self.rejoin {
            return;
        } else if self.is_cooperative() {
            let unwanted = self.owned.iter().filter(|partition| !self.topics.contains(&partition.topic));
            (unwanted.cloned().collect(), Then::Join)
        } else {
            (self.owned.clone(), Then::Join)
        };
        self.start_giving_back(around.now.monotonic_ms, partitions, then, around.consumer);
    }

    pub(super) fn start_giving_back(
        &mut self,
        now_ms: u64,
        partitions: Vec<TopicPartition>,
        then: Then,
        consumer: &mut crate::consumer::Consumer,
    ) {
        consumer.hold(&partitions);
        let step = if partitions.is_empty() { Step::Done } else { Step::Untold };
        if step == Step::Untold {
            self.events.push_back(ConsumerEvent::Revoked(partitions.clone()));
        }
        let deadline_ms = now_ms + self.config.max_poll_interval_ms.min(self.config.session_timeout_ms);
        self.giving_back = Some(GivingBack { partitions, step, then, deadline_ms });
    }

    pub(super) fn give_back(&mut self, around: &mut Around<'_>) {
        if self.giving_back.as_ref().is_some_and(|giving_back| giving_back.step == Step::Done) {
            self.commit_before_giving_back(around);
        }
        let Some(giving_back) = &self.giving_back else { return };
        let open = !self.commits.is_empty() || self.asks(|asked| matches!(asked, Asked::Commit(..)));
        let late = around.now.monotonic_ms >= giving_back.deadline_ms;
        if giving_back.step < Step::Committing || (open && !late) {
            return;
        }
        let Some(GivingBack { partitions, then, .. }) = self.giving_back.take() else { return };
        if self.config.partition_assignment_strategy.contains(&Assignor::Sticky) && then == Then::Join {
            self.had = (self.owned.clone(), self.generation);
        }
        self.fail_commits_of(&partitions);
        partitions.iter().for_each(|partition| around.consumer.unassign(partition));
        self.owned.retain(|partition| !partitions.contains(partition));
        self.phase = match then {
            Then::Join => Phase::Joining(None),
            Then::Leave => Phase::Leaving(None),
        };
    }

    fn commit_before_giving_back(&mut self, around: &mut Around<'_>) {
        let Some(giving_back) = &mut self.giving_back else { return };
        giving_back.step = Step::Committing;
        let partitions = giving_back.partitions.clone();
        if self.config.enable_auto_commit {
            self.commit_processed(around.now, &partitions, around.consumer);
        }
    }
}
