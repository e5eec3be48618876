//! The client and its connections: carries frames between it and the ports, and wakes whoever waits.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use bytes::Bytes;
use gloo_events::EventListener;
use headwater_client::{Address, AdminReply, AdminRequestId, Client, ClientConfig, ClientError};
use headwater_engine::Now;
use headwater_worker_protocol::{FromClients, Latencies};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MessageChannel, MessageEvent, MessagePort};

use crate::clock::{self, Timer};
use crate::post::post;
use headwater_engine::sorted::{SortedMap, SortedSet};

/// How the page calls itself when it does what a person asks for: reads, sends, creates.
pub(crate) const PAGE_CLIENT_ID: &str = "headwater-playground";
/// Kafka's usual port; every broker is named with it.
const PORT: u16 = 9092;
/// How long somebody who waits sleeps at the most before looking at the clock.
const HEARTBEAT_MS: u64 = 500;

/// A timer that is later than this says that the worker did not run.
const FROZEN_MS: u64 = 5_000;
/// What waits in the ports has been taken in after this time.
const AFTER_FREEZE_MS: f64 = 50.0;
/// Kafka's number of Produce.
const PRODUCE: [u8; 2] = [0, 0];
/// Answers to admin requests that nobody has taken: who asks takes at once, but for those who have given up.
const MAX_ANSWERS: usize = 1_000;
/// Produce requests of a connection whose time is taken: more than a producer has on their way.
const MAX_TIMED: usize = 64;

/// One client for everything in this worker.
pub(crate) struct Hub {
    inner: RefCell<Inner>,
    /// Goes up whenever something may have changed for those who wait.
    changes: Cell<u64>,
    wakers: RefCell<Vec<Waker>>,
    /// How old records were when they were read.
    pub(crate) end_to_end: RefCell<Latencies>,
}

struct Inner {
    client: Client,
    /// By connection; all but those on the shared lane are ports that were sent to the broker on that.
    ports: SortedMap<Address, Port>,
    /// Brokers that the client wants to be connected to and that have no port yet. The page was told.
    awaited: SortedSet<Address>,
    /// When it goes off, by the monotonic clock.
    timer: Option<(u64, Timer)>,
    answers: SortedMap<AdminRequestId, Result<AdminReply, ClientError>>,
    latencies: Latencies,
}

struct Port {
    port: MessagePort,
    /// Produce requests that are not answered, by their correlation ids, and when they were sent.
    timed: VecDeque<(i32, f64)>,
    /// Taken off when the port is dropped.
    _listeners: [EventListener; 2],
}

impl Hub {
    pub(crate) fn new() -> Rc<Hub> {
        let client = Client::new(ClientConfig {
            client_id: PAGE_CLIENT_ID.to_owned(),
            bootstrap_servers: vec![address(0)],
            // While time stands still a change waits for its step, and one can look all the same.
            own_connections_for_changes: true,
            seed: clock::entropy().unwrap_or_default(),
            ..ClientConfig::default()
        });
        Rc::new(Hub {
            inner: RefCell::new(Inner {
                client,
                ports: SortedMap::new(),
                awaited: SortedSet::new(),
                timer: None,
                answers: SortedMap::new(),
                latencies: Latencies::default(),
            }),
            changes: Cell::new(0),
            wakers: RefCell::new(Vec::new()),
            end_to_end: RefCell::default(),
        })
    }

    /// The way to a broker; takes the place of an earlier one.
    pub(crate) fn set_port(self: &Rc<Self>, node_id: i32, port: MessagePort) {
        let address = address(node_id);
        let port = self.listen(&address, port);
        {
            let inner = &mut *self.inner.borrow_mut();
            let now = clock::now();
            // Connections of one's own went to the same broker as the earlier way.
            let lost: Vec<Address> =
                inner.ports.keys().filter(|other| other.on_lane(0) == address).cloned().collect();
            for address in lost {
                inner.ports.remove(&address);
                inner.client.handle_disconnect(now, &address);
            }
            inner.ports.insert(address.clone(), port);
            // While time stands still a back-off would not end.
            inner.client.handle_reachable(&address);
            let awaited: Vec<Address> =
                inner.awaited.iter().filter(|other| other.on_lane(0) == address).cloned().collect();
            for address in awaited {
                inner.awaited.remove(&address);
                self.connect(inner, now, address);
            }
        }
        self.pump();
    }

