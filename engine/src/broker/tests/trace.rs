//! What moves, while somebody watches.

use super::world::{World, batch};

#[test]
fn moves_are_noted_while_somebody_watches() {
    let mut world = World::new();
    world.create("t", 2, &[]);
    world.produce("t", 0, batch(&["unseen"]));
    assert!(!world.broker.has_moves());

    world.broker.watch(true);
    world.produce("t", 1, batch(&["a", "b", "c"]));
    world.fetch("t", 1, 1);
    // Nothing is given to who is at the end.
    world.fetch("t", 1, 3);
    assert!(world.broker.has_moves());
    let moves = world.broker.poll_moves();
    let told: Vec<_> = moves.iter().map(|m| (m.is_append, m.partition, m.first_offset, m.records)).collect();
    assert_eq!(told, [(true, 1, 0, 3), (false, 1, 1, 2)]);
    assert!(moves.iter().all(|m| &*m.client_id == "test" && m.topic == "t" && m.bytes > 0));
    assert!(moves.iter().all(|m| m.at_ms == world.now.wall_ms));
    assert!(!world.broker.has_moves());

    world.broker.watch(false);
    world.produce("t", 1, batch(&["d"]));
    assert!(!world.broker.has_moves());
}

#[test]
fn many_moves_are_told_as_one_for_each_partition() {
    let mut world = World::new();
    world.create("t", 2, &[]);
    world.broker.watch(true);
    for _ in 0..500 {
        world.produce("t", 0, batch(&["a", "b"]));
    }
    world.produce("t", 1, batch(&["c"]));
    let moves = world.broker.poll_moves();
    assert_eq!(moves.len(), 65);
    assert_eq!(moves.iter().map(|m| m.records).sum::<u64>(), 1_001, "none is left out");
    assert_eq!(moves[63].records, 2 * (500 - 63));
    assert_eq!((moves[64].partition, moves[64].records), (1, 1));
}

#[test]
fn events_say_what_they_are_about_by_name() {
    let mut world = World::new();
    world.create("t", 1, &[("segment.bytes", "200")]);
    for _ in 0..3 {
        world.produce("t", 0, batch(&["a value that is not short", "and another one"]));
    }
    let mut events = std::iter::from_fn(|| world.broker.poll_event());
    let rolled = events.find(|event| event.kind == "segment-rolled").expect("a segment is full");
    assert_eq!(rolled.args[..2], [("partition", "t-0".to_owned()), ("offset", "2".to_owned())]);
}

#[test]
fn of_many_refusals_with_one_error_one_is_told() {
    let mut world = World::new();
    for _ in 0..50 {
        world.produce("missing", 0, batch(&["a"]));
    }
    world.advance(10_000);
    world.produce("missing", 0, batch(&["a"]));
    let events: Vec<_> = std::iter::from_fn(|| world.broker.poll_event()).collect();
    let refused = events.iter().filter(|event| event.kind == "request-refused");
    let counts: Vec<&str> = refused.map(|event| event.args[2].1.as_str()).collect();
    assert_eq!(counts, ["1", "51"]);
}
