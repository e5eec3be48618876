//! The story of a person at the page, without the page.

use headwater_worker_protocol::{
    BrokerEvent, BrokerSnapshot, ClientsSnapshot, ErrorCount, ImportSnapshot, ImportSource, ImportState,
    PartitionSnapshot, Preview as SourcePreview, Request, TopicSnapshot,
};

use super::*;

mod groups;

/// A page that begins, whose one worker has loaded.
fn recovering() -> State {
    let mut state = State::default();
    state.start(Setup { workers: 1, ..Setup::default() });
    act(&mut state, Action::Part(PartNews::Owner { by_force: false }));
    act(&mut state, Action::HostLoaded(0));
    act(&mut state, Action::Clients(FromClients::Loaded));
    state
}

fn ready() -> Action {
    Action::Broker(FromBroker::Ready { node_id: 0, brokers: vec![0], logs: 0, recovery_ms: 12.5 })
}

/// A page whose workers run.
fn running() -> State {
    let mut state = recovering();
    act(&mut state, ready());
    assert!(state.can_act());
    state
}

fn act(state: &mut State, action: Action) -> Vec<Command> {
    state.apply(0.0, action).commands
}

/// The one request among commands: its id, itself, whether the file goes with it.
fn request(commands: &[Command]) -> (u64, Request, bool) {
    let mut requests = commands.iter().filter_map(|command| match command {
        Command::Request { id, request, with_file } => Some((*id, request.clone(), *with_file)),
        _ => None,
    });
    let found = requests.next().expect("no request was made");
    assert!(requests.next().is_none(), "more than one request was made");
    found
}

fn reply(state: &mut State, id: u64, result: Result<Reply, ErrorReport>) -> Vec<Command> {
    act(state, Action::Clients(FromClients::Reply { id, result }))
}

fn refusal(kind: &str) -> ErrorReport {
    ErrorReport { kind: kind.into(), code: Some(1), message: "No.".into(), retriable: false }
}

fn topic(name: &str, high_watermarks: &[i64]) -> TopicSnapshot {
    let partition = |(index, &high_watermark)| PartitionSnapshot {
        partition: index as i32,
        high_watermark,
        ..PartitionSnapshot::default()
    };
    TopicSnapshot {
        name: name.into(),
        leaders: vec![0; high_watermarks.len()],
        partitions: high_watermarks.iter().enumerate().map(partition).collect(),
        configs: Vec::new(),
    }
}

fn snapshot(topics: Vec<TopicSnapshot>) -> Action {
    Action::Broker(FromBroker::Snapshot(BrokerSnapshot { topics, ..BrokerSnapshot::default() }))
}

fn import(id: u64, state: ImportState, acknowledged: u64, already_there: u64) -> ImportSnapshot {
    ImportSnapshot {
        import: id,
        client_id: format!("producer-{id}"),
        source: "vehicles".into(),
        topic: "vehicles".into(),
        state,
        rows_read: acknowledged + already_there,
        acknowledged,
        already_there,
        bytes_read: 50,
        bytes_total: Some(200),
        elapsed_ms: 1000.0,
        ..ImportSnapshot::default()
    }
}

fn imports(imports: Vec<ImportSnapshot>) -> Action {
    Action::Clients(FromClients::Snapshot(ClientsSnapshot { imports, ..ClientsSnapshot::default() }))
}

