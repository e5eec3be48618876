//! What a request asks for, and whether it may.
//!
//! Any page in the same browser can send requests here. Two things keep others' pages out: the `Host` has to be one that
//! cannot be somebody else's name for this machine (else a page of theirs would count as ours: DNS rebinding), and what opens
//! a WebSocket has to come from a page of this very server, which its `Origin` says.

use std::net::IpAddr;

use headwater_engine::NodeId;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::address::Address;

/// Headers at the most.
const MAX_HEADERS: usize = 64;

/// The hosts under which the page may be asked for: addresses, `localhost`, and the name that was given to `--ui`.
#[derive(Debug)]
pub(crate) struct Hosts {
    name: String,
}

impl Hosts {
    pub(crate) fn of(address: &Address) -> Hosts {
        Hosts { name: address.host.to_ascii_lowercase() }
    }

    fn has(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let name = name.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(name);
        let name = name.to_ascii_lowercase();
        name == "localhost" || name == self.name || name.parse::<IpAddr>().is_ok()
    }
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// A file of the page, by its path without the slash before it.
    File { path: String, with_body: bool },
    /// A WebSocket, and what the answer to its key is.
    Socket { socket: Socket, accept: String },
}

/// What a WebSocket carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Socket {
    /// Kafka's frames to and from a broker.
    Kafka(NodeId),
    /// What a broker tells pages of itself.
    Broker(NodeId),
}

/// Why something is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    BadRequest,
    Host,
    Origin,
    NotFound,
    NotAllowed,
    NoWebSocket,
    TooMany,
}

impl Refusal {
    /// Status, headers and body.
    pub(super) fn answer(self) -> (&'static str, String, &'static [u8]) {
        let (status, text) = match self {
            Refusal::BadRequest => ("400 Bad Request", "This is no request that is understood here.\n"),
            Refusal::Host => (
                "421 Misdirected Request",
                "The page is served under the address or the name that --ui was given, and under localhost.\n",
            ),
            Refusal::Origin => ("403 Forbidden", "Only the page of this server may open this.\n"),
            Refusal::NotFound => ("404 Not Found", "There is no such file.\n"),
            Refusal::NotAllowed => ("405 Method Not Allowed", "Only GET and HEAD are answered.\n"),
            Refusal::NoWebSocket => ("426 Upgrade Required", "Here are WebSockets of version 13.\n"),
            Refusal::TooMany => ("503 Service Unavailable", "Too many connections are open already.\n"),
        };
        (status, super::page::head("text/plain; charset=utf-8", text.len()), text.as_bytes())
    }
}

/// Understands a request's head.
pub(super) fn understand(head: &[u8], hosts: &Hosts, brokers: usize) -> Result<Asked, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    if !matches!(request.parse(head), Ok(httparse::Status::Complete(_))) {
        return Err(Refusal::BadRequest);
    }
    let head = Head(&request);
    let host = head.only("host").filter(|host| hosts.has(host)).ok_or(Refusal::Host)?;
    let with_body = match request.method {
        Some("GET") => true,
        Some("HEAD") => false,
        _ => return Err(Refusal::NotAllowed),
    };
    let path = request.path.and_then(|path| path.split('?').next()?.strip_prefix('/'));
    let path = path.ok_or(Refusal::BadRequest)?;
    match path.split_once('/') {
        Some(("kafka", number)) => head.socket(host, Socket::Kafka(node_id(number, brokers)?)),
        Some(("broker", number)) => head.socket(host, Socket::Broker(node_id(number, brokers)?)),
        _ => Ok(Asked::File { path: path.to_owned(), with_body }),
    }
}

fn node_id(text: &str, brokers: usize) -> Result<NodeId, Refusal> {
    let number = text.parse::<usize>().ok().filter(|number| *number < brokers);
    number.and_then(|number| NodeId::try_from(number).ok()).ok_or(Refusal::NotFound)
}

struct Head<'a>(&'a httparse::Request<'a, 'a>);

