use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::{Assignment, Generation, Group, GroupMetadata, GroupSettings, Join, Output, Protocol, Sync};

const NO_DELAY: GroupSettings = GroupSettings { initial_rebalance_delay_ms: 0, max_size: 3 };
const SESSION_MS: u64 = 10_000;
const REBALANCE_MS: u64 = 30_000;

type Tokens = u32;

/// A group, the time, and what came of the last call.
struct World {
    group: Group<Tokens>,
    now: u64,
    next_token: Tokens,
    settings: GroupSettings,
}

fn world() -> World {
    World { group: Group::new(), now: 1_000, next_token: 0, settings: NO_DELAY }
}

fn wish(member_id: &str, protocols: &[&str]) -> Join<Tokens> {
    Join {
        token: 0,
        member_id: member_id.to_owned(),
        new_member_id: String::new(),
        instance_id: None,
        client_id: "client".to_owned(),
        client_host: "host".to_owned(),
        session_timeout_ms: SESSION_MS,
        rebalance_timeout_ms: REBALANCE_MS,
        protocol_type: "consumer".to_owned(),
        protocols: protocols
            .iter()
            .map(|name| Protocol { name: (*name).to_owned(), metadata: Bytes::from((*name).to_owned()) })
            .collect(),
        needs_member_id: false,
        can_skip_assignment: false,
    }
}

fn new_member(id: &str) -> Join<Tokens> {
    Join { new_member_id: id.to_owned(), ..wish("", &["range"]) }
}

fn static_member(id: &str, instance_id: &str) -> Join<Tokens> {
    Join { instance_id: Some(instance_id.to_owned()), ..new_member(id) }
}

impl World {
    fn join(&mut self, mut join: Join<Tokens>) -> Tokens {
        self.next_token += 1;
        join.token = self.next_token;
        self.group.join(self.now, join, self.settings);
        self.next_token
    }