#[test]
fn the_vehicles_are_looked_at_and_produced() {
    let mut state = recovering();
    let commands = act(&mut state, ready());
    let (id, asked, with_file) = request(&commands);
    assert!(matches!(asked, Request::Preview { source: ImportSource::DataSet { .. } }));
    assert!(!with_file);
    let preview = SourcePreview {
        fields: vec!["t".into(), "id".into()],
        suggested_key: Some("t".into()),
        ..SourcePreview::default()
    };
    reply(&mut state, id, Ok(Reply::Preview(preview)));
    assert_eq!(state.produce.key_field.as_deref(), Some("id"), "a key that the source has is kept");

    let commands = act(&mut state, Action::Produce(ProduceAction::Start { again: false }));
    assert!(commands.contains(&Command::Persist), "the browser is asked to keep what is stored");
    let (id, asked, _) = request(&commands);
    let Request::Import(asked) = asked else { panic!("{asked:?}") };
    assert_eq!((asked.topic.as_str(), asked.partitions, asked.again), ("vehicles", 4, false));
    assert_eq!((asked.key_field.as_deref(), asked.records_per_s), (Some("id"), None));
    assert!(asked.configs.is_empty());
    assert_eq!(state.produce.import.phase(), Phase::Resuming);
    assert_eq!(act(&mut state, Action::Produce(ProduceAction::Start { again: false })), [], "one at a time");

    reply(&mut state, id, Ok(Reply::ImportStarted { import: 7 }));
    act(
        &mut state,
        imports(vec![import(6, ImportState::Done, 1, 0), import(7, ImportState::Running, 10, 0)]),
    );
    assert_eq!(state.produce.import.phase(), Phase::Running);
    assert_eq!(state.produce.import.read_per_mille(), Some(250));
    let (_, asked, _) = request(&act(&mut state, Action::Produce(ProduceAction::Stop)));
    assert_eq!(asked, Request::StopImport { import: 7 });

    act(&mut state, imports(vec![import(7, ImportState::Done, 56_899, 0)]));
    assert_eq!(state.produce.import.phase(), Phase::Done);
    assert!(state.announcement.contains("56,899"));
    assert!(!state.produce.import.can_repeat());
    let commands = act(&mut state, Action::Produce(ProduceAction::Start { again: false }));
    assert!(!commands.contains(&Command::Persist), "the browser is asked once");
    assert_eq!(state.produce.import.counts(), (0, 0, 0), "a new import shows nothing of the one before");
}

#[test]
fn what_is_all_there_can_be_produced_again() {
    let mut state = running();
    let (id, ..) = request(&act(&mut state, Action::Produce(ProduceAction::Start { again: false })));
    // The snapshot may come before the answer.
    act(&mut state, imports(vec![import(1, ImportState::Done, 0, 56_899)]));
    reply(&mut state, id, Ok(Reply::ImportStarted { import: 1 }));
    assert!(state.produce.import.can_repeat());
    let (_, asked, _) = request(&act(&mut state, Action::Produce(ProduceAction::Start { again: true })));
    assert!(matches!(asked, Request::Import(asked) if asked.again));

    let mut state = running();
    let (id, ..) = request(&act(&mut state, Action::Produce(ProduceAction::Start { again: false })));
    reply(&mut state, id, Ok(Reply::ImportStarted { import: 1 }));
    act(&mut state, imports(vec![import(1, ImportState::Done, 0, 56_899)]));
    act(&mut state, Action::Produce(ProduceAction::Source(Source::Synthetic)));
    assert!(!state.produce.import.can_repeat(), "it is about another source now");
}

#[test]
fn a_dropped_file_is_looked_at_and_names_its_topic() {
    let mut state = running();
    let drop = ProduceAction::FileChosen { name: "my orders.csv".into(), size: 10 };
    let (first, asked, with_file) = request(&act(&mut state, Action::Produce(drop.clone())));
    assert_eq!(asked, Request::Preview { source: ImportSource::File { name: "my orders.csv".into() } });
    assert!(with_file);
    assert_eq!(state.produce.topic, "my-orders");
    assert_eq!(state.produce.key_field, None);

    let (second, ..) = request(&act(&mut state, Action::Produce(drop)));
    reply(&mut state, first, Err(refusal("OLD")));
    assert_eq!(
        state.produce.preview,
        Preview::Loading(second),
        "an answer about an older file counts no more"
    );
    let preview = SourcePreview {
        fields: vec!["order".into()],
        suggested_key: Some("order".into()),
        ..SourcePreview::default()
    };
    reply(&mut state, second, Ok(Reply::Preview(preview)));
    assert_eq!(state.produce.key_field.as_deref(), Some("order"));

    act(&mut state, Action::Produce(ProduceAction::Strict(true)));
    act(&mut state, Action::Produce(ProduceAction::RateLimit("500".into())));
    act(&mut state, Action::Produce(ProduceAction::KeyField(None)));
    let (_, asked, with_file) =
        request(&act(&mut state, Action::Produce(ProduceAction::Start { again: false })));
    let Request::Import(asked) = asked else { panic!("{asked:?}") };
    assert!(with_file);
    assert_eq!(asked.configs, [("flush.messages".to_owned(), "1".to_owned())]);
    assert_eq!((asked.records_per_s, asked.key_field), (Some(500), None));
}

