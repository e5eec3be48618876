//! Starts the brokers, says that they are ready, and ends them.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use headwater_engine::{BrokerConfig, NodeId};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tracing::info;

use crate::address::Address;
use crate::args::{Options, StorageChoice};
use crate::broker::{self, Said, Start};
use crate::configs;
use crate::http;
use crate::limits::{Limits, raise_open_files};
use crate::peers::Message;
use crate::storage::{Storage, place_of};
use crate::ui::{self, Hosts, Page, Ui};

/// What clusters are called here. Clients show it and compare it, no more.
const CLUSTER_ID: &str = "headwater";
/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Serves until a signal ends it.
///
/// # Errors
///
/// A sentence, when it cannot start or go on.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    start_logging(options.json_logs);
    let open_files = raise_open_files();
    let plan = Plan::of(options, open_files)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime cannot be started: {error}"))?;
    runtime.block_on(plan.run(options))
}

fn start_logging(json: bool) {
    let lines = tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).with_ansi(false);
    match json {
        true => lines.json().flatten_event(true).init(),
        false => lines.init(),
    }
}

/// Everything that can be wrong was looked at: nothing is started before.
struct Plan {
    brokers: Vec<Planned>,
    limits: Limits,
    metrics: Option<std::net::TcpListener>,
    ui: Option<(std::net::TcpListener, Page, Hosts)>,
}

struct Planned {
    config: BrokerConfig,
    listener: std::net::TcpListener,
    address: Address,
    storage: Storage,
    wake: Arc<Notify>,
}

impl Plan {
    fn of(options: &Options, open_files: u64) -> Result<Plan, String> {
        let mut limits = Limits::default();
        let mut settings = Vec::new();
        for (key, value) in &options.configs {
            if !limits.set(key, value).map_err(|error| configs::explained(&error))? {
                settings.push((key, value));
            }
        }
        let mut brokers = Vec::new();
        for (node_id, listen) in (0..).zip(&options.listen) {
            let listener = bind(listen)?;
            let address = match options.advertise.get(brokers.len()) {
                Some(advertised) => advertised.clone(),
                None => Address { host: listen.host.clone(), port: port_of(&listener)? },
            };
            let mut config = BrokerConfig::new(CLUSTER_ID, node_id, &address.host, address.port);
            for (key, value) in &settings {
                config.set(key, value).map_err(|error| configs::explained(&error))?;
            }
            let place = place_of(&options.storage, node_id);
            config.set("log.dirs", &place).map_err(|error| error.to_string())?;
            let wake = Arc::new(Notify::new());
            let storage = Storage::open(&options.storage, node_id, &wake)?;
            brokers.push(Planned { config, listener, address, storage, wake });
        }
        let metrics = options.metrics.as_ref().map(bind).transpose()?;
        let ui = match &options.ui {
            Some(ui) => {
                let page = Page::read(&ui.folder()?, brokers.len())?;
                Some((bind(&ui.address)?, page, Hosts::of(&ui.address)))
            }
            None => None,
        };
        limits.fit(open_files, brokers.len());
        Ok(Plan { brokers, limits, metrics, ui })
    }

    async fn run(self, options: &Options) -> Result<(), String> {
        let mut signals = Signals::listen()?;
        let addresses: Vec<String> = self.brokers.iter().map(|broker| broker.address.to_string()).collect();
        let mut ready = format!("headwater is ready on {}", addresses.join(", "));
        ready += match &options.storage {
            StorageChoice::Memory => "; records are kept in memory and end with it",
            StorageChoice::Directory(_) => "; records are kept on disk",
        };
        let mut running = Running::start(self.brokers, &self.limits)?;
        if let Some(listener) = self.metrics {
            ready += &format!("; metrics on http://127.0.0.1:{}/metrics", port_of(&listener)?);
            let listener = TcpListener::from_std(listener)
                .map_err(|error| format!("--metrics cannot be served: {error}"))?;
            tokio::spawn(http::serve(listener, running.brokers.clone()));
        }
        if let (Some((listener, page, hosts)), Some(options)) = (self.ui, &options.ui) {
            let address = Address { host: options.address.host.clone(), port: port_of(&listener)? };
            ready += &format!("; the page on http://{address}/");
            let listener =
                TcpListener::from_std(listener).map_err(|error| format!("--ui cannot be served: {error}"))?;
            let ui = Ui { page, hosts, brokers: running.brokers.clone(), limits: self.limits };
            tokio::spawn(ui::serve(listener, ui));
        }
        tokio::select! {
            outcome = running.all(|said| matches!(said, Said::Ready)) => outcome?,
            signal = signals.next() => return running.end(signal, &mut signals).await,
        }
        say(&ready)?;
        tokio::select! {
            // A broker says nothing more until it is told to end, but that it cannot go on.
            outcome = running.all(|_| false) => outcome,
            signal = signals.next() => running.end(signal, &mut signals).await,
        }
    }
}

