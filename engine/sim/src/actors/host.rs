//! A client of the client crate on an actor's connections.

use std::ops::ControlFlow;

use headwater_client::{
    Address, AutoOffsetReset, Client, ClientConfig, ClientError, ConsumerConfig, ConsumerEvent, ConsumerId,
    Fetched, IsolationLevel,
};
use headwater_engine::{Now, TopicPartition};

use super::{Context, News, Wish};
use crate::checkers::ReadLog;
use crate::payload::RecordId;

/// Where a broker is, as clients know it.
pub(crate) fn host_of(broker: usize) -> String {
    format!("broker-{broker}")
}

pub(crate) const PORT: u16 = 9092;

#[derive(Debug)]
pub(crate) struct Host {
    /// What its actor is called in the trace.
    pub(super) name: String,
    pub(super) client: Client,
    /// By the brokers' numbers.
    addresses: Vec<Address>,
    /// Connections of a client that died, by their brokers: they are to be closed.
    orphans: Vec<usize>,
}

/// What a consumer is given next, or why it cannot go on with a partition.
pub(super) type Read = Result<Fetched, (TopicPartition, ClientError)>;

impl Host {
    pub(super) fn new(name: &str, brokers: usize, seed: u64) -> Host {
        let addresses: Vec<Address> =
            (0..brokers).map(|broker| Address::new(&host_of(broker), PORT)).collect();
        let client = client(name, &addresses, seed);
        Host { name: name.to_owned(), client, addresses, orphans: Vec::new() }
    }

    /// The client dies, and another comes in its place that knows nothing.
    pub(super) fn die(&mut self, context: &mut Context<'_>) {
        context.trace.say(format_args!("{}: dies", self.name));
        self.client = client(&self.name, &self.addresses, context.random.next());
        self.orphans = (0..self.addresses.len()).collect();
    }

    /// A consumer of no group, which is assigned its partitions.
    pub(super) fn add_reader(
        &mut self,
        auto_offset_reset: AutoOffsetReset,
        isolation_level: IsolationLevel,
        max_partition_fetch_bytes: i32,
    ) -> ConsumerId {
        self.client.add_consumer(ConsumerConfig {
            fetch_max_wait_ms: 100,
            max_partition_fetch_bytes,
            auto_offset_reset,
            isolation_level,
            // An actor has one connection.
            own_connections: false,
            ..ConsumerConfig::default()
        })
    }

    /// What a consumer of no group reads next.
    pub(super) fn read(&mut self, context: &mut Context<'_>, consumer: ConsumerId) -> Option<Read> {
        loop {
            match self.client.poll_consumer(consumer)? {
                ConsumerEvent::Fetched(fetched) => return Some(Ok(fetched)),
                ConsumerEvent::Failed { topic_partition, error } => {
                    context.trace.say(format_args!("{}: {topic_partition} failed: {error}", self.name));
                    return Some(Err((topic_partition, error)));
                }
                other => context.trace.say(format_args!("{}: {other:?}, of no group", self.name)),
            }
        }
    }

    pub(super) fn hear(&mut self, now: Now, news: News) {
        match news {
            News::Connected(broker) => self.client.handle_connected(now, &self.addresses[broker]),
            News::Disconnected(broker) => self.client.handle_disconnect(now, &self.addresses[broker]),
            News::Frame(broker, frame) => self.client.handle_frame(now, &self.addresses[broker], frame),
            News::Time => self.client.handle_timeout(now),
        }
    }

    pub(super) fn wish(&mut self, context: &Context<'_>) -> Option<Wish> {
        if let Some(orphan) = self.orphans.pop() {
            return Some(Wish::Close(orphan));
        }
        if let Some(address) = self.client.poll_close() {
            return Some(Wish::Close(self.broker_at(&address)));
        }
        if let Some(address) = self.client.poll_connect(context.now) {
            return Some(Wish::Connect(self.broker_at(&address)));
        }
        let (address, frame) = self.client.poll_transmit(context.now)?;
        Some(Wish::Send(self.broker_at(&address), frame))
    }

    fn broker_at(&self, address: &Address) -> usize {
        let Some(broker) = self.addresses.iter().position(|known| known == address) else {
            unreachable!("brokers tell of no others than there are, and not of {address}")
        };
        broker
    }
}

fn client(client_id: &str, addresses: &[Address], seed: u64) -> Client {
    Client::new(ClientConfig {
        client_id: client_id.to_owned(),
        bootstrap_servers: addresses.to_vec(),
        request_timeout_ms: 3_000,
        default_api_timeout_ms: 8_000,
        metadata_max_age_ms: 2_000,
        socket_connection_setup_timeout_ms: 2_000,
        seed,
        ..ClientConfig::default()
    })
}

/// The records that a consumer was given, each with its offset and its name; and whether all of it could be read.
pub(super) fn records_of(fetched: &Fetched) -> (ReadLog, Result<(), String>) {
    let mut records = ReadLog::new();
    let whole = fetched.for_each(|record| {
        records.push((record.offset, record.value.and_then(RecordId::of)));
        ControlFlow::Continue(())
    });
    (records, whole.map_err(|error| error.to_string()))
}
