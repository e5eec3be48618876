//! Where a broker listens, and what clients are told.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs as _};

/// A host and a port, as people write them: `localhost:9092`, `[::1]:9092`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Address {
    /// Without brackets.
    pub(crate) host: String,
    /// 0 for any that is free.
    pub(crate) port: u16,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Address, String> {
        let wrong = || format!("{text} is not an address: it wants HOST:PORT, such as 127.0.0.1:9092");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']').ok_or_else(wrong)?,
            None if host.contains(':') => return Err(wrong()),
            None => host,
        };
        if host.is_empty() {
            return Err(wrong());
        }
        Ok(Address { host: host.to_owned(), port })
    }

    /// The addresses that the host's name stands for.
    pub(crate) fn resolve(&self) -> Result<Vec<SocketAddr>, String> {
        let found = (self.host.as_str(), self.port).to_socket_addrs();
        let found: Vec<SocketAddr> =
            found.map_err(|error| format!("the host {} is not known: {error}", self.host))?.collect();
        if found.is_empty() { Err(format!("the host {} has no address", self.host)) } else { Ok(found) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for text in ["127.0.0.1:9092", "localhost:0", "[::1]:9092"] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "9092", ":9092", "host", "host:", "host:x", "host:70000", "::1:9092", "[::1:9092"] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
