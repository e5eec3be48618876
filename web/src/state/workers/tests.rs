//! Workers and brokers that come up, break, and are elsewhere.

use headwater_worker_protocol::tabs::BetweenTabs;
use headwater_worker_protocol::{BrokerSnapshot, ErrorReport, FromBroker, FromClients, ToBroker};

use super::{BrokerState, HostState, MAX_WORKERS, Missing, Part};
use crate::state::{Action, Command, Confirm, PartNews, Role, Setup, State, TabNews};

fn act(state: &mut State, action: Action) -> Vec<Command> {
    state.apply(0.0, action).commands
}

fn at(state: &mut State, now_ms: f64, action: Action) -> Vec<Command> {
    state.apply(now_ms, action).commands
}

fn ready(node_id: i32, brokers: &[i32]) -> FromBroker {
    FromBroker::Ready { node_id, brokers: brokers.to_vec(), logs: 1, recovery_ms: 2.0 }
}

/// A tab that has the brokers, with so many workers that have loaded; what was done about the last of them.
fn owner(workers: u32) -> (State, Vec<Command>) {
    let mut state = State::default();
    let commands = state.start(Setup { workers, ..Setup::default() });
    assert_eq!(commands, [Command::AskForBrokers { by_force: false }, Command::Spawn(Role::Clients)]);
    act(&mut state, Action::Clients(FromClients::Loaded));
    let commands = act(&mut state, Action::Part(PartNews::Owner { by_force: false }));
    let spawned: Vec<_> = (0..workers).map(|host| Command::Spawn(Role::Host(host))).collect();
    assert_eq!(commands, spawned);
    let mut last = Vec::new();
    for host in 0..workers {
        last = act(&mut state, Action::HostLoaded(host));
    }
    (state, last)
}

/// As [`owner`], with all brokers ready.
fn running(workers: u32) -> State {
    let (mut state, _) = owner(workers);
    let brokers: Vec<i32> = (0..workers as i32).collect();
    for &node_id in &brokers {
        act(&mut state, Action::Broker(ready(node_id, &brokers)));
    }
    state
}

fn guest() -> State {
    let mut state = State::default();
    state.start(Setup { workers: 2, ..Setup::default() });
    assert_eq!(act(&mut state, Action::Part(PartNews::Guest)), [Command::Hello]);
    act(&mut state, Action::Clients(FromClients::Loaded));
    said(&mut state, BetweenTabs::Here { tab: "owner".into() });
    state
}

fn said(state: &mut State, message: BetweenTabs) -> Vec<Command> {
    act(state, Action::Tab(TabNews::Said(message)))
}

fn started(commands: &[Command]) -> Vec<(u32, i32)> {
    let started = commands.iter().filter_map(|command| match command {
        Command::ToBroker { host, message: ToBroker::Start { node_id, .. } } => Some((*host, *node_id)),
        _ => None,
    });
    started.collect()
}

fn refusal(kind: &str) -> ErrorReport {
    ErrorReport { kind: kind.into(), code: None, message: format!("{kind}!"), retriable: false }
}

#[test]
fn each_worker_gets_its_broker_and_all_are_joined() {
    let (state, last) = owner(2);
    assert_eq!(started(&last), [(1, 1)]);
    assert_eq!(last[1], Command::Connect { node_id: 1, host: Some(1) });
    assert_eq!(last[2], Command::Join { node_id: 1, host: 1, peer: 0, peer_host: 0 });
    assert_eq!(state.workers.broker(1).unwrap().state, BrokerState::Recovering);
    assert!(!state.can_act());
    assert!(running(2).can_act());
}

#[test]
fn a_browser_that_lacks_something_starts_nothing() {
    let mut state = State::default();
    assert_eq!(state.start(Setup { missing: vec![Missing::WebLocks], ..Setup::default() }), []);
    assert!(!state.can_act());
}

#[test]
fn brokers_that_only_the_controller_knows_are_spread_over_the_workers() {
    let (mut state, _) = owner(2);
    let commands = act(&mut state, Action::Broker(ready(0, &[0, 1, 2, 3])));
    assert_eq!(started(&commands), [(0, 2), (1, 3)]);
    assert!(commands.contains(&Command::Join { node_id: 2, host: 0, peer: 0, peer_host: 0 }));
    let snapshot = BrokerSnapshot { brokers: vec![0, 1, 2, 3], ..BrokerSnapshot::default() };
    assert_eq!(act(&mut state, Action::Broker(FromBroker::Snapshot(snapshot))), [], "they are started once");
}

