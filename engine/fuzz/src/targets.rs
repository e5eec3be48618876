//! What is fuzzed.

mod answers;
mod batches;
mod broker;
mod codecs;
mod frames;
mod recovery;

pub(crate) use broker::{COMPLETE, FRAME};
pub(crate) use recovery::image;

/// A function that takes any bytes, and panics if something does not hold.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What it is called.
    pub name: &'static str,
    /// What is fuzzed, in a line.
    pub about: &'static str,
    /// Takes an input.
    pub run: fn(&[u8]),
    /// How many inputs are made in each test run: about two seconds of them on a slow machine.
    pub cases: u64,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "batches",
        about: "record batches: views, records, patches; what can be read is read the same when built again",
        run: batches::run,
        cases: 10_000,
    },
    Target {
        name: "codecs",
        about: "every codec's decoder; what a codec wrote, it reads",
        run: codecs::run,
        cases: 10_000,
    },
    Target {
        name: "frames",
        about: "one request frame, of every API and version, to a broker that has a topic",
        run: frames::run,
        cases: 10_000,
    },
    Target {
        name: "broker",
        about: "a sequence of frames, storage outcomes, time, ends of connections and restarts",
        run: broker::run,
        cases: 4_000,
    },
    Target {
        name: "answers",
        about: "a client that works with a broker whose answers are changed on their way",
        run: answers::run,
        cases: 800,
    },
    Target {
        name: "recovery",
        about: "a broker that starts over a damaged storage, and what it serves then",
        run: recovery::run,
        cases: 6_000,
    },
];
