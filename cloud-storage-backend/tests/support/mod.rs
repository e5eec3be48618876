//! A server that answers as it is told, and folders that go away.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use headwater_cloud_storage::Store;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with a request.
pub(crate) enum Reply {
    /// Status, more headers, body. There is a `Date`.
    Answer(u16, &'static str, &'static str),
    /// The same without.
    WithoutDate(u16, &'static str, &'static str),
    HangUp,
    Silence,
}

/// An S3 whose answers are made by a function of the request's first line.
pub(crate) async fn s3(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Store {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, answer.clone()));
        }
    });
    store_at(&endpoint)
}

pub(crate) fn store_at(endpoint: &str) -> Store {
    let options = [
        ("endpoint", endpoint),
        ("allow_http", "true"),
        ("region", "us-east-1"),
        ("access_key_id", "somebody"),
        ("secret_access_key", "secret"),
    ];
    let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Store::open("s3://bucket/some/prefix", options).unwrap()
}

async fn serve(mut stream: TcpStream, answer: Arc<impl Fn(&str) -> Reply>) {
    let mut read = Vec::new();
    loop {
        let Some(head) = read_request(&mut stream, &mut read).await else { return };
        let (date, status, headers, body) = match answer(head.lines().next().unwrap_or_default()) {
            Reply::Answer(status, headers, body) => {
                ("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", status, headers, body)
            }
            Reply::WithoutDate(status, headers, body) => ("", status, headers, body),
            Reply::HangUp => return,
            Reply::Silence => std::future::pending().await,
        };
        let length = body.len();
        let response =
            format!("HTTP/1.1 {status} Said\r\n{date}{headers}Content-Length: {length}\r\n\r\n{body}");
        if stream.write_all(response.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The head of the next request; its body is read and forgotten.
async fn read_request(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).into_owned();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            let whole = end + 4 + length.unwrap_or(0);
            if read.len() >= whole {
                read.drain(..whole);
                return Some(head);
            }
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await {
            Ok(length @ 1..) => read.extend_from_slice(&buffer[..length]),
            _ => return None,
        }
    }
}

/// A folder of a test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("headwater-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(&format!("file://{}", self.0.display()), []).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