#[test]
fn a_worker_that_breaks_is_replaced_at_once_and_alone() {
    let mut state = running(2);
    let commands = at(&mut state, 5.0, Action::WorkerFailed(Role::Host(0), "panic".into()));
    assert_eq!(
        commands,
        [
            Command::Terminate(Role::Host(0)),
            Command::TellDown { node_id: 0 },
            Command::Spawn(Role::Host(0)),
            Command::TellDown { node_id: 0 },
        ]
    );
    assert!(state.can_act(), "the other broker still answers");
    assert_eq!(state.workers.failure(), None, "nobody has to do anything about it");
    let commands = act(&mut state, Action::HostLoaded(0));
    assert_eq!(started(&commands), [(0, 0)]);
    assert!(commands.contains(&Command::Join { node_id: 1, host: 1, peer: 0, peer_host: 0 }), "joined anew");
}

#[test]
fn what_fails_again_and_again_waits_for_a_person() {
    let (mut state, _) = owner(1);
    let mut now_ms = 0.0;
    let mut starts = 0;
    for _ in 0..200 {
        let failed = FromBroker::BrokerFailed { node_id: 0, report: refusal("STORAGE_NOT_OPENED") };
        let mut commands = at(&mut state, now_ms, Action::Broker(failed));
        while started(&commands).is_empty() && state.workers.failure().is_none() {
            now_ms += 1000.0;
            commands = at(&mut state, now_ms, Action::Tick);
        }
        starts += started(&commands).len();
    }
    assert_eq!(starts, 6);
    assert_eq!(state.workers.failure(), Some("STORAGE_NOT_OPENED!"));
    assert_eq!(
        act(&mut state, Action::Restart),
        [Command::Terminate(Role::Host(0)), Command::Spawn(Role::Host(0))]
    );
}

#[test]
fn a_worker_that_a_person_ends_stays_so_until_it_is_started() {
    let mut state = running(2);
    assert_eq!(act(&mut state, Action::StopWorker(1))[0], Command::Terminate(Role::Host(1)));
    assert_eq!(state.workers.hosts[1].state, HostState::Stopped);
    assert_eq!(state.workers.broker(1).unwrap().state, BrokerState::Stopped);
    assert_eq!(
        at(&mut state, 60_000.0, Action::Tick).iter().filter(|c| matches!(c, Command::Spawn(_))).count(),
        0
    );
    assert!(act(&mut state, Action::StartWorker(1)).contains(&Command::Spawn(Role::Host(1))));
    assert_eq!(started(&act(&mut state, Action::HostLoaded(1))), [(1, 1)]);
}

#[test]
fn another_number_of_workers_starts_all_anew() {
    let mut state = running(2);
    let commands = act(&mut state, Action::SetWorkers(3));
    assert_eq!(commands[0], Command::RememberWorkers(3));
    assert_eq!(commands.iter().filter(|c| matches!(c, Command::Terminate(_))).count(), 2);
    assert_eq!(commands.iter().filter(|c| matches!(c, Command::Spawn(_))).count(), 3);
    act(&mut state, Action::SetWorkers(99));
    assert_eq!(state.workers.wanted, MAX_WORKERS);
}

#[test]
fn everything_is_cleared_whatever_state_it_is_in() {
    let (mut state, _) = owner(1);
    let failed = FromBroker::BrokerFailed { node_id: 0, report: refusal("STORAGE_NOT_OPENED") };
    act(&mut state, Action::Broker(failed));
    act(&mut state, Action::Ask(Confirm::ClearAll));
    let commands = act(&mut state, Action::Confirmed);
    assert_eq!(
        commands,
        [Command::Terminate(Role::Clients), Command::Terminate(Role::Host(0)), Command::Spawn(Role::Host(0))]
    );
    let commands = act(&mut state, Action::HostLoaded(0));
    assert_eq!(commands.len(), 4, "also brokers that nobody knows of");
    assert!(commands.iter().all(|command| {
        matches!(command, Command::ToBroker { host: 0, message: ToBroker::Destroy { .. } })
    }));
    for node_id in 0..3 {
        assert_eq!(act(&mut state, Action::Broker(FromBroker::Destroyed { node_id })), []);
    }
    let commands = act(&mut state, Action::Broker(FromBroker::Destroyed { node_id: 3 }));
    assert!(
        commands.contains(&Command::Spawn(Role::Host(0)))
            && commands.contains(&Command::Spawn(Role::Clients))
    );
}

