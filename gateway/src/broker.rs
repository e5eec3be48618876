//! The thread of a broker: its core, its storage, its listener and its connections.

use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use headwater_driver::Driver;
use headwater_engine::{Broker, BrokerConfig, NodeId};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::{LocalSet, spawn_local};
use tracing::warn;

use crate::clock::{self, Clock};
use crate::limits::Limits;
use crate::peers::{Message, Peers};
use crate::storage::Storage;
use crate::switchboard::socket::{self, Reader, Writer};
use crate::switchboard::{Parts, Shared, Switchboard, read_on};

/// How often connections are looked over.
const SWEEP: Duration = Duration::from_secs(1);
/// How long accepting pauses when the system has no more files to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// At the end: how long requests are waited for that wait for records or for others.
const PATIENCE: Duration = Duration::from_secs(1);
/// At the end: how long anything is waited for.
const GRACE: Duration = Duration::from_secs(10);

/// What a broker says of itself.
#[derive(Debug)]
pub(crate) enum Said {
    /// It answers.
    Ready,
    /// It has answered everything, after [`Message::Drain`].
    Drained,
    /// It cannot go on.
    Failed(String),
}

/// What a broker is started with.
pub(crate) struct Start {
    pub(crate) config: BrokerConfig,
    pub(crate) limits: Limits,
    pub(crate) listener: std::net::TcpListener,
    pub(crate) storage: Storage,
    /// Rings when the storage has outcomes.
    pub(crate) wake: Arc<Notify>,
    pub(crate) messages: UnboundedReceiver<Message>,
    /// All brokers by their number.
    pub(crate) brokers: Vec<UnboundedSender<Message>>,
    pub(crate) said: UnboundedSender<(NodeId, Said)>,
}

/// Starts the thread of a broker.
///
/// # Errors
///
/// When the system gives no thread.
pub(crate) fn start(start: Start) -> Result<JoinHandle<()>, String> {
    let node_id = start.config.node_id();
    thread::Builder::new()
        .name(format!("broker-{node_id}"))
        .spawn(move || {
            let said = start.said.clone();
            if let Err(why) = run(start) {
                // Nobody listens only when the process ends anyway.
                drop(said.send((node_id, Said::Failed(why))));
            }
        })
        .map_err(|error| format!("a thread for broker {node_id} cannot be started: {error}"))
}

fn run(start: Start) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime cannot be started: {error}"))?;
    LocalSet::new().block_on(&runtime, serve(start))
}

async fn serve(start: Start) -> Result<(), String> {
    let Start { config, limits, listener, storage, wake, mut messages, brokers, said } = start;
    let node_id = config.node_id();
    let listener =
        TcpListener::from_std(listener).map_err(|error| format!("the listener cannot be used: {error}"))?;
    let driver = Driver::new(Broker::new(config, clock::entropy()), storage);
    let switchboard = Switchboard::new(Parts {
        node_id,
        driver,
        clock: Clock::start(),
        limits,
        peers: Peers::new(node_id, brokers),
        pump: wake.clone(),
    });
    let accepting = spawn_local(accept_on(switchboard.clone(), listener, node_id));
    let mut is_ready = false;
    let mut draining: Option<Instant> = None;
    let mut sweep = tokio::time::interval(SWEEP);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let due = switchboard.borrow().due();
        tokio::select! {
            () = wake.notified() => {}
            Some(message) = messages.recv() => match message {
                Message::Drain => {
                    accepting.abort();
                    switchboard.borrow_mut().stop_reading();
                    draining = Some(Instant::now());
                    sweep = tokio::time::interval(Duration::from_millis(20));
                }
                Message::End => return Ok(()),
                Message::Page { stream, address } if draining.is_none() => match UnixStream::from_std(stream) {
                    Ok(stream) => accept(&switchboard, socket::of_page(stream), address),
                    Err(error) => warn!(broker = node_id, "A page's connection cannot be used: {error}."),
                },
                message => switchboard.borrow_mut().take_message(message),
            },
            () = sleep_until(due) => {}
            _ = sweep.tick() => switchboard.borrow_mut().sweep(),
        }
        let mut board = switchboard.borrow_mut();
        board.pump();
        if let Some(why) = board.failure() {
            return Err(why);
        }
        if !is_ready && board.is_ready() {
            is_ready = true;
            board.has_recovered();
            drop(said.send((node_id, Said::Ready)));
        }
        if draining.is_some_and(|since| board.is_done(since.elapsed() < PATIENCE) || since.elapsed() > GRACE)
        {
            draining = None;
            drop(said.send((node_id, Said::Drained)));
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

async fn accept_on(switchboard: Shared, listener: TcpListener, node_id: NodeId) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Without it answers are late, but they come.
                drop(stream.set_nodelay(true));
                accept(&switchboard, socket::over_tcp(stream), address);
            }
            Err(error) => {
                warn!(broker = node_id, "A connection could not be accepted: {error}.");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn accept(switchboard: &Shared, (reader, writer): (Reader, Writer), address: std::net::SocketAddr) {
    let mut board = switchboard.borrow_mut();
    if let Some(id) = board.open(address, writer) {
        let task = spawn_local(read_on(Rc::clone(switchboard), id, reader));
        board.set_reading(id, task.abort_handle());
    }
}
