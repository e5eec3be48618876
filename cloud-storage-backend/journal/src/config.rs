//! What can be chosen.

/// How a journal is used. All that use one have to have the same `prefix`, `journal` and `collect_after_ms`.
#[derive(Clone, Debug)]
pub struct Config {
    /// What all keys begin with; empty, or ends in a slash.
    pub prefix: String,
    /// The journal: appends to partitions of another are refused.
    pub journal: u32,
    /// G: how long something lives on that nobody new can come to, by the store's clock. Half of it is how long
    /// anybody trusts what was learned last.
    pub collect_after_ms: i64,
    /// A checkpoint is begun after so many commits.
    pub checkpoint_commits: u64,
    /// No commit is made that is so many behind the last checkpoint: what a cold start has to read.
    pub max_commits_behind: u64,
    /// Between two checkpoints: some stores take one write a second of a key.
    pub checkpoint_interval_ms: u64,
    /// Larger appends are written as intents even when alone, and never copied.
    pub max_inline_bytes: usize,
    /// What an intent is stands in its name if that takes no more bytes than these; file systems take 255 characters.
    pub max_header_in_name: usize,
    /// So many segments of a level are merged into one of the next.
    pub merge_segments: usize,
    /// So many producers are remembered, each in each of its partitions: those that wrote last. Chosen once, by whoever makes
    /// the first checkpoint.
    pub max_producers: usize,
    /// How often a reader asks at the tail.
    pub poll_interval_ms: u64,
    /// A reader reads on when fewer chunks wait to be taken.
    pub max_chunks_waiting: usize,
    /// A bug to be found.
    #[cfg(feature = "plants")]
    pub plant: Option<crate::Plant>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            prefix: String::new(),
            journal: 0,
            collect_after_ms: 600_000,
            checkpoint_commits: 8,
            max_commits_behind: 32,
            checkpoint_interval_ms: 1_000,
            max_inline_bytes: 256 * 1024,
            max_header_in_name: 180,
            merge_segments: 8,
            max_producers: 32_768,
            poll_interval_ms: 100,
            max_chunks_waiting: 1_024,
            #[cfg(feature = "plants")]
            plant: None,
        }
    }
}

/// A bug on demand, one or more for each rule of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Plant {
    /// Rule 1: after a time-out of a PUT, a writer takes it for lost and begins again, as another append.
    BeginAgainAfterUnknown,
    /// Rule 1: after a time-out of a PUT, a writer takes it for done.
    TrustUnknown,
    /// Rule 1: combiners do not look whether an append was committed before.
    ForgetIds,
    /// Rule 1: the content of a commit that was there first is taken for one's own.
    IgnoreNonce,
    /// Rule 2: combiners do not validate.
    NoValidation,
    /// Rule 2: an author that waits too long says it was not appended, though its intent is there.
    DenyIntent,
    /// Rule 2: combiners take none along but themselves, and nobody gets more patient with age.
    Selfish,
    /// Rule 2: an append is committed in part when some of it is refused.
    CommitParts,
    /// Rule 3: commits are deleted as soon as one checkpoint covers them.
    CollectAtOnce,
    /// Rule 3: a writer acknowledges however long ago it saw the tail.
    IgnoreDateOfPut,
    /// Rule 3: a reader takes a 404 for the tail, however long it has slept.
    IgnoreDateOfGet,
    /// Rule 3: nothing is ever deleted.
    NeverCollect,
    /// Rule 4: a checkpoint is written over whatever is there.
    BlindCheckpoint,
    /// Rule 4: a reader believes a LIST about where the tail is.
    BelieveList,
    /// Rule 5: an append over two journals is taken, as two.
    SplitAcrossJournals,
    /// Rule 6: nobody looks at fences.
    IgnoreFences,
    /// A writer answers twice.
    AnswerTwice,
    /// Rule 3: a reader that has to start again at the checkpoint does not read what it missed.
    ForgetSegments,
    /// Retention: a partition may begin behind its end.
    StartBehindEnd,
    /// Retention: a segment is dropped when one of its partitions lies below its start.
    DropPartly,
    /// Retention: nothing is ever dropped.
    KeepBelowStart,
    /// Retention: a reader is not told of what it does not get.
    HideStart,
    /// Producers are forgotten that have just written.
    ForgetNewest,
    /// Producers are never forgotten.
    KeepProducers,
}

impl Config {
    /// Whether a bug is wanted; never outside of the simulator.
    #[cfg(feature = "plants")]
    pub(crate) fn plants(&self, plant: Plant) -> bool {
        self.plant == Some(plant)
    }

    #[cfg(not(feature = "plants"))]
    pub(crate) const fn plants(&self, _plant: Plant) -> bool {
        false
    }
}
