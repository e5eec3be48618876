//! Consumers of groups: started, stopped, killed, and how far they are.

use headwater_worker_protocol::{
    Assignor, ConsumerPartition, ConsumerRequest, ConsumerSnapshot, ConsumerState, GroupEvent, GroupMember,
    GroupOffset, GroupSnapshot, OffsetReset,
};

use super::*;

fn groups(state: &mut State, action: GroupsAction) -> Vec<Command> {
    act(state, Action::Groups(action))
}

/// A page whose broker has a topic "a" of two partitions.
fn with_topic() -> State {
    let mut state = running();
    act(&mut state, snapshot(vec![topic("a", &[100, 50])]));
    state
}

fn asked(group: &str) -> ConsumerRequest {
    ConsumerRequest {
        group: group.into(),
        topic: "a".into(),
        assignor: Assignor::Sticky,
        reset: OffsetReset::Latest,
        records_per_s: Some(10),
        instance_id: Some("s-1".into()),
        ..ConsumerRequest::default()
    }
}

fn consumer(consumer: u64, state: ConsumerState, partitions: &[i32], records: u64) -> ConsumerSnapshot {
    let partition = |&partition: &i32| ConsumerPartition {
        topic: "a".into(),
        partition,
        position: Some(0),
        ..ConsumerPartition::default()
    };
    ConsumerSnapshot {
        consumer,
        client_id: format!("consumer-{consumer}"),
        request: asked("g"),
        state,
        member_id: format!("m{consumer}"),
        generation: 3,
        partitions: partitions.iter().map(partition).collect(),
        records,
        bytes: 0,
        last_records: Vec::new(),
    }
}

fn offset(partition: i32, committed: Option<i64>, end_offset: Option<i64>) -> GroupOffset {
    GroupOffset { topic: "a".into(), partition, committed, log_start_offset: 0, end_offset }
}

fn member(member_id: &str, partitions: &[i32]) -> GroupMember {
    GroupMember {
        member_id: member_id.into(),
        instance_id: None,
        client_id: "theirs".into(),
        partitions: partitions.iter().map(|&partition| ("a".into(), partition)).collect(),
    }
}

fn group(name: &str, state: &str, members: Vec<GroupMember>, offsets: Vec<GroupOffset>) -> GroupSnapshot {
    GroupSnapshot { group: name.into(), state: state.into(), assignor: "sticky".into(), members, offsets }
}

fn figures(consumers: Vec<ConsumerSnapshot>, groups: Vec<GroupSnapshot>) -> Action {
    let snapshot = ClientsSnapshot { consumers, groups: Some(groups), ..ClientsSnapshot::default() };
    Action::Clients(FromClients::Snapshot(snapshot))
}

#[test]
fn consumers_are_started_as_the_form_says() {
    let mut state = with_topic();
    groups(&mut state, GroupsAction::Group(" g ".into()));
    groups(&mut state, GroupsAction::Count("2".into()));
    groups(&mut state, GroupsAction::Assignor(Assignor::Sticky));
    groups(&mut state, GroupsAction::Reset(OffsetReset::Latest));
    groups(&mut state, GroupsAction::RateLimit("10".into()));
    groups(&mut state, GroupsAction::InstanceId("s".into()));
    let commands = groups(&mut state, GroupsAction::Start);
    let started: Vec<_> = commands
        .iter()
        .filter_map(|command| match command {
            Command::Request { request: Request::StartConsumer(request), .. } => Some(request.clone()),
            _ => None,
        })
        .collect();
    let second = ConsumerRequest { instance_id: Some("s-2".into()), ..asked("g") };
    assert_eq!(started, [asked("g"), second], "each static member has a name of its own");
    assert!(commands.contains(&Command::Persist), "offsets are stored");

    let Command::Request { id, .. } = commands[0] else { panic!("{commands:?}") };
    reply(&mut state, id, Err(refusal("INVALID_GROUP_ID")));
    assert_eq!(state.groups.problem, Some(refusal("INVALID_GROUP_ID")));
}

