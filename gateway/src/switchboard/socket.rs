//! What a connection reads from and writes to: TCP, or a pair of sockets at whose other end the page's WebSockets are
//! carried (`crate::ui`). Both take the same bytes, and the same limits.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::{TcpStream, UnixStream, tcp, unix};

/// The end that is read from.
#[derive(Debug)]
pub(crate) enum Reader {
    Tcp(tcp::OwnedReadHalf),
    Page(unix::OwnedReadHalf),
}

/// The end that is written to.
#[derive(Debug)]
pub(crate) enum Writer {
    Tcp(tcp::OwnedWriteHalf),
    Page(unix::OwnedWriteHalf),
}

pub(crate) fn over_tcp(stream: TcpStream) -> (Reader, Writer) {
    let (reader, writer) = stream.into_split();
    (Reader::Tcp(reader), Writer::Tcp(writer))
}

pub(crate) fn of_page(stream: UnixStream) -> (Reader, Writer) {
    let (reader, writer) = stream.into_split();
    (Reader::Page(reader), Writer::Page(writer))
}

impl Reader {
    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Reader::Tcp(socket) => Pin::new(socket).poll_read(context, buffer),
            Reader::Page(socket) => Pin::new(socket).poll_read(context, buffer),
        }
    }
}

impl Writer {
    pub(super) fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Writer::Tcp(socket) => socket.try_write_vectored(slices),
            Writer::Page(socket) => socket.try_write_vectored(slices),
        }
    }

    pub(super) async fn writable(&self) -> io::Result<()> {
        match self {
            Writer::Tcp(socket) => socket.writable().await,
            Writer::Page(socket) => socket.writable().await,
        }
    }

    /// Whether a page is at the other end, which reaches brokers by their numbers.
    pub(super) fn is_of_page(&self) -> bool {
        matches!(self, Writer::Page(_))
    }
}