#[test]
fn a_form_with_something_wrong_produces_nothing() {
    for action in [
        ProduceAction::Topic("  ".into()),
        ProduceAction::Partitions("0".into()),
        ProduceAction::Partitions("many".into()),
        ProduceAction::RateLimit("-1".into()),
        ProduceAction::Source(Source::File),
    ] {
        let mut state = running();
        act(&mut state, Action::Produce(action.clone()));
        assert!(!state.produce.can_produce(), "{action:?}");
        assert_eq!(act(&mut state, Action::Produce(ProduceAction::Start { again: false })), []);
    }
}

#[test]
fn rates_come_from_snapshots_and_go_with_time() {
    let mut state = running();
    state.apply(0.0, snapshot(vec![topic("a", &[0, 0])]));
    state.apply(1000.0, snapshot(vec![topic("a", &[500, 0])]));
    assert!((state.topics.list[0].partitions[0].rate - 500.0).abs() < 1e-9);
    assert_eq!(state.topics.list[0].partitions[1].rate, 0.0);
    assert!(state.apply(2500.0, Action::Tick).render);
    assert!(state.apply(4000.0, Action::Tick).render);
    assert_eq!(state.topics.list[0].partitions[0].rate, 0.0);
    assert!(!state.apply(5000.0, Action::Tick).render, "nothing moves, so nothing is drawn");
}

