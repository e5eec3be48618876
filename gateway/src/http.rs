//! `/metrics` and `/healthz`, over as much of HTTP/1.1 as those two take.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{Semaphore, oneshot};
use tracing::warn;

use crate::metrics::Report;
use crate::peers::Message;

/// The longest request that is read.
const MAX_REQUEST: usize = 8 * 1024;
/// How long a request and its answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a broker that is well takes to say so.
const BROKER_PATIENCE: Duration = Duration::from_secs(2);
/// Requests at a time; further ones wait to be accepted.
const AT_ONCE: usize = 16;

/// Answers until the process ends.
pub(crate) async fn serve(listener: TcpListener, brokers: Vec<UnboundedSender<Message>>) {
    let places = std::sync::Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let brokers = brokers.clone();
                tokio::spawn(async move {
                    // Whoever asks so slowly, or goes away, gets no answer.
                    drop(tokio::time::timeout(PATIENCE, answer(stream, &brokers)).await);
                    drop(place);
                });
            }
            Err(error) => {
                warn!("A request for metrics could not be accepted: {error}.");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn answer(mut stream: TcpStream, brokers: &[UnboundedSender<Message>]) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if request.len() > MAX_REQUEST || stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let line = String::from_utf8_lossy(request.split(|byte| *byte == b'\r').next().unwrap_or_default());
    let mut words = line.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (status, body) = match (method, path.split('?').next().unwrap_or_default()) {
        ("GET" | "HEAD", "/metrics") => match reports(brokers).await {
            Some(report) => ("200 OK", report.text()),
            None => unwell(),
        },
        ("GET" | "HEAD", "/healthz") => match reports(brokers).await {
            Some(_) => ("200 OK", "ok\n".to_owned()),
            None => unwell(),
        },
        ("GET" | "HEAD", _) => ("404 Not Found", "There are /metrics and /healthz.\n".to_owned()),
        _ => ("405 Method Not Allowed", "Only GET and HEAD are answered.\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    if method != "HEAD" {
        stream.write_all(body.as_bytes()).await?;
    }
    stream.shutdown().await
}

fn unwell() -> (&'static str, String) {
    ("503 Service Unavailable", "A broker does not answer.\n".to_owned())
}

/// What all brokers count; none when one of them says nothing.
async fn reports(brokers: &[UnboundedSender<Message>]) -> Option<Report> {
    let mut all = Report::default();
    for broker in brokers {
        let (to, from) = oneshot::channel();
        broker.send(Message::Report(to)).ok()?;
        all.join(tokio::time::timeout(BROKER_PATIENCE, from).await.ok()?.ok()?);
    }
    Some(all)
}
