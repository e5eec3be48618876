//! What a writer knows between appends.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::Answer;
use super::crowd::Crowd;
use crate::append::AppendId;
use crate::config::Config;
use crate::follower::{Follower, HEAD_BYTES};
use crate::keeper::Job;
use crate::port::Port;

pub(crate) struct Core {
    pub(super) follower: Follower<(AppendId, Answer)>,
    pub(super) crowd: Crowd,
    /// How many commits were made without a look for others.
    pub(super) alone: u32,
    /// The last append was in a commit of this writer's own.
    pub(super) won: bool,
    /// A checkpoint is being made in the background.
    pub(super) keeper_runs: Arc<AtomicBool>,
}

impl Core {
    pub(super) fn new(port: Port<(AppendId, Answer)>, config: Arc<Config>) -> Core {
        Core {
            follower: Follower::new(port, config, Some(HEAD_BYTES)),
            crowd: Crowd::default(),
            alone: 0,
            won: false,
            keeper_runs: Arc::default(),
        }
    }

    pub(super) fn producers(&self) -> usize {
        self.follower.state.producers()
    }

    /// The work of a checkpoint of all that is known here.
    pub(super) fn job(&self, port: Port<(AppendId, Answer)>, maintain: bool) -> Job<(AppendId, Answer)> {
        let follower = &self.follower;
        Job {
            port,
            config: Arc::clone(&follower.config),
            keys: follower.keys.clone(),
            state: follower.state.clone(),
            commits: follower.commits.iter().cloned().collect(),
            checkpointed: Arc::clone(&follower.checkpointed),
            not_before_ms: self.checkpoint_from_ms(),
            maintain,
        }
    }

    /// When the next checkpoint may be written.
    fn checkpoint_from_ms(&self) -> u64 {
        self.follower.checkpoint_seen_ms.saturating_add(self.follower.config.checkpoint_interval_ms)
    }

    /// Whether this writer should begin one. In a crowd not everybody at every commit: another one may be under way. And
    /// not long before it may be written: it would be old then.
    pub(super) fn checkpoint_is_due(&mut self, own: AppendId) -> bool {
        let config = &self.follower.config;
        let (every, interval) = (config.checkpoint_commits.max(1), config.checkpoint_interval_ms);
        let now = self.follower.port.now_ms();
        let behind = self.follower.commits_behind();
        let is_time = now + interval / 4 >= self.checkpoint_from_ms();
        let is_turn = self.crowd.others(now, own) == 0 || behind.is_multiple_of((every / 2).max(1));
        self.won && behind >= every && is_time && is_turn
    }
}
