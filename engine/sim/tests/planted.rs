//! Each checker is known to bite: a bug is planted, all other checkers are silenced, and it is found within some seeds.

use headwater_sim::{Checker, Options, Plant, run};

/// Within so many seeds.
const SEEDS: u64 = 60;

fn assert_found(plant: Plant, checker: Checker) {
    let options = Options { plant: Some(plant), only: Some(checker), ..Options::default() };
    // The engine's own assertions may find it too; that is not what is asked here.
    let by_it = |violation: &String| violation.starts_with(&format!("{checker:?}: "));
    let found = (0..SEEDS).find_map(|seed| run(seed, &options).violation.filter(by_it));
    assert!(found.is_some(), "{checker:?} did not find {plant:?} in {SEEDS} seeds");
}

#[test]
fn acknowledging_before_it_is_durable_is_found() {
    assert_found(Plant::AcknowledgeBeforeDurable, Checker::Acknowledged);
}

#[test]
fn showing_before_it_is_durable_is_found() {
    assert_found(Plant::AcknowledgeBeforeDurable, Checker::Visibility);
}

#[test]
fn a_lost_completion_is_found() {
    assert_found(Plant::DropCompletion, Checker::Liveness);
}

#[test]
fn a_request_that_is_never_answered_is_found() {
    assert_found(Plant::DropCompletion, Checker::Answers);
}

#[test]
fn a_batch_that_lands_twice_is_found() {
    assert_found(Plant::DuplicateRequest, Checker::Idempotence);
}

#[test]
fn an_answer_too_many_is_found() {
    assert_found(Plant::SwapAnswers, Checker::Answers);
}

#[test]
fn keeping_what_was_refused_is_found() {
    assert_found(Plant::KeepRefused, Checker::Recovery);
}

#[test]
fn a_batch_that_is_left_out_is_found() {
    assert_found(Plant::SkipBatch, Checker::Offsets);
}

#[test]
fn brokers_that_hear_nothing_are_found() {
    assert_found(Plant::DeafBrokers, Checker::Agreement);
}

#[test]
fn a_producer_that_loses_its_order_is_found() {
    assert_found(Plant::UnorderedProducer, Checker::Order);
}

#[test]
fn a_group_that_does_not_stand_where_it_committed_is_found() {
    assert_found(Plant::CommitAhead, Checker::Commits);
}

#[test]
fn records_that_a_group_never_gets_are_found() {
    assert_found(Plant::CommitAhead, Checker::Delivery);
}

#[test]
fn a_key_that_compaction_loses_is_found() {
    assert_found(Plant::DamagedCopy, Checker::Compaction);
}

#[test]
fn a_partition_of_two_members_is_found() {
    assert_found(Plant::SameShare, Checker::Membership);
}

#[test]
fn records_of_an_aborted_transaction_that_are_read_are_found() {
    assert_found(Plant::CommitAborted, Checker::Transactions);
}

#[test]
fn a_reader_that_is_given_too_much_is_found() {
    assert_found(Plant::ReadUncommitted, Checker::Transactions);
}

#[test]
fn a_transaction_that_nobody_ends_is_found() {
    assert_found(Plant::UnverifiedRecord, Checker::Liveness);
}

/// The same records, when brokers ask the coordinator first.
#[test]
fn a_record_that_comes_late_begins_no_transaction() {
    let options =
        Options { plant: Some(Plant::LateRecord), only: Some(Checker::Liveness), ..Options::default() };
    for seed in 0..SEEDS / 4 {
        assert_eq!(run(seed, &options).violation, None, "seed {seed}");
    }
}

#[test]
fn offsets_apart_from_their_transaction_are_found() {
    assert_found(Plant::OffsetsApart, Checker::Transactions);
}

#[test]
fn records_that_are_copied_twice_are_found() {
    assert_found(Plant::OffsetsApart, Checker::ExactlyOnce);
}

#[test]
fn a_log_start_that_is_forgotten_over_a_crash_is_found() {
    assert_found(Plant::ForgetLogStart, Checker::LogStart);
}

#[test]
fn a_log_start_that_is_told_before_it_is_durable_is_found() {
    assert_found(Plant::DropLater, Checker::LogStart);
}

#[test]
fn a_segment_that_is_dropped_beyond_the_log_start_is_found() {
    assert_found(Plant::DropOneMore, Checker::LogStart);
}

#[test]
fn retention_that_deletes_one_segment_too_many_is_found() {
    assert_found(Plant::RetainLess, Checker::Retention);
}

#[test]
fn retention_that_deletes_too_much_of_a_compacted_topic_is_found() {
    assert_found(Plant::RetainLessCompacted, Checker::Retention);
}

#[test]
fn a_key_that_is_lost_where_retention_did_not_take_it_is_found() {
    assert_found(Plant::RetainLessCompacted, Checker::Compaction);
}
