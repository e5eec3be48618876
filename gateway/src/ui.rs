//! `--ui`: the page, and the WebSockets over which it shows and drives these brokers.
//!
//! Everything runs on the main thread: files come from memory, and what a page sends goes through a pair of sockets to the
//! broker's thread ([`kafka`]), where it is one connection among the others, with all their limits. What a page is told of a
//! broker it asks for itself, message by message ([`watch`]), so whoever reads slowly is told less and holds nothing up.

mod json;
mod kafka;
mod page;
mod request;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use headwater_engine::NodeId;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tracing::{debug, warn};

pub(crate) use self::page::Page;
pub(crate) use self::request::Hosts;

use self::request::{Asked, Refusal, Socket};
use crate::limits::Limits;
use crate::peers::Message;

/// The longest head of a request that is read.
const MAX_HEAD: usize = 16 * 1024;
/// How long a head may take to come.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// How long a file may take to go.
const FILE_PATIENCE: Duration = Duration::from_secs(60);
/// Connections at a time, requests and WebSockets together; further ones are told to come again.
const AT_ONCE: usize = 512;

/// What all requests need.
pub(crate) struct Ui {
    pub(crate) page: Page,
    pub(crate) hosts: Hosts,
    /// The brokers by their number.
    pub(crate) brokers: Vec<UnboundedSender<Message>>,
    pub(crate) limits: Limits,
}

type Opened = WebSocketStream<TcpStream>;

/// Answers until the process ends.
pub(crate) async fn serve(listener: TcpListener, ui: Ui) {
    let ui = Arc::new(ui);
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                let (ui, place) = (Arc::clone(&ui), Arc::clone(&places).try_acquire_owned());
                tokio::spawn(async move {
                    if let Err(error) = answer(stream, address, &ui, place.is_ok()).await {
                        debug!(%address, "A request for the page has ended: {error}.");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                warn!("A request for the page could not be accepted: {error}.");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn answer(mut stream: TcpStream, address: SocketAddr, ui: &Ui, has_place: bool) -> std::io::Result<()> {
    // Without it answers are late, but they come.
    drop(stream.set_nodelay(true));
    let Some((head, rest)) = timeout(HEAD_PATIENCE, read_head(&mut stream)).await?? else { return Ok(()) };
    let asked = match has_place {
        true => request::understand(&head, &ui.hosts, ui.brokers.len()),
        false => Err(Refusal::TooMany),
    };
    let (status, head, body) = match asked {
        Ok(Asked::Socket { socket, accept }) if rest.is_empty() => {
            return upgrade(stream, address, ui, socket, &accept).await;
        }
        Ok(Asked::Socket { .. }) => Refusal::BadRequest.answer(),
        Ok(Asked::File { path, with_body }) => match ui.page.file(&path) {
            Some(file) => ("200 OK", file.head(), if with_body { file.body() } else { &[] }),
            None => Refusal::NotFound.answer(),
        },
        Err(refusal) => refusal.answer(),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\n{head}X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nCache-Control: no-cache\r\n\
         Connection: close\r\n\r\n"
    );
    let send = async {
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body).await?;
        stream.shutdown().await
    };
    timeout(FILE_PATIENCE, send).await?
}

/// A request's head with the empty line behind it, and what has come after that; none when there is no such thing.
async fn read_head(stream: &mut TcpStream) -> std::io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    const END: &[u8] = b"\r\n\r\n";
    let mut read = Vec::new();
    loop {
        if let Some(at) = read.windows(END.len()).position(|end| end == END) {
            let rest = read.split_off(at + END.len());
            return Ok(Some((read, rest)));
        }
        if read.len() > MAX_HEAD || stream.read_buf(&mut read).await? == 0 {
            return Ok(None);
        }
    }
}

/// Makes a WebSocket of a connection and serves it until either side ends it.
async fn upgrade(
    mut stream: TcpStream,
    address: SocketAddr,
    ui: &Ui,
    socket: Socket,
    accept: &str,
) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    timeout(HEAD_PATIENCE, stream.write_all(head.as_bytes())).await??;
    let max = match socket {
        Socket::Kafka(_) => ui.limits.request_max_bytes,
        // A page says little there.
        Socket::Broker(_) => 64 * 1024,
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .max_message_size(Some(max))
        .max_frame_size(Some(max));
    let opened = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
    let ended = match socket {
        Socket::Kafka(node_id) => match ui.broker(node_id) {
            Some(broker) => kafka::carry(opened, broker, address).await,
            None => Ok(()),
        },
        Socket::Broker(node_id) => match ui.broker(node_id) {
            Some(broker) => watch::tell(opened, broker, node_id, ui.limits.stall).await,
            None => Ok(()),
        },
    };
    ended.map_err(std::io::Error::other)
}

impl Ui {
    fn broker(&self, node_id: NodeId) -> Option<&UnboundedSender<Message>> {
        self.brokers.get(usize::try_from(node_id).ok()?)
    }
}