#[test]
fn a_form_that_says_too_little_starts_nothing() {
    let mut state = running();
    assert_eq!(groups(&mut state, GroupsAction::Start), [], "there is no topic");
    let mut state = with_topic();
    assert!(state.groups.can_start(&state.topics.names));
    for count in ["0", "9", "x", ""] {
        groups(&mut state, GroupsAction::Count(count.into()));
        assert!(state.groups.count_problem().is_some(), "{count}");
        assert_eq!(groups(&mut state, GroupsAction::Start), []);
    }
    groups(&mut state, GroupsAction::Count("1".into()));
    groups(&mut state, GroupsAction::RateLimit("0".into()));
    assert!(!state.groups.can_start(&state.topics.names));
}

#[test]
fn lag_falls_to_nothing_and_that_is_said() {
    let mut state = with_topic();
    let consumers = |records| {
        vec![
            consumer(1, ConsumerState::Assigned, &[0], records),
            consumer(2, ConsumerState::Assigned, &[1], 50),
        ]
    };
    let members = || vec![member("m1", &[0]), member("m2", &[1])];
    let offsets = vec![offset(0, Some(40), Some(100)), offset(1, None, Some(50)), offset(2, Some(3), None)];
    act(&mut state, figures(consumers(40), vec![group("g", "Stable", members(), offsets)]));
    let shown = &state.groups.list[0];
    assert_eq!(
        (shown.name.as_str(), shown.state.as_deref(), shown.generation),
        ("g", Some("Stable"), Some(3))
    );
    assert_eq!((shown.lag, shown.is_lag_known), (60, false));
    let lags: Vec<_> = shown.partitions.iter().map(GroupPartition::lag).collect();
    assert_eq!(lags, [Some(60), None, None], "of what is not committed, or not there, it is not known");
    let readers: Vec<_> = shown.partitions.iter().map(|partition| partition.member).collect();
    assert_eq!(readers, [Some(0), Some(1), None]);
    assert_eq!(shown.members.len(), 2, "the coordinator's members are this page's consumers");

    state.announcement = "".into();
    let offsets = vec![offset(0, Some(100), Some(100)), offset(1, Some(50), Some(50))];
    let update = state.apply(1000.0, figures(consumers(100), vec![group("g", "Stable", members(), offsets)]));
    assert!(update.render);
    assert!(state.groups.list[0].lag == 0 && state.groups.list[0].is_lag_known);
    assert!(state.announcement.contains("read everything"), "{}", state.announcement);
    assert!((state.groups.list[0].members[0].rate - 60.0).abs() < 1e-9);
    state.apply(1500.0, Action::Tick);
    assert!(state.apply(4000.0, Action::Tick).render);
    assert_eq!(state.groups.list[0].members[0].rate, 0.0);
}

#[test]
fn members_are_stopped_killed_and_added() {
    let mut state = with_topic();
    let consumers = vec![
        consumer(1, ConsumerState::Assigned, &[0, 1], 5),
        consumer(2, ConsumerState::Killed, &[], 4),
        consumer(3, ConsumerState::Killed, &[], 3),
        consumer(4, ConsumerState::Left, &[], 2),
    ];
    let members = vec![member("m1", &[0, 1]), member("m2", &[]), member("other", &[])];
    act(&mut state, figures(consumers, vec![group("g", "Stable", members, Vec::new())]));
    let shown = &state.groups.list[0];
    let states: Vec<_> = shown.members.iter().map(|member| member.state.clone()).collect();
    assert_eq!(
        states,
        [
            MemberState::Assigned,
            MemberState::Killed(true),
            MemberState::Killed(false),
            MemberState::Left,
            MemberState::Elsewhere
        ]
    );
    let in_group: Vec<_> = shown.members.iter().map(Member::is_in_group).collect();
    assert_eq!(in_group, [true, true, false, false, true]);
    assert!(shown.has_members() && shown.members[0].is_running() && !shown.members[4].is_running());

    let stop = GroupsAction::Stop { group: "g".into(), consumer: 1, leave: false };
    let (id, request, _) = request(&groups(&mut state, stop));
    assert_eq!(request, Request::StopConsumer { consumer: 1, leave: false });
    reply(&mut state, id, Err(refusal("UNKNOWN_CONSUMER")));
    assert!(state.groups.problem_of("g").is_some());

    let (_, request, _) = super::request(&groups(&mut state, GroupsAction::Add("g".into())));
    let another = ConsumerRequest { instance_id: None, ..asked("g") };
    assert_eq!(request, Request::StartConsumer(another), "like the last one, but not its double");
}

