//! A page's Kafka connection: each message of the WebSocket is a frame, as each is on a port between workers.
//!
//! Its frames go to the broker's thread through a pair of sockets, with their lengths as over TCP. So nothing is read from the
//! page while the broker has enough of its requests, and a page that does not read its answers is closed for it.

use std::net::SocketAddr;
use std::os::unix::net::UnixStream as StdUnixStream;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::UnboundedSender;
use tokio_tungstenite::tungstenite::{Error, Message as WebSocketMessage};

use super::Opened;
use crate::frames::Frames;
use crate::peers::Message;

/// What is read of answers at once.
const READ_BUFFER: usize = 64 * 1024;

/// Carries frames both ways until one side ends.
pub(super) async fn carry(
    opened: Opened,
    broker: &UnboundedSender<Message>,
    address: SocketAddr,
) -> Result<(), Error> {
    let (ours, theirs) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    theirs.set_nonblocking(true)?;
    if broker.send(Message::Page { stream: theirs, address }).is_err() {
        return Ok(());
    }
    let (from_broker, to_broker) = UnixStream::from_std(ours)?.into_split();
    let (to_page, from_page) = opened.split();
    tokio::select! {
        ended = requests(from_page, to_broker) => ended,
        ended = answers(from_broker, to_page) => ended,
    }
}

async fn requests(mut page: SplitStream<Opened>, mut broker: OwnedWriteHalf) -> Result<(), Error> {
    while let Some(message) = page.next().await {
        let frame = match message? {
            WebSocketMessage::Binary(frame) => frame,
            WebSocketMessage::Close(_) => break,
            // What is no frame is answered like an empty one: the broker closes the connection.
            WebSocketMessage::Text(_) => Bytes::new(),
            _ => continue,
        };
        // A message is no longer than socket.request.max.bytes, which is an i32.
        let length = u32::try_from(frame.len()).unwrap_or(u32::MAX).to_be_bytes();
        broker.write_all(&length).await?;
        broker.write_all(&frame).await?;
    }
    Ok(())
}

async fn answers(
    mut broker: OwnedReadHalf,
    mut page: SplitSink<Opened, WebSocketMessage>,
) -> Result<(), Error> {
    let mut frames = Frames::default();
    let mut buffer = vec![0; READ_BUFFER];
    loop {
        let length = broker.read(&mut buffer).await?;
        if length == 0 {
            return page.close().await;
        }
        let mut complete = Vec::new();
        // The broker announces nothing that it does not send.
        drop(frames.feed(&buffer[..length], i32::MAX as usize, |frame| complete.push(frame)));
        for frame in complete {
            page.feed(WebSocketMessage::Binary(frame)).await?;
        }
        page.flush().await?;
    }
}
