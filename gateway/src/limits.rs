//! What a broker gives its connections at the most.

use std::time::Duration;

use headwater_engine::{ConfigError, KnownConfig};
use tracing::{info, warn};

/// Kafka's default of `socket.request.max.bytes`.
const REQUEST_MAX_BYTES: usize = 100 << 20;
/// Files that are open beside connections: logs, listeners, and what the runtime needs.
const OTHER_FILES: u64 = 1_280;

/// The configs that are the gateway's own.
pub(crate) const CONFIGS: [KnownConfig; 4] = [
    KnownConfig {
        name: "connections.max.idle.ms",
        default: "600000",
        documentation: "How long a connection may be silent; -1 for ever.",
    },
    KnownConfig {
        name: "max.connections",
        default: "20000",
        documentation: "The most connections of a broker; fewer where the system allows fewer open files, whose limit is \
                        raised to the highest that there is.",
    },
    KnownConfig {
        name: "headwater.connections.max.bytes",
        default: "536870912",
        documentation: "The most bytes of requests and answers that a broker holds for all its connections; beyond it the \
                        connection with the most is closed.",
    },
    KnownConfig {
        name: "headwater.connection.stall.ms",
        default: "60000",
        documentation: "How long a connection may stop within a request, or leave an answer unread.",
    },
];

/// The limits of a broker's connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// `socket.request.max.bytes`: a longer frame closes its connection.
    pub(crate) request_max_bytes: usize,
    /// `connections.max.idle.ms`; None for ever.
    pub(crate) idle: Option<Duration>,
    /// `max.connections`.
    pub(crate) connections: usize,
    /// `headwater.connections.max.bytes`.
    pub(crate) connections_max_bytes: usize,
    /// `headwater.connection.stall.ms`.
    pub(crate) stall: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            request_max_bytes: REQUEST_MAX_BYTES,
            idle: Some(Duration::from_secs(600)),
            connections: 20_000,
            connections_max_bytes: 512 << 20,
            stall: Duration::from_secs(60),
        }
    }
}

impl Limits {
    /// Takes a config that is the gateway's own; false when it is the broker's. `socket.request.max.bytes` is both's.
    ///
    /// # Errors
    ///
    /// When the value is not one that the key takes.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> Result<bool, ConfigError> {
        match key {
            "connections.max.idle.ms" => {
                let number = number(key, value, -1)?;
                self.idle = u64::try_from(number).ok().map(Duration::from_millis);
            }
            "max.connections" => self.connections = to_usize(number(key, value, 1)?),
            "headwater.connections.max.bytes" => {
                self.connections_max_bytes = to_usize(number(key, value, 1)?);
            }
            "headwater.connection.stall.ms" => {
                self.stall = Duration::from_millis(number(key, value, 1)?.unsigned_abs());
            }
            "socket.request.max.bytes" => {
                // The broker says what it takes; here only what is one.
                self.request_max_bytes = value.parse().unwrap_or(self.request_max_bytes);
                return Ok(false);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Takes no more connections a broker than fit into so many open files, and says how many those are.
    pub(crate) fn fit(&mut self, open_files: u64, brokers: usize) {
        let wanted = self.connections;
        let each = open_files.saturating_sub(OTHER_FILES) / brokers.max(1) as u64;
        self.connections = wanted.min(usize::try_from(each).unwrap_or(usize::MAX)).max(1);
        let max = self.connections;
        match max < wanted {
            true => warn!(
                "A broker takes {max} connections, not {wanted} (max.connections): the system allows {open_files} open files."
            ),
            false => info!("A broker takes {max} connections (max.connections)."),
        }
    }
}

/// Raises the limit of open files (`RLIMIT_NOFILE`) to the highest that the system lets this process have, as servers do: what
/// a shell gives is for programs that open few. How many those are.
pub(crate) fn raise_open_files() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let files = getrlimit(Resource::Nofile);
    let allowed = match setrlimit(Resource::Nofile, Rlimit { current: files.maximum, maximum: files.maximum })
    {
        Ok(()) => files.maximum,
        Err(_) => files.current,
    };
    allowed.unwrap_or(u64::MAX)
}

fn number(key: &str, value: &str, min: i64) -> Result<i64, ConfigError> {
    value.parse().ok().filter(|number| *number >= min).ok_or_else(|| ConfigError::InvalidValue {
        key: key.to_owned(),
        value: value.to_owned(),
        expected: format!("a whole number from {min}"),
    })
}

fn to_usize(number: i64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_gateway_are_its_own_and_the_rest_is_the_brokers() {
        let mut limits = Limits::default();
        assert_eq!(limits.set("connections.max.idle.ms", "-1"), Ok(true));
        assert_eq!(limits.set("max.connections", "7"), Ok(true));
        assert_eq!(limits.set("socket.request.max.bytes", "1000"), Ok(false));
        assert_eq!(limits.set("num.partitions", "7"), Ok(false));
        assert_eq!((limits.idle, limits.connections, limits.request_max_bytes), (None, 7, 1000));
        assert!(limits.set("max.connections", "0").is_err());
        assert!(limits.set("headwater.connection.stall.ms", "soon").is_err());
    }

    #[test]
    fn connections_are_no_more_than_files_that_may_be_open() {
        let mut limits = Limits { connections: 30_000, ..Limits::default() };
        limits.fit(1 << 20, 3);
        assert_eq!(limits.connections, 30_000);
        limits.fit(20_000, 1);
        assert_eq!(limits.connections, 18_720);
        limits.fit(4_096, 3);
        assert_eq!(limits.connections, 938);
        limits.fit(100, 3);
        assert_eq!(limits.connections, 1);
    }
}