#[test]
fn names_of_topics_change_only_when_they_do() {
    let mut state = running();
    act(&mut state, snapshot(vec![topic("b", &[1]), topic("a", &[1])]));
    let names = Rc::clone(&state.topics.names);
    assert_eq!(names.iter().map(|topic| topic.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    act(&mut state, snapshot(vec![topic("b", &[5]), topic("a", &[9])]));
    assert!(Rc::ptr_eq(&names, &state.topics.names));
}

#[test]
fn topics_are_made_changed_and_deleted() {
    let mut state = running();
    act(&mut state, Action::Topics(TopicsAction::NewName("bad name".into())));
    let (id, asked, _) = request(&act(&mut state, Action::Topics(TopicsAction::Create)));
    assert_eq!(asked, Request::CreateTopic { name: "bad name".into(), partitions: 1, configs: Vec::new() });
    reply(&mut state, id, Err(refusal("INVALID_TOPIC_EXCEPTION")));
    assert!(state.topics.create_problem.is_some());
    assert_eq!(state.topics.new_name, "bad name", "what was typed stays");

    act(&mut state, Action::Topics(TopicsAction::NewName("good".into())));
    let (id, ..) = request(&act(&mut state, Action::Topics(TopicsAction::Create)));
    reply(&mut state, id, Ok(Reply::Done));
    assert!(state.topics.create_problem.is_none());
    assert_eq!(state.topics.new_name, "");

    act(&mut state, snapshot(vec![topic("good", &[0])]));
    let more = TopicsAction::SetPartitions { name: "good".into(), count: 1 };
    let (id, ..) = request(&act(&mut state, Action::Topics(more)));
    assert!(state.topics.busy.contains(&"good".to_owned()));
    reply(&mut state, id, Err(refusal("INVALID_PARTITIONS")));
    assert!(state.topics.problem("good").is_some());
    assert!(state.topics.busy.is_empty());

    act(&mut state, Action::Ask(Confirm::DeleteTopic("good".into())));
    assert_eq!(act(&mut state, Action::Cancelled), []);
    assert_eq!(act(&mut state, Action::Confirmed), [], "what was cancelled cannot be confirmed");
    act(&mut state, Action::Ask(Confirm::DeleteTopic("good".into())));
    let (_, asked, _) = request(&act(&mut state, Action::Confirmed));
    assert_eq!(asked, Request::DeleteTopic { name: "good".into() });
}

/// Answers a question with the records of these offsets, of a log from 0 to 120.
#[test]
fn a_topic_is_created_with_the_retention_that_is_given() {
    let mut state = running();
    act(&mut state, Action::Topics(TopicsAction::NewName("a".into())));
    act(&mut state, Action::Topics(TopicsAction::NewRetentionMs(" 60000 ".into())));
    let (id, asked, _) = request(&act(&mut state, Action::Topics(TopicsAction::Create)));
    let configs = vec![("retention.ms".to_owned(), "60000".to_owned())];
    assert_eq!(asked, Request::CreateTopic { name: "a".into(), partitions: 1, configs });
    reply(&mut state, id, Ok(Reply::Done));
    assert_eq!(state.topics.new_retention_ms, "");
}

#[test]
fn nobody_waits_for_clients_that_are_gone() {
    let mut state = running();
    act(&mut state, snapshot(vec![topic("a", &[1])]));
    act(&mut state, Action::Produce(ProduceAction::Start { again: false }));
    act(&mut state, Action::WorkerFailed(Role::Clients, "unreachable".into()));
    assert_eq!(state.produce.import.phase(), Phase::Failed);
    assert_eq!(act(&mut state, Action::Restart), [Command::Spawn(Role::Clients)]);
    let commands = act(&mut state, Action::Clients(FromClients::Loaded));
    assert_eq!(commands[0], Command::Connect { node_id: 0, host: Some(0) });
}

#[test]
fn nothing_is_left_when_everything_is_cleared() {
    let mut state = running();
    act(&mut state, snapshot(vec![topic("a", &[1])]));
    act(&mut state, Action::Ask(Confirm::ClearAll));
    act(&mut state, Action::Confirmed);
    assert!(!state.can_act());
    act(&mut state, Action::HostLoaded(0));
    for node_id in 0..4 {
        act(&mut state, Action::Broker(FromBroker::Destroyed { node_id }));
    }
    assert!(state.topics.list.is_empty() && state.topics.names.is_empty());
    act(&mut state, Action::HostLoaded(0));
    act(&mut state, Action::Clients(FromClients::Loaded));
    act(&mut state, ready());
    assert!(state.can_act());
}

#[test]
fn errors_are_counted_and_events_have_a_limit() {
    let mut state = running();
    let errors = vec![ErrorCount { error: "CORRUPT_MESSAGE".into(), count: 2, last_message: "CRC".into() }];
    act(
        &mut state,
        Action::Broker(FromBroker::Snapshot(BrokerSnapshot {
            errors: errors.clone(),
            ..BrokerSnapshot::default()
        })),
    );
    assert_eq!(*state.status.errors, errors);
    for number in 0..60 {
        let event = BrokerEvent { wall_ms: number, message: number.to_string(), ..BrokerEvent::default() };
        act(&mut state, Action::Broker(FromBroker::Event(event)));
    }
    assert_eq!(state.status.events.len(), 50);
    assert_eq!(state.status.events[0].1.message, "Broker 0: 59");
}

#[test]
fn only_a_change_of_the_storage_is_drawn() {
    let mut state = running();
    let figures = StorageFigures { usage_bytes: Some(5), quota_bytes: Some(10), persisted: Some(true) };
    assert!(state.apply(0.0, Action::Storage(figures)).render);
    assert!(!state.apply(0.0, Action::Storage(figures)).render);
    assert!(state.apply(0.0, Action::Dragging(true)).render);
    assert!(!state.apply(0.0, Action::Dragging(true)).render);
}
