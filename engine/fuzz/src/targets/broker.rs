use bytes::Bytes;
use headwater_engine::{ConnectionId, NotAppliedReason};

use crate::input::Input;
use crate::mend;
use crate::storage::Fate;
use crate::world::World;

/// A frame, as a chunk; the lowest bit of the byte before has checksums of batches in it mended.
pub(crate) const FRAME: u8 = 0;
/// All operations that wait are done.
pub(crate) const COMPLETE: u8 = 1;
const END_ONE: u8 = 2;
const TIME: u8 = 3;
const DISCONNECT: u8 = 4;
const RESTART: u8 = 5;
const ROOM: u8 = 6;
const KINDS: u8 = 7;

/// More than a person would want to read.
const MAX_ACTIONS: usize = 200;

/// The input is actions: each a byte that says which, and what it takes.
pub(super) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut world = World::new();
    let mut connections = Connections { open: [0, 1, 2, 3], next: 4 };
    for _ in 0..MAX_ACTIONS {
        if input.is_empty() {
            break;
        }
        act(&mut world, &mut input, &mut connections);
        if world.broker.failure().is_some() {
            world.restart();
        }
        for closed in std::mem::take(&mut world.closed) {
            connections.forget(closed);
        }
    }
    world.storage.disk().limit(None);
    world.finish();
    world.check_recovery();
}

/// Four clients, each with a connection; a name is never used again.
struct Connections {
    open: [u64; 4],
    next: u64,
}

impl Connections {
    fn of(&self, client: u8) -> ConnectionId {
        ConnectionId(self.open[usize::from(client) % self.open.len()])
    }

    fn forget(&mut self, connection: ConnectionId) {
        for open in self.open.iter_mut().filter(|open| **open == connection.0) {
            *open = self.next;
            self.next += 1;
        }
    }
}

fn act(world: &mut World, input: &mut Input<'_>, connections: &mut Connections) {
    match input.byte() % KINDS {
        FRAME => {
            let how = input.byte();
            let mut frame = input.chunk().to_vec();
            if how & 1 == 1 {
                mend::batches(&mut frame);
            }
            world.request(connections.of(how >> 1), Bytes::from(frame));
        }
        COMPLETE => world.settle(),
        END_ONE => {
            let fate = match input.byte() % 8 {
                0 => Fate::Refused(NotAppliedReason::Full),
                1 => Fate::Refused(NotAppliedReason::Failed),
                2 => Fate::UnknownApplied,
                3 => Fate::UnknownNotApplied,
                _ => Fate::Done,
            };
            let waiting = world.storage.waiting().max(1);
            world.end(usize::from(input.byte()) % waiting, fate);
        }
        TIME => {
            let ms = u64::from(input.u16()) << (input.byte() % 24);
            // Now and then the wall clock jumps, forth or back.
            let wall_ms = if input.byte() == 1 { input.i64() } else { i64::try_from(ms).unwrap_or(i64::MAX) };
            world.advance(ms, wall_ms);
        }
        DISCONNECT => {
            let connection = connections.of(input.byte());
            world.disconnect(connection);
            connections.forget(connection);
        }
        RESTART => world.restart(),
        ROOM => {
            let used = world.storage.disk().used();
            let room = input.byte();
            world.storage.disk().limit((room < 128).then_some(used + (u64::from(room) << 6)));
        }
        _ => {}
    }
}