    /// Connects the client: over the way that is there, or by another port that is sent on it. A broker that is not there
    /// yet is waited for.
    fn connect(self: &Rc<Self>, inner: &mut Inner, now: Now, address: Address) {
        let Some(Port { port, .. }) = inner.ports.get(&address.on_lane(0)) else {
            if let Some(node_id) = node_id(&address)
                && inner.awaited.insert(address)
            {
                post(&FromClients::NeedsBroker { node_id });
            }
            return;
        };
        if address.lane != 0 {
            let channel = MessageChannel::new().ok();
            let sent = channel.filter(|channel| {
                let theirs = channel.port2();
                port.post_message_with_transferable(&theirs, &Array::of1(&theirs)).is_ok()
            });
            let Some(channel) = sent else {
                inner.client.handle_disconnect(now, &address);
                return;
            };
            inner.ports.insert(address.clone(), self.listen(&address, channel.port1()));
        }
        inner.client.handle_connected(now, &address);
    }

    fn listen(self: &Rc<Self>, address: &Address, port: MessagePort) -> Port {
        let hub = self.clone();
        let from = address.clone();
        let message = EventListener::new(&port, "message", move |event| hub.handle_message(&from, event));
        let hub = self.clone();
        let from = address.clone();
        // Not every browser tells of this; elsewhere a request that is not answered in time does.
        let close = EventListener::new(&port, "close", move |_| hub.handle_close(&from));
        port.start();
        Port { port, timed: VecDeque::new(), _listeners: [message, close] }
    }

    fn handle_message(self: &Rc<Self>, from: &Address, event: &web_sys::Event) {
        let data = event.dyn_ref::<MessageEvent>().map(MessageEvent::data);
        if data.as_ref().is_some_and(JsValue::is_null) {
            return self.handle_close(from);
        }
        let frame = data.and_then(|data| data.dyn_into::<Uint8Array>().ok());
        // What is no frame cannot be an answer: the client closes the connection over an empty one.
        let frame = frame.map_or_else(Bytes::new, |frame| Bytes::from(frame.to_vec()));
        {
            let inner = &mut *self.inner.borrow_mut();
            if let Some(took_ms) = inner.ports.get_mut(from).and_then(|port| port.answered(&frame)) {
                inner.latencies.add(took_ms, 1);
            }
            inner.client.handle_frame(clock::now(), from, frame);
        }
        self.pump();
    }

    fn handle_close(self: &Rc<Self>, from: &Address) {
        {
            let inner = &mut *self.inner.borrow_mut();
            inner.ports.remove(from);
            inner.client.handle_disconnect(clock::now(), from);
        }
        self.pump();
    }

    /// Does something with the client, and carries what comes of it. `act` must not call the hub.
    pub(crate) fn with<T>(self: &Rc<Self>, act: impl FnOnce(&mut Client, Now) -> T) -> T {
        let result = act(&mut self.inner.borrow_mut().client, clock::now());
        self.carry();
        result
    }

