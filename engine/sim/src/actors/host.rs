//! A client of the client crate on an actor's connections.

use headwater_client::{Address, Client, ClientConfig};
use headwater_engine::Now;

use super::{Context, News, Wish};

/// Where a broker is, as clients know it.
pub(crate) fn host_of(broker: usize) -> String {
    format!("broker-{broker}")
}

pub(crate) const PORT: u16 = 9092;

#[derive(Debug)]
pub(crate) struct Host {
    pub(super) client: Client,
    /// By the brokers' numbers.
    addresses: Vec<Address>,
}

impl Host {
    pub(super) fn new(client_id: &str, brokers: usize, seed: u64) -> Host {
        let addresses: Vec<Address> =
            (0..brokers).map(|broker| Address::new(&host_of(broker), PORT)).collect();
        let config = ClientConfig {
            client_id: client_id.to_owned(),
            bootstrap_servers: addresses.clone(),
            request_timeout_ms: 3_000,
            default_api_timeout_ms: 8_000,
            metadata_max_age_ms: 2_000,
            socket_connection_setup_timeout_ms: 2_000,
            seed,
            ..ClientConfig::default()
        };
        Host { client: Client::new(config), addresses }
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