    fn sync(&mut self, member_id: &str, generation: i32, assignments: &[(&str, &'static str)]) -> Tokens {
        self.next_token += 1;
        let assignments =
            assignments.iter().map(|(id, what)| ((*id).to_owned(), Bytes::from_static(what.as_bytes())));
        let sync = Sync {
            token: self.next_token,
            member_id: member_id.to_owned(),
            instance_id: None,
            generation,
            protocol_type: None,
            protocol: None,
            assignments: assignments.collect(),
        };
        self.group.sync(self.now, sync);
        self.next_token
    }

    fn outputs(&mut self) -> Vec<Output<Tokens>> {
        std::iter::from_fn(|| self.group.poll_output()).collect()
    }

    /// The only output, which answers this join.
    fn joined(&mut self, token: Tokens) -> Result<Generation, ResponseError> {
        let mut outputs = self.outputs();
        assert_eq!(outputs.len(), 1, "{outputs:?}");
        match outputs.pop() {
            Some(Output::Joined { token: answered, result, .. }) if answered == token => {
                result.map_err(|error| error.error)
            }
            other => panic!("{other:?}"),
        }
    }

    fn all_joined(&mut self) -> Vec<(Tokens, Result<Generation, ResponseError>)> {
        let joined = self.outputs().into_iter().map(|output| match output {
            Output::Joined { token, result, .. } => (token, result.map_err(|error| error.error)),
            other => panic!("{other:?}"),
        });
        joined.collect()
    }

    fn all_synced(&mut self) -> Vec<(Tokens, Result<Bytes, ResponseError>)> {
        let synced = self.outputs().into_iter().map(|output| match output {
            Output::Synced { token, result } => {
                (token, result.map(|assigned: Assignment| assigned.assignment).map_err(|error| error.error))
            }
            other => panic!("{other:?}"),
        });
        synced.collect()
    }

    fn stored(&mut self) -> GroupMetadata {
        match self.outputs().pop() {
            Some(Output::Store(metadata)) => metadata,
            other => panic!("{other:?}"),
        }
    }

    fn heartbeat(&mut self, member_id: &str, generation: i32) -> Result<(), ResponseError> {
        self.group.heartbeat(self.now, member_id, None, generation).map_err(|error| error.error)
    }

    fn leave(&mut self, member_id: &str) -> Result<(), ResponseError> {
        self.group.leave(self.now, member_id, None).map_err(|error| error.error)
    }

    /// Time goes on to the next moment at which there is something to do.
    fn wake(&mut self) {
        self.now = self.group.next_due().expect("something is to be done");
        self.group.handle_timeout(self.now, false);
    }

    fn pass(&mut self, ms: u64) {
        self.now += ms;
        self.group.handle_timeout(self.now, false);
    }

    /// Members a and b, of which a leads, in a stable generation 2.
    fn with_two() -> World {
        let mut world = world();
        let first = world.join(new_member("a"));
        assert_eq!(world.joined(first).unwrap().generation, 1);
        world.join(new_member("b"));
        world.join(wish("a", &["range"]));
        assert_eq!(world.all_joined().len(), 2);
        world.sync("a", 2, &[("a", "one"), ("b", "two")]);
        assert_eq!(world.stored().members.len(), 2);
        world.group.stored(world.now, 2, Ok(()));
        world.sync("b", 2, &[]);
        assert_eq!(world.all_synced().len(), 2);
        assert_eq!(world.group.state(), "Stable");
        world
    }
}

#[test]
fn a_first_member_leads_and_assigns() {
    let mut world = world();
    let token = world.join(new_member("a"));
    let generation = world.joined(token).unwrap();
    assert_eq!((generation.generation, &generation.leader[..]), (1, "a"));
    assert_eq!(generation.protocol.as_deref(), Some("range"));
    assert_eq!(generation.members.len(), 1);
    assert_eq!(world.group.state(), "CompletingRebalance");
    let token = world.sync("a", 1, &[("a", "all")]);
    let stored = world.stored();
    assert_eq!((stored.generation, stored.members[0].assignment.clone()), (1, Bytes::from_static(b"all")));
    assert_eq!(world.group.state(), "CompletingRebalance", "until it is stored");
    world.group.stored(world.now, 1, Ok(()));
    assert_eq!(world.all_synced(), [(token, Ok(Bytes::from_static(b"all")))]);
    assert_eq!(world.group.state(), "Stable");
}

#[test]
fn a_second_member_has_all_join_again_and_only_the_leader_sees_the_members() {
    let mut world = world();
    let first = world.join(new_member("a"));
    world.joined(first).unwrap();
    let second = world.join(new_member("b"));
    assert_eq!(world.outputs(), [], "it waits for the first");
    assert_eq!(world.heartbeat("a", 1), Err(ResponseError::RebalanceInProgress));
    let again = world.join(wish("a", &["range"]));
    let joined = world.all_joined();
    assert_eq!(joined.len(), 2);
    for (token, result) in joined {
        let generation = result.unwrap();
        assert_eq!((generation.generation, &generation.leader[..]), (2, "a"));
        let expected = if token == again { 2 } else { 0 };
        assert_eq!(generation.members.len(), expected, "{token} of {second} and {again}");
    }
}

#[test]
fn members_that_wait_for_the_leader_are_answered_together() {
    let mut world = world();
    let first = world.join(new_member("a"));
    world.joined(first).unwrap();
    world.join(new_member("b"));
    world.join(wish("a", &["range"]));
    world.all_joined();
    let follower = world.sync("b", 2, &[]);
    assert_eq!(world.outputs(), []);
    let leader = world.sync("a", 2, &[("b", "two")]);
    world.stored();
    world.group.stored(world.now, 2, Ok(()));
    let expected = [(leader, Ok(Bytes::new())), (follower, Ok(Bytes::from_static(b"two")))];
    assert_eq!(world.all_synced(), expected, "who is not named gets nothing");
}

#[test]
fn an_assignment_that_cannot_be_stored_has_all_join_again() {
    let mut world = world();
    let first = world.join(new_member("a"));
    world.joined(first).unwrap();
    let token = world.sync("a", 1, &[("a", "all")]);
    world.stored();
    let error = crate::error::ApiError::new(ResponseError::CoordinatorNotAvailable, "full");
    world.group.stored(world.now, 1, Err(error));
    assert_eq!(world.all_synced(), [(token, Err(ResponseError::CoordinatorNotAvailable))]);
    assert_eq!(world.group.state(), "PreparingRebalance");
    let token = world.join(wish("a", &["range"]));
    assert_eq!(world.joined(token).unwrap().generation, 2);
}

#[test]
fn an_assignment_of_an_earlier_generation_is_not_taken() {
    let mut world = world();
    let first = world.join(new_member("a"));
    world.joined(first).unwrap();
    let sync = world.sync("a", 1, &[("a", "all")]);
    world.stored();
    world.join(new_member("b"));
    assert_eq!(world.all_synced(), [(sync, Err(ResponseError::RebalanceInProgress))]);
    world.group.stored(world.now, 1, Ok(()));
    assert_eq!((world.outputs(), world.group.state()), (vec![], "PreparingRebalance"));
}

#[test]
fn a_member_id_is_given_before_joining_if_asked_for() {
    let mut world = world();
    let token = world.join(Join { needs_member_id: true, ..new_member("a") });
    assert_eq!(world.joined(token), Err(ResponseError::MemberIdRequired));
    assert_eq!(world.group.state(), "Empty");
    assert!(world.group.has_pending_members());
    let token = world.join(Join { needs_member_id: true, ..wish("a", &["range"]) });
    assert_eq!(world.joined(token).unwrap().leader, "a");
    let token = world.join(Join { needs_member_id: true, ..new_member("never used") });
    assert_eq!(world.joined(token), Err(ResponseError::MemberIdRequired));
    world.now += SESSION_MS - 1;
    world.heartbeat("a", 1).unwrap();
    world.pass(1);
    assert!(!world.group.has_pending_members());
    let token = world.join(wish("never used", &["range"]));
    assert_eq!(world.joined(token), Err(ResponseError::UnknownMemberId));
}

#[test]
fn an_id_that_was_given_out_is_waited_for() {
    let mut world = World::with_two();
    world.join(Join { needs_member_id: true, ..new_member("c") });
    world.outputs();
    world.leave("b").unwrap();
    let again = world.join(wish("a", &["range"]));
    assert_eq!(world.outputs(), [], "c may be about to join");
    world.join(Join { needs_member_id: true, ..wish("c", &["range"]) });
    let joined = world.all_joined();
    assert_eq!((joined[0].0, joined.len()), (again, 2));
}

#[test]
fn the_first_members_are_waited_for_as_long_as_some_come() {
    let mut world = world();
    world.settings = GroupSettings { initial_rebalance_delay_ms: 3_000, max_size: 10 };
    world.join(new_member("a"));
    assert_eq!(world.group.next_due(), Some(world.now + 3_000));
    world.pass(2_000);
    world.join(new_member("b"));
    world.wake();
    assert_eq!(world.outputs(), [], "one came, so it waits on");
    world.wake();
    assert_eq!(world.now, 1_000 + 6_000);
    let joined = world.all_joined();
    assert_eq!(joined.len(), 2);
    assert!(joined.iter().all(|(_, result)| result.as_ref().unwrap().generation == 1));
}

#[test]
fn the_initial_delay_ends_with_the_rebalance_timeout() {
    let mut world = world();
    world.settings = GroupSettings { initial_rebalance_delay_ms: 3_000, max_size: 1_000 };
    let mut joins = 0;
    while world.group.state() != "CompletingRebalance" {
        world.join(new_member(&format!("m{joins}")));
        joins += 1;
        world.pass(1_000);
    }
    assert_eq!(world.now, 1_000 + REBALANCE_MS);
    assert_eq!(world.outputs().len(), joins);
}

#[test]
fn who_does_not_join_again_in_time_is_dropped() {
    let mut world = World::with_two();
    world.join(new_member("c"));
    let a = world.join(wish("a", &["range"]));
    let end = world.now + REBALANCE_MS;
    while world.now + SESSION_MS / 2 < end {
        world.pass(SESSION_MS / 2);
        // It lives, but it is busy.
        assert_eq!(world.heartbeat("b", 2), Err(ResponseError::RebalanceInProgress));
    }
    assert_eq!(world.outputs(), []);
    world.now = end;
    world.group.handle_timeout(end, false);
    let joined = world.all_joined();
    assert_eq!(joined.len(), 2);
    assert_eq!(joined[0].0, a);
    assert_eq!(world.heartbeat("b", 3), Err(ResponseError::UnknownMemberId));
}

#[test]
fn a_leader_that_does_not_join_again_is_replaced() {
    let mut world = World::with_two();
    world.leave("a").unwrap();
    let token = world.join(wish("b", &["range"]));
    let generation = world.joined(token).unwrap();
    assert_eq!((&generation.leader[..], generation.members.len(), generation.generation), ("b", 1, 3));
}

#[test]
fn silence_ends_a_membership() {
    let mut world = World::with_two();
    world.pass(SESSION_MS - 1);
    assert_eq!(world.heartbeat("a", 2), Ok(()));
    world.pass(1);
    assert_eq!(world.group.state(), "PreparingRebalance");
    assert_eq!(world.heartbeat("b", 2), Err(ResponseError::UnknownMemberId));
    assert_eq!(world.heartbeat("a", 2), Err(ResponseError::RebalanceInProgress));
    let token = world.join(wish("a", &["range"]));
    assert_eq!(world.joined(token).unwrap().members.len(), 1);
}

#[test]
fn when_the_last_has_gone_the_group_is_empty_and_stored() {
    let mut world = World::with_two();
    world.leave("a").unwrap();
    world.leave("b").unwrap();
    let stored = world.stored();
    assert_eq!((stored.generation, stored.members.len(), stored.protocol), (3, 0, None));
    assert_eq!((world.group.state(), world.group.next_due()), ("Empty", None));
    assert_eq!(world.leave("a"), Err(ResponseError::UnknownMemberId));
    let token = world.join(new_member("c"));
    assert_eq!(world.joined(token).unwrap().generation, 4);
}

#[test]
fn a_member_that_never_fetches_its_assignment_is_dropped() {
    let mut world = world();
    let first = world.join(new_member("a"));
    world.joined(first).unwrap();
    world.join(new_member("b"));
    world.join(wish("a", &["range"]));
    world.all_joined();
    world.sync("a", 2, &[]);
    world.stored();
    world.group.stored(world.now, 2, Ok(()));
    world.outputs();
    let end = world.now + REBALANCE_MS;
    while world.now < end {
        assert_eq!(world.heartbeat("a", 2), Ok(()));
        assert_eq!(world.heartbeat("b", 2), Ok(()));
        world.pass(1_000);
    }
    assert_eq!(world.heartbeat("b", 2), Err(ResponseError::UnknownMemberId));
    assert_eq!(world.heartbeat("a", 2), Err(ResponseError::RebalanceInProgress));
}

#[test]
fn a_join_that_comes_again_is_answered_again() {
    let mut world = World::with_two();
    let follower = world.join(wish("b", &["range"]));
    let generation = world.joined(follower).unwrap();
    assert_eq!((generation.generation, generation.members.len()), (2, 0));
    assert_eq!(world.group.state(), "Stable");
    // A leader that joins again has something to assign anew.
    world.join(wish("a", &["range"]));
    assert_eq!(world.group.state(), "PreparingRebalance");
    let second = world.join(wish("a", &["range"]));
    let joined = world.all_joined();
    assert_eq!(
        joined,
        [(second - 1, Err(ResponseError::RebalanceInProgress))],
        "the earlier one does not wait"
    );
}

#[test]
fn a_member_with_another_subscription_has_all_join_again() {
    let mut world = World::with_two();
    world.join(wish("b", &["range", "sticky"]));
    assert_eq!((world.outputs(), world.group.state()), (vec![], "PreparingRebalance"));
}

#[test]
fn the_protocol_is_the_one_that_most_like_best_of_those_that_all_have() {
    let mut world = world();
    world.settings = GroupSettings { initial_rebalance_delay_ms: 1, max_size: 10 };
    for (id, protocols) in [
        ("a", &["range", "sticky", "own"][..]),
        ("b", &["sticky", "range"]),
        ("c", &["none", "sticky", "range"]),
    ] {
        world.join(Join { new_member_id: id.to_owned(), ..wish("", protocols) });
    }
    world.wake();
    world.wake();
    let joined = world.all_joined();
    let generation = joined[0].1.as_ref().unwrap();
    assert_eq!(generation.protocol.as_deref(), Some("sticky"));
    assert!(generation.members.iter().all(|member| member.metadata == "sticky"));
    let token = world.join(Join { new_member_id: "d".to_owned(), ..wish("", &["own"]) });
    assert_eq!(world.joined(token), Err(ResponseError::InconsistentGroupProtocol));
    let mut other = new_member("e");
    other.protocol_type = "connect".to_owned();
    let token = world.join(other);
    assert_eq!(world.joined(token), Err(ResponseError::InconsistentGroupProtocol));
    let token = world.join(Join { new_member_id: "f".to_owned(), ..wish("", &[]) });
    assert_eq!(world.joined(token), Err(ResponseError::InconsistentGroupProtocol));
}

#[test]
fn a_full_group_takes_nobody_but_its_own() {
    let mut world = World::with_two();
    world.join(new_member("c"));
    world.join(wish("a", &["range"]));
    world.join(wish("b", &["range"]));
    assert_eq!(world.all_joined().len(), 3);
    let token = world.join(new_member("d"));
    assert_eq!(world.joined(token), Err(ResponseError::GroupMaxSizeReached));
    let token = world.join(wish("b", &["range"]));
    assert!(world.joined(token).is_ok());
}

#[test]
fn a_wrong_generation_or_protocol_is_told() {
    let mut world = World::with_two();
    assert_eq!(world.heartbeat("a", 1), Err(ResponseError::IllegalGeneration));
    let commit = |world: &mut World, id: &str, generation| {
        world.group.check_commit(world.now, id, None, generation).map_err(|error| error.error)
    };
    assert_eq!(commit(&mut world, "a", 2), Ok(()));
    assert_eq!(commit(&mut world, "a", 1), Err(ResponseError::IllegalGeneration));
    assert_eq!(commit(&mut world, "x", 2), Err(ResponseError::UnknownMemberId));
    assert_eq!(commit(&mut world, "", -1), Err(ResponseError::UnknownMemberId));
    world.join(new_member("c"));
    assert_eq!(commit(&mut world, "a", 2), Ok(()), "what was read before the rebalance");
    world.join(wish("a", &["range"]));
    world.join(wish("b", &["range"]));
    assert_eq!(commit(&mut world, "a", 3), Err(ResponseError::RebalanceInProgress));
    world.outputs();
    let sync = Sync {
        token: 99,
        member_id: "a".to_owned(),
        instance_id: None,
        generation: 3,
        protocol_type: Some("connect".to_owned()),
        protocol: None,
        assignments: Vec::new(),
    };
    world.group.sync(world.now, sync);
    assert_eq!(world.all_synced(), [(99, Err(ResponseError::InconsistentGroupProtocol))]);
}

#[test]
fn a_group_without_members_takes_commits_of_those_who_assign_themselves() {
    let mut world = world();
    assert!(world.group.check_commit(0, "", None, -1).is_ok());
    assert!(world.group.check_commit(0, "a", None, 0).is_err());
}

#[test]
fn a_static_member_comes_back_unnoticed() {
    let mut world = world();
    let token = world.join(static_member("s-1", "s"));
    world.joined(token).unwrap();
    world.join(new_member("b"));
    world.join(Join { instance_id: Some("s".to_owned()), ..wish("s-1", &["range"]) });
    world.all_joined();
    let sync = |world: &mut World, id: &str, instance_id: Option<&str>| {
        let sync = Sync {
            token: 77,
            member_id: id.to_owned(),
            instance_id: instance_id.map(str::to_owned),
            generation: 2,
            protocol_type: None,
            protocol: None,
            assignments: vec![("s-1".to_owned(), Bytes::from_static(b"static"))],
        };
        world.group.sync(world.now, sync);
    };
    sync(&mut world, "s-1", Some("s"));
    world.stored();
    world.group.stored(world.now, 2, Ok(()));
    sync(&mut world, "b", None);
    world.outputs();

    let token = world.join(static_member("s-2", "s"));
    let generation = world.joined(token).unwrap();
    assert_eq!((generation.generation, world.group.state()), (2, "Stable"));
    assert_eq!((&generation.leader[..], generation.members.len()), ("s-1", 0), "it has nothing to assign");
    sync(&mut world, "s-2", Some("s"));
    assert_eq!(world.all_synced(), [(77, Ok(Bytes::from_static(b"static")))]);
    let heartbeat = world.group.heartbeat(world.now, "s-1", Some("s"), 2);
    assert_eq!(heartbeat.unwrap_err().error, ResponseError::FencedInstanceId);

    let token = world.join(Join { can_skip_assignment: true, ..static_member("s-3", "s") });
    let generation = world.joined(token).unwrap();
    assert_eq!((&generation.leader[..], generation.members.len()), ("s-3", 2));
    assert!(generation.skip_assignment);

    let token = world.join(Join { protocols: wish("", &["sticky"]).protocols, ..static_member("s-4", "s") });
    assert_eq!(world.joined(token), Err(ResponseError::InconsistentGroupProtocol));
    assert!(world.group.leave(world.now, "", Some("s")).is_ok(), "an admin takes it out");
    assert_eq!(world.group.members().len(), 1);
}

#[test]
fn a_static_member_that_is_replaced_while_it_waits_is_fenced() {
    let mut world = world();
    world.settings = GroupSettings { initial_rebalance_delay_ms: 1_000, max_size: 10 };
    let first = world.join(static_member("s-1", "s"));
    world.join(static_member("s-2", "s"));
    let joined = world.all_joined();
    assert_eq!(joined, [(first, Err(ResponseError::FencedInstanceId))]);
    world.wake();
    let joined = world.all_joined();
    assert_eq!((joined.len(), &joined[0].1.as_ref().unwrap().leader[..]), (1, "s-2"));
}

#[test]
fn static_members_keep_their_place_until_their_session_ends() {
    let mut world = world();
    let token = world.join(static_member("s-1", "s"));
    world.joined(token).unwrap();
    let other = world.join(Join { session_timeout_ms: 100_000, ..new_member("b") });
    world.now += REBALANCE_MS;
    assert_eq!(
        world.group.heartbeat(world.now, "s-1", Some("s"), 1).unwrap_err().error,
        ResponseError::RebalanceInProgress
    );
    world.group.handle_timeout(world.now, false);
    let generation = world.joined(other).unwrap();
    assert_eq!(
        (&generation.leader[..], generation.members.len()),
        ("b", 2),
        "it has not joined, but it is in"
    );
}

#[test]
fn after_a_standstill_nobody_is_dropped_who_may_be_waiting_to_be_heard() {
    let mut world = World::with_two();
    world.now += 10 * SESSION_MS;
    world.group.handle_timeout(world.now, true);
    assert_eq!(world.group.state(), "Stable", "their heartbeats may be in a queue");
    assert_eq!(world.heartbeat("a", 2), Ok(()));
    // Late again, but b has had its chance.
    world.now += SESSION_MS;
    assert_eq!(world.heartbeat("a", 2), Ok(()));
    world.group.handle_timeout(world.now, true);
    assert_eq!(world.heartbeat("b", 2), Err(ResponseError::UnknownMemberId));
    assert_eq!(world.heartbeat("a", 2), Err(ResponseError::RebalanceInProgress));
}

#[test]
fn after_a_standstill_members_can_still_join_again() {
    let mut world = World::with_two();
    world.join(new_member("c"));
    world.now += 10 * REBALANCE_MS;
    // Frames first: one of them is a's, b's comes behind the time-out.
    world.join(wish("a", &["range"]));
    assert_eq!(world.outputs(), []);
    world.group.handle_timeout(world.now, true);
    world.join(wish("b", &["range"]));
    assert_eq!(world.all_joined().len(), 3);
}

#[test]
fn a_group_that_is_being_deleted_takes_nothing() {
    let mut world = world();
    world.group.begin_delete();
    let token = world.join(new_member("a"));
    assert_eq!(world.joined(token), Err(ResponseError::CoordinatorNotAvailable));
    assert!(world.group.check_commit(0, "", None, -1).is_err());
    world.group.undo_delete();
    assert!(world.group.check_commit(0, "", None, -1).is_ok());
}

mod records {
    use bytes::Bytes;

    use crate::group::{
        Committed, GroupMetadata, MemberMetadata, OffsetsRecord, assigned_partitions, subscribed_topics,
    };

    /// Laid out by hand along Kafka's schemas.
    #[test]
    fn offsets_have_the_bytes_that_kafka_gives_them() {
        let record = OffsetsRecord::Offset {
            group_id: "g".to_owned(),
            topic: "t".to_owned(),
            partition: 3,
            committed: Some(Committed {
                offset: 7,
                leader_epoch: 2,
                metadata: "m".to_owned(),
                commit_timestamp: 258,
                expire_timestamp: None,
            }),
        };
        assert_eq!(record.encode_key(), b"\0\x01\0\x01g\0\x01t\0\0\0\x03");
        let value = record.encode_value().unwrap();
        assert_eq!(value, b"\0\x03\0\0\0\0\0\0\0\x07\0\0\0\x02\0\x01m\0\0\0\0\0\0\x01\x02");
        assert_eq!(OffsetsRecord::decode(&record.encode_key(), Some(&value)), Ok(record));
    }

    #[test]
    fn groups_have_the_bytes_that_kafka_gives_them() {
        let metadata = GroupMetadata {
            protocol_type: "consumer".to_owned(),
            generation: 5,
            protocol: Some("range".to_owned()),
            leader: Some("a".to_owned()),
            members: vec![MemberMetadata {
                id: "a".to_owned(),
                instance_id: None,
                client_id: "c".to_owned(),
                client_host: "h".to_owned(),
                rebalance_timeout_ms: 1,
                session_timeout_ms: 2,
                subscription: Bytes::from_static(b"S"),
                assignment: Bytes::from_static(b"AA"),
            }],
        };
        let record = OffsetsRecord::Group { group_id: "g".to_owned(), metadata: Some((metadata, 9)) };
        assert_eq!(record.encode_key(), b"\0\x02\0\x01g");
        let expected = b"\0\x03\0\x08consumer\0\0\0\x05\0\x05range\0\x01a\0\0\0\0\0\0\0\x09\0\0\0\x01\
            \0\x01a\xff\xff\0\x01c\0\x01h\0\0\0\x01\0\0\0\x02\0\0\0\x01S\0\0\0\x02AA";
        let value = record.encode_value().unwrap();
        assert_eq!(value, expected);
        let Ok(OffsetsRecord::Group { metadata: Some((read, 9)), .. }) =
            OffsetsRecord::decode(&record.encode_key(), Some(&value))
        else {
            panic!("it can be read");
        };
        assert_eq!((read.generation, read.leader.as_deref(), read.members.len()), (5, Some("a"), 0));
    }

    #[test]
    fn tombstones_and_old_and_new_versions() {
        let key = b"\0\x01\0\x01g\0\x01t\0\0\0\x03";
        let decoded = OffsetsRecord::decode(key, None).unwrap();
        assert!(matches!(decoded, OffsetsRecord::Offset { committed: None, .. }));
        let expiring = b"\0\x01\0\0\0\0\0\0\0\x07\0\x01m\0\0\0\0\0\0\x01\x02\0\0\0\0\0\0\x01\x03";
        let decoded = OffsetsRecord::decode(key, Some(expiring)).unwrap();
        assert_eq!(decoded.encode_value().unwrap(), expiring);
        assert!(OffsetsRecord::decode(key, Some(b"\0\x04\0")).is_err());
        assert!(OffsetsRecord::decode(b"\0\x09", None).is_err());
    }

    #[test]
    fn bytes_that_are_no_record_are_told_from_one() {
        let key = b"\0\x01\0\x01g\0\x01t\0\0\0\x03";
        let value = b"\0\x03\0\0\0\0\0\0\0\x07\0\0\0\x02\0\x01m\0\0\0\0\0\0\x01\x02";
        for length in 0..key.len() {
            assert!(OffsetsRecord::decode(&key[..length], None).is_err());
        }
        for length in 0..value.len() {
            assert!(OffsetsRecord::decode(key, Some(&value[..length])).is_err());
        }
    }

    #[test]
    fn subscriptions_and_assignments_of_consumers_are_read() {
        let subscription = b"\0\x01\0\0\0\x02\0\x01t\0\x01u\xff\xff\xff\xff\0\0\0\0";
        assert_eq!(subscribed_topics(subscription).unwrap(), ["t", "u"]);
        let assignment = b"\0\0\0\0\0\x01\0\x01t\0\0\0\x02\0\0\0\0\0\0\0\x05\xff\xff\xff\xff";
        assert_eq!(assigned_partitions(assignment).unwrap(), [("t".to_owned(), vec![0, 5])]);
        assert_eq!(subscribed_topics(b"\0\0\x7f\xff\xff\xff"), None);
        assert_eq!(assigned_partitions(b"\0\0\0\0\0\x01\0\x01t\x7f\xff\xff\xff"), None);
    }
}
