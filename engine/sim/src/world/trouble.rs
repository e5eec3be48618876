//! What goes wrong in the world besides storage and network, and when.

use std::ops::Range;

use super::{Event, World};
use crate::faults::Fault;
use crate::network::NetworkFaults;
use crate::scenario::WorldFaults;
use crate::storage::{Crash, StorageFaults};

/// The farthest that the wall clock jumps: less than what makes a broker forget its producers.
const MAX_CLOCK_JUMP_MS: u64 = 3_600_000;
/// A crash falls within so many steps of the broker after it is due.
const MAX_CRASH_STEPS: u64 = 40;

/// Something that goes wrong now and then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trouble {
    Crash,
    Freeze,
    ClockJump,
    Full,
    Room,
    BitFlip,
    Sync,
}

impl World {
    pub(super) fn begin_troubles(&mut self) {
        for trouble in [
            Trouble::Crash,
            Trouble::Freeze,
            Trouble::ClockJump,
            Trouble::Full,
            Trouble::BitFlip,
            Trouble::Sync,
        ] {
            self.next_trouble(trouble);
        }
    }

    /// Faults stop: what was full has room, and nothing new goes wrong. Whoever is frozen still is for its while.
    pub(super) fn end_troubles(&mut self) {
        self.scenario.world = WorldFaults::default();
        self.scenario.network = NetworkFaults { latency_ms: 2, ..NetworkFaults::default() };
        for node in &mut self.nodes {
            let mut medium = node.medium.borrow_mut();
            medium.faults = StorageFaults { latency_ms: 2, ..StorageFaults::default() };
            medium.disk.capacity = None;
            node.crash_in = None;
        }
    }

    fn next_trouble(&mut self, trouble: Trouble) {
        let faults = self.scenario.world;
        let mean_ms = match trouble {
            Trouble::Crash => faults.crash_ms,
            Trouble::Freeze => faults.freeze_ms,
            Trouble::ClockJump => faults.clock_jump_ms,
            Trouble::Full => faults.full_ms,
            Trouble::BitFlip => faults.bit_flip_ms,
            Trouble::Sync => 1_000,
            Trouble::Room => 0,
        };
        if mean_ms > 0 {
            let wait_ms = self.random.within(1..2 * mean_ms);
            self.after(wait_ms, Event::Trouble(trouble));
        }
    }

    pub(super) fn trouble(&mut self, trouble: Trouble) {
        if self.now_ms >= self.scenario.safety_ms && trouble != Trouble::Room {
            return;
        }
        match trouble {
            Trouble::Crash => {
                let power_cut = self.scenario.world.power_cuts && self.random.coin();
                let crash = if power_cut { Crash::PowerCut } else { Crash::Process };
                for node in self.some_broker() {
                    self.nodes[node].crash_in = Some((self.random.below(MAX_CRASH_STEPS), crash));
                }
            }
            Trouble::Freeze => self.freeze(),
            Trouble::ClockJump => {
                let by = self.random.below(2 * MAX_CLOCK_JUMP_MS).cast_signed();
                let by = by - MAX_CLOCK_JUMP_MS.cast_signed();
                self.latest_wall_ms = self.latest_wall_ms.max(self.now().wall_ms);
                self.wall_offset_ms += by;
                self.tally.count(Fault::ClockJump);
                self.trace.say(format_args!("the wall clock jumps by {by} ms"));
            }
            Trouble::Full => {
                for node in self.some_broker() {
                    let room = self.random.below(2_000);
                    let disk = &mut self.nodes[node].medium.borrow_mut().disk;
                    disk.capacity = Some(disk.used() + room);
                    self.trace.say(format_args!("the disk of broker {node} has room for {room} bytes more"));
                }
                let wait_ms = self.random.within(100..3_000);
                self.after(wait_ms, Event::Trouble(Trouble::Room));
            }
            Trouble::Room => {
                for node in &self.nodes {
                    node.medium.borrow_mut().disk.capacity = None;
                }
            }
            Trouble::BitFlip => {
                let node = self.random.index(self.nodes.len());
                let flipped = self.nodes[node].medium.borrow_mut().disk.flip_bit(&mut self.random);
                if let Some((log, segment, position, offsets)) = flipped {
                    let mut topics = self.topic_ids.iter();
                    let topic = topics.find(|(_, id)| **id == log.topic_id).map(|(topic, _)| topic.clone());
                    self.checks.damaged(topic, log.partition, offsets);
                    self.tally.count(Fault::BitFlip);
                    self.trace
                        .say(format_args!("a bit turns over: {log:?}, segment {segment}, byte {position}"));
                }
            }
            Trouble::Sync => {
                for node in &self.nodes {
                    node.medium.borrow_mut().disk.sync();
                }
            }
        }
        self.next_trouble(trouble);
    }

    /// One broker, or all of them.
    fn some_broker(&mut self) -> Range<usize> {
        let count = self.nodes.len();
        match self.random.index(count + 1) {
            all if all == count => 0..count,
            one => one..one + 1,
        }
    }

    /// Somebody stands still for a while: one actor, one broker, or all of them, as in a tab that is put aside.
    fn freeze(&mut self) {
        self.tally.count(Fault::Freeze);
        let until = self.now_ms + self.random.within(100..8_000);
        let everybody = self.actors.len() + self.nodes.len();
        let who = self.random.index(everybody + 1);
        self.trace.say(format_args!("number {who} is frozen until {until} ms"));
        let of_actors = self.frozen.iter_mut();
        for (number, frozen) in
            of_actors.chain(self.nodes.iter_mut().map(|node| &mut node.frozen)).enumerate()
        {
            if number == who || who == everybody {
                *frozen = until.max(*frozen);
            }
        }
    }
}
