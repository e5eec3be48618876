//! Each rule of the bucket's protocol is known to be looked after: it is broken, all checkers but one are silenced, and that
//! one finds it within some seeds.

use headwater_sim::{BucketChecker, BucketOptions, BucketPlant, run_bucket};

/// Within so many seeds.
const SEEDS: u64 = 150;

fn assert_found(plant: BucketPlant, checker: BucketChecker) {
    let options = BucketOptions { plant: Some(plant), only: Some(checker), ..BucketOptions::default() };
    let by_it = |violation: &String| violation.starts_with(&format!("{checker:?}: "));
    let found = (0..SEEDS).find_map(|seed| run_bucket(seed, &options).violation.filter(by_it));
    assert!(found.is_some(), "{checker:?} did not find {plant:?} in {SEEDS} seeds");
}

// Rule 1: a PUT of which nobody knows is settled, and an append is one whatever form it has.

#[test]
fn beginning_again_after_an_unknown_put_is_found() {
    assert_found(BucketPlant::BeginAgainAfterUnknown, BucketChecker::Producers);
}

#[test]
fn taking_an_unknown_put_for_done_is_found() {
    assert_found(BucketPlant::TrustUnknown, BucketChecker::Acknowledged);
}

#[test]
fn forgetting_what_was_committed_is_found() {
    assert_found(BucketPlant::ForgetIds, BucketChecker::Producers);
}

#[test]
fn taking_the_commit_of_another_for_ones_own_is_found() {
    assert_found(BucketPlant::IgnoreNonce, BucketChecker::Acknowledged);
}

// Rule 2: who commits for others validates, and who was committed by others knows.

#[test]
fn not_validating_is_found() {
    assert_found(BucketPlant::NoValidation, BucketChecker::Producers);
}

#[test]
fn denying_an_append_that_is_on_its_way_is_found() {
    assert_found(BucketPlant::DenyIntent, BucketChecker::Producers);
}

#[test]
fn passing_others_by_is_found() {
    assert_found(BucketPlant::Selfish, BucketChecker::Starvation);
}

#[test]
fn committing_an_append_in_part_is_found() {
    assert_found(BucketPlant::CommitParts, BucketChecker::Atomic);
}

// Rule 3: collection.

#[test]
fn collecting_what_one_may_still_come_to_is_found() {
    assert_found(BucketPlant::CollectAtOnce, BucketChecker::Collection);
}

#[test]
fn acknowledging_a_put_on_a_collected_key_is_found() {
    assert_found(BucketPlant::IgnoreDateOfPut, BucketChecker::Acknowledged);
}

#[test]
fn taking_a_collected_key_for_the_tail_is_found() {
    assert_found(BucketPlant::IgnoreDateOfGet, BucketChecker::Acknowledged);
}

#[test]
fn a_reader_that_skips_what_it_missed_is_found() {
    assert_found(BucketPlant::ForgetSegments, BucketChecker::Offsets);
}

#[test]
fn never_collecting_is_found() {
    assert_found(BucketPlant::NeverCollect, BucketChecker::Collection);
}

// Rule 4: checkpoints and lists.

#[test]
fn a_checkpoint_over_a_newer_one_is_found() {
    assert_found(BucketPlant::BlindCheckpoint, BucketChecker::Acknowledged);
}

#[test]
fn believing_a_list_about_the_tail_is_found() {
    assert_found(BucketPlant::BelieveList, BucketChecker::Undamaged);
}

// Rules 5 and 6: no append over two journals, and nothing by who was fenced.

#[test]
fn an_append_over_two_journals_is_found() {
    assert_found(BucketPlant::SplitAcrossJournals, BucketChecker::Atomic);
}

#[test]
fn an_owner_that_was_replaced_and_goes_on_is_found() {
    assert_found(BucketPlant::IgnoreFences, BucketChecker::Fences);
}

// Retention: of partitions, and of what is remembered of producers.

#[test]
fn a_partition_that_begins_behind_its_end_is_found() {
    assert_found(BucketPlant::StartBehindEnd, BucketChecker::Undamaged);
}

#[test]
fn dropping_what_is_above_a_start_is_found() {
    assert_found(BucketPlant::DropPartly, BucketChecker::Acknowledged);
}

#[test]
fn keeping_what_is_below_all_starts_is_found() {
    assert_found(BucketPlant::KeepBelowStart, BucketChecker::Collection);
}

#[test]
fn not_telling_a_reader_of_a_start_is_found() {
    assert_found(BucketPlant::HideStart, BucketChecker::Offsets);
}

#[test]
fn forgetting_who_has_just_written_is_found() {
    assert_found(BucketPlant::ForgetNewest, BucketChecker::Producers);
}

#[test]
fn remembering_every_producer_is_found() {
    assert_found(BucketPlant::KeepProducers, BucketChecker::Bounded);
}

#[test]
fn answering_twice_is_found() {
    assert_found(BucketPlant::AnswerTwice, BucketChecker::Answers);
}