impl<'a> Head<'a> {
    /// A header that is there once.
    fn only(&self, name: &str) -> Option<&'a str> {
        let mut found = self.0.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        let first = found.next().filter(|_| found.next().is_none())?;
        std::str::from_utf8(first.value).ok()
    }

    /// Whether a header that lists words has one of them.
    fn lists(&self, name: &str, word: &str) -> bool {
        let listed = self.only(name).into_iter().flat_map(|words| words.split(','));
        listed.map(str::trim).any(|listed| listed.eq_ignore_ascii_case(word))
    }

    fn socket(&self, host: &str, socket: Socket) -> Result<Asked, Refusal> {
        let key = self.only("sec-websocket-key").filter(|_| {
            self.0.method == Some("GET")
                && self.lists("connection", "upgrade")
                && self.lists("upgrade", "websocket")
                && self.only("sec-websocket-version") == Some("13")
        });
        let key = key.ok_or(Refusal::NoWebSocket)?;
        let origin = self.only("origin").and_then(|origin| origin.split_once("://"));
        match origin {
            Some(("http" | "https", from)) if from.eq_ignore_ascii_case(host) => {
                Ok(Asked::Socket { socket, accept: derive_accept_key(key.as_bytes()) })
            }
            _ => Err(Refusal::Origin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str, headers: &[&str]) -> Result<Asked, Refusal> {
        let hosts = Hosts::of(&Address::parse("Kafka.example:8080").unwrap());
        let head = format!("{line} HTTP/1.1\r\n{}\r\n\r\n", headers.join("\r\n"));
        understand(head.as_bytes(), &hosts, 2)
    }

    fn socket(path: &str, host: &str, origin: &str) -> Result<Asked, Refusal> {
        let headers = [
            &format!("Host: {host}"),
            &format!("Origin: {origin}"),
            "Connection: keep-alive, Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ];
        asked(&format!("GET {path}"), &headers)
    }

    #[test]
    fn files_and_sockets_are_told_apart() {
        let file = |path: &str, with_body| Ok(Asked::File { path: path.to_owned(), with_body });
        assert_eq!(asked("GET /", &["Host: localhost"]), file("", true));
        assert_eq!(asked("HEAD /a/b.js?c=d", &["host: [::1]:80"]), file("a/b.js", false));
        let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned();
        let opened = socket("/kafka/1", "localhost:1", "http://localhost:1");
        assert_eq!(opened, Ok(Asked::Socket { socket: Socket::Kafka(1), accept: accept.clone() }));
        let opened = socket("/broker/0", "kafka.example", "https://kafka.example");
        assert_eq!(opened, Ok(Asked::Socket { socket: Socket::Broker(0), accept }));
        assert_eq!(asked("GET /kafka/0", &["Host: localhost"]), Err(Refusal::NoWebSocket));
        for path in ["/kafka/2", "/kafka/-1", "/kafka/", "/broker/x"] {
            assert_eq!(socket(path, "localhost", "http://localhost"), Err(Refusal::NotFound), "{path}");
        }
        assert_eq!(asked("POST /", &["Host: localhost"]), Err(Refusal::NotAllowed));
        assert_eq!(asked("GET relative", &["Host: localhost"]), Err(Refusal::BadRequest));
        assert_eq!(asked("GET / HTTP/9", &["Host: localhost"]), Err(Refusal::BadRequest));
    }

    #[test]
    fn names_that_may_be_anybodys_are_refused() {
        for host in [
            "Host: evil.example",
            "Host: localhost.evil.example:80",
            "Host: ",
            "X: y",
            "Host: a\r\nHost: localhost",
        ] {
            assert_eq!(asked("GET /", &[host]), Err(Refusal::Host), "{host}");
        }
        for host in
            ["127.0.0.1", "192.168.0.7:8080", "[::1]:8080", "[::1]", "LOCALHOST:1", "kafka.example:8080"]
        {
            assert!(asked("GET /", &[&format!("Host: {host}")]).is_ok(), "{host}");
        }
    }

    #[test]
    fn only_pages_of_this_very_server_open_web_sockets() {
        for origin in [
            "http://evil.example",
            "http://localhost:81",
            "http://localhost",
            "null",
            "",
            "file://localhost:80",
        ] {
            assert_eq!(socket("/kafka/0", "localhost:80", origin), Err(Refusal::Origin), "{origin}");
        }
    }
}
