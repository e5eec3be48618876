//! What a page is told of a broker: the messages of worker/protocol that a worker of brokers would send, as JSON.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use headwater_engine::NodeId;
use headwater_worker_protocol::{BrokerSnapshot, FromBroker, ToBroker};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, timeout};
use tokio_tungstenite::tungstenite::{Error, Message as WebSocketMessage};

use super::{Opened, json};
use crate::peers::Message;
use crate::switchboard::{Look, Seen};

/// How often a page is told what is new.
const INTERVAL: Duration = Duration::from_millis(100);
/// A page that does not watch what moves is told at every one of so many of those times.
const CALMER: u32 = 2;
/// How often a page that hears nothing is asked whether it is there.
const PING: Duration = Duration::from_secs(20);
/// How long it may say nothing.
const SILENCE: Duration = Duration::from_secs(60);
/// How long a broker may take to say how it stands.
const BROKER_PATIENCE: Duration = Duration::from_secs(10);

/// Tells a page what is new until it leaves, reads nothing for as long as `stall`, or the broker ends.
pub(super) async fn tell(
    opened: Opened,
    broker: &UnboundedSender<Message>,
    node_id: NodeId,
    stall: Duration,
) -> Result<(), Error> {
    let (mut to_page, mut from_page) = opened.split();
    let mut telling = Telling { node_id, seen: Seen::default(), watch: false, is_ready: false, last: None };
    let mut ticks = 0_u32;
    let mut tick = tokio::time::interval(INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut heard, mut pinged) = (Instant::now(), Instant::now());
    loop {
        let messages = tokio::select! {
            said = from_page.next() => match said {
                None | Some(Ok(WebSocketMessage::Close(_))) => return Ok(()),
                Some(said) => {
                    heard = Instant::now();
                    match telling.hear(&said?, broker).await? {
                        Some(answer) => vec![answer],
                        None => continue,
                    }
                }
            },
            _ = tick.tick() => {
                ticks = ticks.wrapping_add(1);
                if !telling.watch && !ticks.is_multiple_of(CALMER) {
                    continue;
                }
                match look(broker, telling.seen, telling.watch).await {
                    Some(look) => telling.news(look)?,
                    None => return to_page.close().await,
                }
            }
        };
        let ping = (pinged.elapsed() >= PING).then(|| WebSocketMessage::Ping(bytes::Bytes::new()));
        if ping.is_some() {
            pinged = Instant::now();
        }
        if heard.elapsed() >= SILENCE {
            return Ok(());
        }
        let send = async {
            for message in messages.into_iter().map(WebSocketMessage::text).chain(ping) {
                to_page.feed(message).await?;
            }
            to_page.flush().await
        };
        match timeout(stall, send).await {
            Ok(sent) => sent?,
            Err(_) => return Ok(()),
        }
    }
}

/// How the broker stands; none when it has ended.
async fn look(broker: &UnboundedSender<Message>, seen: Seen, watch: bool) -> Option<Look> {
    let (to, from) = oneshot::channel();
    broker.send(Message::Look { seen, watch, to }).ok()?;
    timeout(BROKER_PATIENCE, from).await.ok()?.ok()
}

/// What a page knows already.
struct Telling {
    node_id: NodeId,
    seen: Seen,
    /// Whether it wants to know what moves.
    watch: bool,
    is_ready: bool,
    last: Option<BrokerSnapshot>,
}

impl Telling {
    /// Takes in what a page says, and answers what it asks. Of all that it may tell a worker of brokers, only what looks counts
    /// here: what starts and ends these brokers is not in a page.
    async fn hear(
        &mut self,
        said: &WebSocketMessage,
        broker: &UnboundedSender<Message>,
    ) -> Result<Option<String>, Error> {
        let WebSocketMessage::Text(text) = said else { return Ok(None) };
        match serde_json::from_str(text).map_err(std::io::Error::other)? {
            ToBroker::Watch { on } => {
                self.watch = on;
                Ok(None)
            }
            ToBroker::Describe { id, topic, partition, offset, .. } => {
                let (to, from) = oneshot::channel();
                drop(broker.send(Message::Describe { topic, partition, offset, to }));
                // Without an answer the page says that there was none.
                let Ok(Ok(result)) = timeout(BROKER_PATIENCE, from).await else { return Ok(None) };
                let answer = FromBroker::Log { node_id: self.node_id, id, result };
                Ok(Some(json::text(&answer).map_err(std::io::Error::other)?))
            }
            _ => Ok(None),
        }
    }

    fn news(&mut self, look: Look) -> Result<Vec<String>, Error> {
        let Look { snapshot, recovered, events, traces, seen } = look;
        self.seen = seen;
        let mut messages = Vec::new();
        if let Some(recovered) = recovered.filter(|_| !self.is_ready) {
            self.is_ready = true;
            messages.push(FromBroker::Ready {
                node_id: self.node_id,
                brokers: snapshot.brokers.clone(),
                logs: recovered.logs,
                recovery_ms: recovered.took.as_secs_f64() * 1e3,
            });
        }
        messages.extend(events.into_iter().map(FromBroker::Event));
        messages.extend(traces.into_iter().map(FromBroker::Trace));
        if self.is_ready && self.last.as_ref() != Some(&snapshot) {
            self.last = Some(snapshot.clone());
            messages.push(FromBroker::Snapshot(snapshot));
        }
        let texts = messages.iter().map(|message| json::text(message).map_err(std::io::Error::other));
        Ok(texts.collect::<Result<_, _>>()?)
    }
}
