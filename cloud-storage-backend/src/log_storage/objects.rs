//! Objects of logs in the store, however often a request has to be tried.

use std::time::Duration;

use bytes::Bytes;
use headwater_journal::{Layout, Outcome, Request};

use super::content::{ObjectId, Stored};
use crate::runtime;
use crate::store::Store;

/// So often something is tried; with the waits between, for about ten seconds where answers come at once.
const TRIES: u32 = 9;
/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The objects of a journal's logs.
#[derive(Clone, Debug)]
pub(super) struct Objects {
    store: Store,
    layout: Layout,
}

impl Objects {
    pub(super) fn new(store: Store, layout: Layout) -> Objects {
        Objects { store, layout }
    }

    /// Writes bytes of logs.
    pub(super) async fn create(&self, object: ObjectId, bytes: Bytes) -> Result<(), String> {
        self.create_own(self.layout.log_object(object.epoch, object.number), bytes).await
    }

    /// Writes what all logs are.
    pub(super) async fn create_state(&self, object: ObjectId, bytes: Bytes) -> Result<(), String> {
        self.create_own(self.layout.log_state(object.epoch, object.number), bytes).await
    }

    /// Nobody else writes an object of this name: that it is there means that an earlier try did it.
    async fn create_own(&self, key: String, bytes: Bytes) -> Result<(), String> {
        for tries in 0..TRIES {
            match self.store.execute(Request::Create { key: key.clone(), bytes: bytes.clone() }).await {
                Outcome::Stored { .. } => return Ok(()),
                Outcome::NotMatched => {
                    let head = self.store.execute(Request::Get { key: key.clone(), limit: Some(1) }).await;
                    if matches!(head, Outcome::Found { .. }) {
                        return Ok(());
                    }
                }
                outcome => refused(&key, outcome)?,
            }
            back_off(tries).await;
        }
        Err(format!("{key} could not be written in {TRIES} tries"))
    }

    /// A piece, whose checksum is right.
    pub(super) async fn piece(&self, stored: Stored) -> Result<Bytes, String> {
        let key = self.layout.log_object(stored.object.epoch, stored.object.number);
        let range = stored.position..stored.position + u64::from(stored.length);
        for tries in 0..TRIES {
            match self.store.read_part(&key, range.clone()).await {
                Outcome::Found { bytes, .. } if bytes.len() as u64 != u64::from(stored.length) => {
                    return Err(format!("{key} is damaged: cut off"));
                }
                Outcome::Found { bytes, .. } if headwater_engine::record::crc32c(&bytes) != stored.crc => {
                    return Err(format!(
                        "{key} is damaged: bytes from {} on have another checksum",
                        range.start
                    ));
                }
                Outcome::Found { bytes, .. } => return Ok(bytes),
                Outcome::Missing { .. } => return Err(format!("{key} is gone")),
                outcome => refused(&key, outcome)?,
            }
            back_off(tries).await;
        }
        Err(format!("{key} could not be read in {TRIES} tries"))
    }

    /// What all logs are.
    pub(super) async fn state(&self, object: ObjectId) -> Result<Bytes, String> {
        let key = self.layout.log_state(object.epoch, object.number);
        for tries in 0..TRIES {
            match self.store.execute(Request::Get { key: key.clone(), limit: None }).await {
                Outcome::Found { bytes, .. } => return Ok(bytes),
                Outcome::Missing { .. } => return Err(format!("{key} is gone")),
                outcome => refused(&key, outcome)?,
            }
            back_off(tries).await;
        }
        Err(format!("{key} could not be read in {TRIES} tries"))
    }

    pub(super) fn state_key(&self, object: ObjectId) -> String {
        self.layout.log_state(object.epoch, object.number)
    }

    /// Deletes objects as well as it can: those that stay are found by the next owner.
    pub(super) async fn delete(&self, objects: Vec<ObjectId>, states: Vec<ObjectId>) {
        let mut keys: Vec<String> =
            objects.iter().map(|object| self.layout.log_object(object.epoch, object.number)).collect();
        keys.extend(states.into_iter().map(|object| self.state_key(object)));
        for keys in keys.chunks(1_000) {
            self.delete_keys(keys.to_vec()).await;
        }
    }

    async fn delete_keys(&self, keys: Vec<String>) {
        for tries in 0..TRIES {
            match self.store.execute(Request::Delete { keys: keys.clone() }).await {
                Outcome::Deleted | Outcome::Refused(_) => return,
                _ => back_off(tries).await,
            }
        }
    }

    /// Deletes what elder owners have left behind that belongs to nothing. They cannot make use of it any more.
    pub(super) async fn sweep(self, epoch: u32, lives: impl Fn(ObjectId) -> bool, state: Option<ObjectId>) {
        let [objects, states] = self.layout.log_objects();
        self.sweep_below(objects, epoch, &lives).await;
        self.sweep_below(states, epoch, &|object| Some(object) == state).await;
    }

    async fn sweep_below(&self, prefix: String, epoch: u32, lives: &impl Fn(ObjectId) -> bool) {
        let mut after = String::new();
        loop {
            let list = Request::List { prefix: prefix.clone(), after: after.clone() };
            let Outcome::Listed { keys, more } = self.store.execute(list).await else { return };
            let last = keys.last().cloned();
            let is_dead = |key: &String| {
                let name = self.layout.log_object_name(key);
                let object = name.map(|(epoch, number)| ObjectId { epoch, number });
                object.is_some_and(|object| object.epoch < epoch && !lives(object))
            };
            let dead: Vec<String> = keys.into_iter().filter(is_dead).collect();
            if !dead.is_empty() {
                self.delete_keys(dead).await;
            }
            match last {
                Some(last) if more => after = last,
                _ => return,
            }
        }
    }
}

fn refused(key: &str, outcome: Outcome) -> Result<(), String> {
    match outcome {
        Outcome::Refused(reason) => Err(format!("the store refuses {key}: {reason}")),
        _ => Ok(()),
    }
}

pub(super) async fn back_off(tries: u32) {
    let wait = Duration::from_millis(20 << tries.min(10)).min(LONGEST_WAIT);
    runtime::sleep(wait).await;
}
