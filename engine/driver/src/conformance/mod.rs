//! The cases that every storage must pass, wherever it runs.
//!
//! A case begins with no data, submits operations, and looks at the outcomes. The same list runs natively over
//! [`MemoryStorage`](crate::MemoryStorage) and in a browser over IndexedDB:
//!
//! ```no_run
//! # use headwater_driver::conformance::{CASES, Harness, run};
//! # async fn all<H: Harness>(new: impl Fn(&str) -> H) {
//! for case in CASES {
//!     let outcome = run(case, &mut new(case)).await;
//! }
//! # }
//! ```

mod append;
mod crash;
mod delete;
mod load;
mod read;
mod replace;
mod room;
mod session;
mod snapshot;
mod truncate;

use crate::LogStorage;

/// What a storage brings along to be tested.
#[expect(async_fn_in_trait, reason = "the cases run on one thread, also where futures cannot be sent")]
pub trait Harness {
    /// The storage.
    type Storage: LogStorage;

    /// Opens the storage over the data of this harness, which is empty at first. A storage opened before may still
    /// be there (it is fenced then) or have been dropped with work under way.
    ///
    /// # Errors
    ///
    /// Why it cannot be opened; the case fails with that.
    async fn open(&mut self) -> Result<Self::Storage, String>;

    /// Returns when an outcome may be there to be polled, or after a few seconds.
    async fn wait(&mut self, storage: &mut Self::Storage);

    /// Leaves room for about so many more bytes; `None` takes the limit away. False when the harness cannot do
    /// that, and then the case passes without having tested anything.
    async fn limit_room(&mut self, bytes: Option<u64>) -> bool;
}

macro_rules! cases {
    ($($group:ident: $($case:ident)+;)+) => {
        /// The names of all cases.
        pub const CASES: &[&str] = &[$($(concat!(stringify!($group), "::", stringify!($case)),)+)+];

        /// Runs one case over a harness that holds no data.
        ///
        /// # Errors
        ///
        /// What was not as it should be, for people.
        pub async fn run<H: Harness>(case: &str, harness: &mut H) -> Result<(), String> {
            $($(
                if case == concat!(stringify!($group), "::", stringify!($case)) {
                    return $group::$case(&mut session::Session::open(harness).await?).await;
                }
            )+)+
            Err(format!("there is no case {case}"))
        }
    };
}

cases! {
    append:
        comes_back
        takes_effect_in_order
        several_logs_in_one_flush
        segments_follow_one_another
        at_a_wrong_position_is_refused
        to_an_earlier_segment_is_refused
        behind_a_refused_one_is_refused
        in_a_segment_behind_a_refused_one_is_refused
        after_a_refusal_was_told_is_applied
        refusal_leaves_other_logs_alone
        larger_than_a_mebibyte
        strict_and_relaxed_interleaved
        many_small_ones_read_as_one
        answers_each_operation_once;
    read:
        inside_one_append
        across_appends
        past_the_end
        nothing
        in_sequence_over_a_large_segment
        while_appends_are_under_way;
    load:
        empty
        segments_and_sizes
        after_opening_again
        behind_appends_of_the_same_flush;
    truncate:
        to_nothing
        at_the_end_of_an_append
        inside_an_append
        inside_a_large_append
        drops_later_segments
        drops_snapshots_above
        of_a_missing_segment_at_zero
        beyond_the_end_is_refused
        twice_in_one_flush
        between_appends_of_one_flush;
    delete:
        segments_below
        segments_all
        segments_keeps_the_producers_at_the_start
        log_start_is_kept
        log_start_of_an_emptied_log_is_kept
        log
        log_leaves_similar_names_alone
        log_and_write_again_in_one_flush;
    replace:
        one_segment
        the_same_segment_again
        several_by_one
        in_order_with_other_writes
        without_its_copy_is_refused
        a_copy_is_seen_by_nobody
        in_a_crash_is_whole_or_not_at_all
        needs_no_room
        copy_without_room_is_refused;
    snapshot:
        put_replace_delete
        large_and_empty
        belongs_to_its_log;
    crash:
        with_work_under_way_leaves_a_prefix
        opened_again_after_every_step
        elder_owner_is_fenced
        random_operations_end_as_in_memory;
    room:
        none_left_is_refused_without_a_hole
        is_won_back_by_deleting
        is_not_needed_to_delete_segments;
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::CASES;

    #[test]
    fn names_are_unique() {
        assert_eq!(CASES.iter().collect::<HashSet<_>>().len(), CASES.len());
    }
}