    /// Waits until a frame came, a time-out passed, or half a second is over.
    pub(crate) async fn changed(&self) {
        let seen = self.changes.get();
        poll_fn(|context| {
            if self.changes.get() != seen {
                return Poll::Ready(());
            }
            self.wakers.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// The answer to an admin request.
    pub(crate) async fn admin(
        self: &Rc<Self>,
        ask: impl FnOnce(&mut Client, Now) -> AdminRequestId,
    ) -> Result<AdminReply, ClientError> {
        let id = self.with(ask);
        loop {
            if let Some(answer) = self.inner.borrow_mut().answers.remove(&id) {
                return answer;
            }
            self.changed().await;
        }
    }

    /// How long Produce requests took.
    pub(crate) fn produce_latencies(&self) -> Latencies {
        self.inner.borrow().latencies.clone()
    }

    /// Has everybody look again.
    pub(crate) fn wake(self: &Rc<Self>) {
        self.pump();
    }

    /// Carries frames and wakes everybody.
    fn pump(self: &Rc<Self>) {
        self.carry();
        self.changes.set(self.changes.get() + 1);
        let wakers = std::mem::take(&mut *self.wakers.borrow_mut());
        wakers.into_iter().for_each(Waker::wake);
    }

    fn carry(self: &Rc<Self>) {
        let now = clock::now();
        let inner = &mut *self.inner.borrow_mut();
        while let Some(address) = inner.client.poll_connect(now) {
            self.connect(inner, now, address);
        }
        while let Some((to, frame)) = inner.client.poll_transmit(now) {
            let Some(port) = inner.ports.get_mut(&to) else { continue };
            port.sends(&frame);
            let bytes = Uint8Array::from(&*frame);
            let _ = port.port.post_message_with_transferable(&bytes, &Array::of1(&bytes.buffer()));
        }
        while let Some(address) = inner.client.poll_close() {
            inner.awaited.remove(&address);
            // The shared port stays open for the next connection; answers to this one are told apart by their ids.
            if address.lane != 0
                && let Some(Port { port, .. }) = inner.ports.remove(&address)
            {
                // Not every browser tells the other end that a port was closed, so a message does.
                let _ = port.post_message(&JsValue::NULL);
                port.close();
            }
        }
        while let Some((id, answer)) = inner.client.poll_admin() {
            inner.answers.insert(id, answer);
            if inner.answers.len() > MAX_ANSWERS {
                inner.answers.pop_first();
            }
        }
        self.set_timer(inner, now);
    }

    fn set_timer(self: &Rc<Self>, inner: &mut Inner, now: Now) {
        let heartbeat_ms = now.monotonic_ms + HEARTBEAT_MS;
        let due_ms = inner.client.poll_timeout().map_or(heartbeat_ms, |at| at.min(heartbeat_ms));
        if inner.timer.as_ref().is_some_and(|(at, _)| *at <= due_ms && *at > now.monotonic_ms) {
            return;
        }
        let hub = self.clone();
        #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53")]
        let at_ms = due_ms.max(now.monotonic_ms) as f64;
        inner.timer = Some((due_ms, clock::timer(at_ms, move || hub.handle_timer())));
    }

    fn handle_timer(self: &Rc<Self>) {
        {
            let inner = &mut *self.inner.borrow_mut();
            let late_ms =
                inner.timer.as_ref().map_or(0, |(at, _)| clock::now().monotonic_ms.saturating_sub(*at));
            inner.timer = None;
            if late_ms > FROZEN_MS {
                // The tab was frozen: what has been answered meanwhile is taken in before anything counts as late.
                let hub = self.clone();
                let at_ms = clock::monotonic_ms() + AFTER_FREEZE_MS;
                inner.timer = Some((u64::MAX, clock::timer(at_ms, move || hub.handle_timer())));
                return;
            }
            inner.client.handle_timeout(clock::now());
        }
        self.pump();
    }
}

impl Port {
    /// Takes the time of a Produce request. Its header begins with its kind, its version and its correlation id.
    fn sends(&mut self, frame: &[u8]) {
        if frame.starts_with(&PRODUCE)
            && let Some(id) = frame.get(4..).and_then(correlation_id)
        {
            if self.timed.len() == MAX_TIMED {
                self.timed.pop_front();
            }
            self.timed.push_back((id, clock::monotonic_ms()));
        }
    }

    /// How long a Produce request took, if this is the answer to one. Answers come in the requests' order, to all but those
    /// with `acks=0`.
    fn answered(&mut self, frame: &[u8]) -> Option<f64> {
        let id = correlation_id(frame)?;
        let mut took_ms = None;
        while let Some(&(sent, sent_ms)) = self.timed.front()
            && sent <= id
        {
            self.timed.pop_front();
            took_ms = (sent == id).then(|| clock::monotonic_ms() - sent_ms);
        }
        took_ms
    }
}

fn correlation_id(bytes: &[u8]) -> Option<i32> {
    Some(i32::from_be_bytes(*bytes.first_chunk()?))
}

/// Under which name a broker is reached: the host that its Metadata gives.
fn address(node_id: i32) -> Address {
    Address::new(&format!("broker-{node_id}"), PORT)
}

fn node_id(address: &Address) -> Option<i32> {
    address.host.strip_prefix("broker-")?.parse().ok()
}