#[test]
fn a_group_without_members_is_listed_reset_and_deleted() {
    let mut state = with_topic();
    let empty = group("old", "Empty", Vec::new(), vec![offset(0, Some(10), Some(100))]);
    act(&mut state, figures(Vec::new(), vec![empty]));
    let shown = &state.groups.list[0];
    assert!(!shown.has_members());
    assert_eq!((shown.lag, shown.generation), (90, None));

    let reset = GroupsAction::ResetOffsets { group: "old".into(), to: OffsetReset::Earliest };
    let (id, asked, _) = request(&groups(&mut state, reset));
    assert_eq!(asked, Request::ResetOffsets { group: "old".into(), to: OffsetReset::Earliest });
    reply(&mut state, id, Ok(Reply::Done));
    assert!(state.announcement.contains("old"));

    let (_, asked, _) = request(&groups(&mut state, GroupsAction::Add("old".into())));
    let Request::StartConsumer(asked) = asked else { panic!("{asked:?}") };
    assert_eq!((asked.group.as_str(), asked.topic.as_str()), ("old", "a"), "it goes on with what it read");

    act(&mut state, Action::Ask(Confirm::DeleteGroup("old".into())));
    let (id, asked, _) = request(&act(&mut state, Action::Confirmed));
    assert_eq!(asked, Request::DeleteGroup { group: "old".into() });
    reply(&mut state, id, Err(refusal("NON_EMPTY_GROUP")));
    assert!(state.groups.problem_of("old").is_some());
    act(&mut state, figures(Vec::new(), Vec::new()));
    assert!(state.groups.list.is_empty() && state.groups.problem_of("old").is_none());
}

#[test]
fn a_group_is_there_while_its_first_consumer_joins_and_gone_with_the_clients() {
    let mut state = with_topic();
    act(&mut state, figures(vec![consumer(1, ConsumerState::Joining, &[], 0)], Vec::new()));
    assert_eq!(state.groups.list[0].state, None);
    act(&mut state, figures(vec![consumer(1, ConsumerState::Left, &[], 0)], Vec::new()));
    assert!(state.groups.list.is_empty(), "a group that never was");
    act(&mut state, figures(vec![consumer(1, ConsumerState::Joining, &[], 0)], Vec::new()));
    act(&mut state, Action::WorkerFailed(Role::Clients, "gone".into()));
    assert!(state.groups.list.is_empty() && !state.groups.known);
}

#[test]
fn rebalances_are_events_of_their_group() {
    let mut state = with_topic();
    for number in 0..70 {
        let name = if number % 2 == 0 { "g" } else { "h" };
        let event = GroupEvent {
            wall_ms: number,
            group: name.into(),
            message: number.to_string(),
            ..GroupEvent::default()
        };
        act(&mut state, Action::Clients(FromClients::GroupEvent(event)));
    }
    let shown: Vec<_> = state.groups.events_of("g").map(|(_, event)| event.wall_ms).collect();
    assert_eq!((shown.len(), shown[0]), (30, 68));
}