fn say(line: &str) -> Result<(), String> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")
        .and_then(|()| stdout.flush())
        .map_err(|error| format!("stdout cannot be written to: {error}"))
}

/// The brokers' threads.
struct Running {
    threads: Vec<JoinHandle<()>>,
    brokers: Vec<UnboundedSender<Message>>,
    said: UnboundedReceiver<(NodeId, Said)>,
}

impl Running {
    fn start(planned: Vec<Planned>, limits: &Limits) -> Result<Running, String> {
        let (to_us, said) = unbounded_channel();
        let (brokers, messages): (Vec<_>, Vec<_>) = planned.iter().map(|_| unbounded_channel()).unzip();
        let mut threads = Vec::new();
        for (Planned { config, listener, storage, wake, .. }, messages) in planned.into_iter().zip(messages) {
            threads.push(broker::start(Start {
                config,
                limits: limits.clone(),
                listener,
                storage,
                wake,
                messages,
                brokers: brokers.clone(),
                said: to_us.clone(),
            })?);
        }
        Ok(Running { threads, brokers, said })
    }

    /// Waits until each of the brokers has said what is wanted.
    async fn all(&mut self, is_wanted: impl Fn(&Said) -> bool) -> Result<(), String> {
        let mut missing = self.threads.len();
        while missing > 0 {
            match self.said.recv().await {
                Some((node_id, Said::Failed(why))) => return Err(format!("broker {node_id}: {why}")),
                Some((_, said)) => missing -= usize::from(is_wanted(&said)),
                None => return Err("a broker's thread has ended".to_owned()),
            }
        }
        Ok(())
    }

    fn tell(&self, message: impl Fn() -> Message) {
        for broker in &self.brokers {
            // One that has ended needs to be told nothing.
            drop(broker.send(message()));
        }
    }

    /// Answers what was asked, then ends. Brokers ask each other until the last of them has answered its clients. A second
    /// signal ends it at once.
    async fn end(mut self, signal: &str, signals: &mut Signals) -> Result<(), String> {
        info!("{signal}: no more requests are read; what was asked is answered.");
        self.tell(|| Message::Drain);
        tokio::select! {
            outcome = self.all(|said| matches!(said, Said::Drained)) => outcome?,
            signal = signals.next() => return Err(format!("a second signal, {signal}, has ended it at once")),
        }
        self.tell(|| Message::End);
        for thread in self.threads {
            thread.join().map_err(|_| "a broker's thread has panicked".to_owned())?;
        }
        info!("Everything is answered and stored.");
        Ok(())
    }
}

/// The signals that end a server.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> Result<Signals, String> {
        let listen = |kind| signal(kind).map_err(|error| format!("signals cannot be listened to: {error}"));
        Ok(Signals {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Listens on the first of a host's addresses where that is possible.
fn bind(address: &Address) -> Result<std::net::TcpListener, String> {
    let mut last = None;
    for found in address.resolve()? {
        match listener(found) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = Some(error),
        }
    }
    let why = match last {
        Some(error) if error.kind() == std::io::ErrorKind::AddrInUse => "the port is taken".to_owned(),
        Some(error) => error.to_string(),
        None => "the host has no address".to_owned(),
    };
    Err(format!("cannot listen on {address}: {why}"))
}

fn listener(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A server that was just ended leaves connections behind that would keep the port for a minute.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn port_of(listener: &std::net::TcpListener) -> Result<u16, String> {
    listener
        .local_addr()
        .map(|address| address.port())
        .map_err(|error| format!("a port is not known: {error}"))
}
