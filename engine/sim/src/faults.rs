//! The faults that a world can have happen, by name, and how often each did.

use std::ops::AddAssign;

macro_rules! faults {
    ($($fault:ident $name:literal,)*) => {
        /// Something that goes wrong.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Fault {
            $(#[doc = $name] $fault,)*
        }

        impl Fault {
            /// All of them.
            pub const ALL: &'static [Fault] = &[$(Fault::$fault,)*];

            /// What it is called in a report.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Fault::$fault => $name,)*
                }
            }
        }
    };
}

faults! {
    ProcessCrash "broker killed",
    PowerCut "power cut",
    CrashWithWork "crash with operations under way",
    TornWrite "torn last write",
    LostSuffix "unflushed suffix lost",
    WriteRefused "write not applied",
    StorageFull "write refused: full",
    UnknownApplied "unknown outcome, applied",
    UnknownNotApplied "unknown outcome, not applied",
    ReadFailed "read failed",
    SlowStorage "slow operation",
    BitFlip "bit flipped",
    ConnectionLost "connection lost",
    PeerLost "connection between brokers lost",
    HalfRequest "half a request",
    LateRequest "request after its connection's end",
    SlowNetwork "slow frame",
    Freeze "frozen for a while",
    ClockJump "wall clock jumped",
    BrokerGaveUp "broker gave up, replaced",
}

/// How often each fault happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally([u64; Fault::ALL.len()]);

impl Tally {
    pub(crate) fn count(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }

    /// How often a fault happened.
    #[must_use]
    pub fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        for (own, add) in self.0.iter_mut().zip(other.0) {
            *own += add;
        }
    }
}
