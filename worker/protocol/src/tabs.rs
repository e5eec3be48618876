//! Between the tabs of one browser, over `BroadcastChannel`s.
//!
//! One tab has the brokers (it holds the Web Lock of [`brokers_channel`]'s name). The others, its guests, work through it:
//!
//! - On the channel [`brokers_channel`] that tab repeats what its brokers say ([`crate::FromBroker`]), as it came from
//!   their workers.
//! - On the channel [`tabs_channel`] all tabs exchange [`BetweenTabs`].
//! - Every connection of a guest to a broker has a channel of its own, named in [`BetweenTabs::Open`]. It carries
//!   [`OPENED`] once, from the tab with the brokers, then Kafka frames both ways, each a `Uint8Array`, and `null` from
//!   whichever side closes it.

use serde::{Deserialize, Serialize};

/// What one tab says to all.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BetweenTabs {
    /// From a guest, every second: is the tab there that has the brokers? It answers [`BetweenTabs::Here`]; to a guest that
    /// it did not know it also repeats how its brokers stand.
    Hello {
        /// The guest's name. It holds a Web Lock of the name [`tab_lock`] as long as it lives.
        tab: String,
    },
    /// From the tab that has the brokers.
    Here {
        /// Its name.
        tab: String,
    },
    /// From the tab that has the brokers: one of them is gone.
    Down {
        /// Which.
        node_id: i32,
    },
    /// From a guest: it wants a connection to a broker.
    Open {
        /// The guest's name.
        tab: String,
        /// Which broker.
        node_id: i32,
        /// The name of the channel for it, never used before.
        channel: String,
    },
}

/// What the tab with the brokers says on a connection's channel when it listens there.
pub const OPENED: &str = "opened";

/// The channel for [`BetweenTabs`] of a cluster.
#[must_use]
pub fn tabs_channel(cluster: &str) -> String {
    ["headwater-", cluster, "-tabs"].concat()
}

/// The channel on which brokers are heard. Who holds the lock of this name has the brokers.
#[must_use]
pub fn brokers_channel(cluster: &str) -> String {
    ["headwater-", cluster, "-brokers"].concat()
}

/// The lock that a guest holds as long as it lives.
#[must_use]
pub fn tab_lock(tab: &str) -> String {
    ["headwater-tab-", tab].concat()
}