#[test]
fn clearing_that_fails_can_be_restarted() {
    let mut state = running(1);
    act(&mut state, Action::Ask(Confirm::ClearAll));
    act(&mut state, Action::Confirmed);
    act(&mut state, Action::HostLoaded(0));
    let failed = FromBroker::BrokerFailed { node_id: 1, report: refusal("STORAGE_NOT_DELETED") };
    act(&mut state, Action::Broker(failed));
    assert_eq!(state.workers.failure(), Some("STORAGE_NOT_DELETED!"));
    let commands = act(&mut state, Action::Restart);
    assert!(
        commands.contains(&Command::Spawn(Role::Host(0)))
            && commands.contains(&Command::Spawn(Role::Clients))
    );
    assert_eq!(started(&act(&mut state, Action::HostLoaded(0))), [(0, 0)]);
}

#[test]
fn a_guest_works_through_the_other_tab() {
    let mut state = guest();
    let heard = |message| Action::Tab(TabNews::Broker(message));
    let commands = act(&mut state, heard(ready(0, &[0, 1])));
    assert!(commands.contains(&Command::Connect { node_id: 0, host: None }));
    assert!(state.can_act());
    assert_eq!(started(&commands), [], "what is missing is not for a guest to start");
    let again = act(&mut state, heard(ready(0, &[0, 1])));
    assert!(!again.contains(&Command::Connect { node_id: 0, host: None }), "another guest had asked");
    said(&mut state, BetweenTabs::Down { node_id: 0 });
    assert!(!state.can_act());
    assert!(act(&mut state, heard(ready(0, &[0]))).contains(&Command::Connect { node_id: 0, host: None }));
    said(&mut state, BetweenTabs::Here { tab: "another".into() });
    assert!(state.workers.brokers.is_empty(), "another tab has taken over: its brokers are others");
}

#[test]
fn a_guest_that_gets_the_lock_has_the_brokers() {
    let mut state = guest();
    act(&mut state, Action::Tab(TabNews::Broker(ready(0, &[0]))));
    let commands = act(&mut state, Action::Part(PartNews::Owner { by_force: false }));
    assert_eq!(commands, [Command::Spawn(Role::Host(0)), Command::Spawn(Role::Host(1))]);
    assert!(!state.can_act());
}

#[test]
fn a_tab_that_does_not_answer_can_be_relieved_of_the_brokers() {
    let mut state = guest();
    act(&mut state, Action::Tab(TabNews::Broker(ready(0, &[0]))));
    for _ in 0..4 {
        assert!(act(&mut state, Action::Tick).contains(&Command::Hello));
    }
    assert!(!state.workers.owner_is_silent());
    act(&mut state, Action::Tick);
    assert!(state.workers.owner_is_silent() && !state.can_act());
    said(&mut state, BetweenTabs::Here { tab: "owner".into() });
    assert!(state.can_act(), "it is awake again");
    assert_eq!(act(&mut state, Action::TakeOver), [Command::AskForBrokers { by_force: true }]);
    act(&mut state, Action::Part(PartNews::Owner { by_force: true }));
    let commands = act(&mut state, Action::HostLoaded(0));
    assert!(matches!(commands[0], Command::ToBroker { message: ToBroker::Start { steal: true, .. }, .. }));
}

#[test]
fn a_tab_that_lost_the_brokers_is_a_guest() {
    let mut state = running(2);
    let commands = act(&mut state, Action::Part(PartNews::Lost));
    assert_eq!(
        commands,
        [
            Command::Terminate(Role::Host(0)),
            Command::Terminate(Role::Host(1)),
            Command::AskForBrokers { by_force: false }
        ]
    );
    assert!(matches!(state.workers.part, Part::Guest { .. }));
    let fenced = FromBroker::BrokerFailed { node_id: 0, report: refusal("FENCED") };
    let mut state = running(1);
    assert_eq!(started(&act(&mut state, Action::Broker(fenced))), [], "it does not fight for the storage");
}

#[test]
fn guests_are_served_by_brokers_that_run() {
    let mut state = running(2);
    assert_eq!(
        said(&mut state, BetweenTabs::Hello { tab: "guest".into() }),
        [Command::Here { tab: "guest".into() }]
    );
    let open = |node_id| BetweenTabs::Open { tab: "guest".into(), node_id, channel: "c".into() };
    let served = Command::Serve { tab: "guest".into(), node_id: 1, host: 1, channel: "c".into() };
    assert_eq!(said(&mut state, open(1)), [served]);
    assert_eq!(said(&mut state, open(7)), []);
}
