//! What can be said of a journal's objects without using it.

use bytes::Bytes;

use crate::checkpoint::Checkpoint;
use crate::config::Config;
use crate::error::Error;
use crate::follower::opened;
use crate::key::Keys;

/// Where things are, for who looks before a journal is used.
#[derive(Clone, Debug)]
pub struct Layout(Keys);

impl Layout {
    /// Of the journal with this prefix.
    #[must_use]
    pub fn new(config: &Config) -> Layout {
        Layout(Keys::new(config))
    }

    /// The checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> String {
        self.0.checkpoint()
    }

    /// What the keys of objects begin with that there are only where somebody made a commit: commits, lists, segments.
    #[must_use]
    pub fn traces(&self) -> [String; 3] {
        [self.0.commits(), self.0.lists(), self.0.segments()]
    }

    /// What the keys of objects of logs begin with: of their bytes, and of what all logs are.
    #[must_use]
    pub fn log_objects(&self) -> [String; 2] {
        self.0.log_objects()
    }

    /// Bytes of logs.
    #[must_use]
    pub fn log_object(&self, epoch: u32, number: u64) -> String {
        self.0.log_object(epoch, number)
    }

    /// What all logs are.
    #[must_use]
    pub fn log_state(&self, epoch: u32, number: u64) -> String {
        self.0.log_state(epoch, number)
    }

    /// The epoch and number of one of these.
    #[must_use]
    pub fn log_object_name(&self, key: &str) -> Option<(u32, u64)> {
        self.0.log_object_name(key)
    }

    /// An object of nobody else, to try a store with.
    #[must_use]
    pub fn probe(&self, nonce: u64) -> String {
        self.0.probe(nonce)
    }

    /// Whether this is a checkpoint that can be used.
    ///
    /// # Errors
    ///
    /// When it is damaged, or in another version of the format.
    pub fn check_checkpoint(&self, object: &Bytes) -> Result<(), Error> {
        opened(&self.checkpoint(), Checkpoint::unseal(object)).map(drop)
    }
}
