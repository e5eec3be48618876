//! A client of the client crate on an actor's connection.

use bytes::Bytes;
use headwater_client::{Address, Client, ClientConfig};
use headwater_engine::Now;

use super::{Context, Wish};

/// Where the broker is, as clients know it.
pub(crate) const HOST: &str = "broker-0";
pub(crate) const PORT: u16 = 9092;

#[derive(Debug)]
pub(super) struct Host {
    pub(super) client: Client,
    address: Address,
}

impl Host {
    pub(super) fn new(client_id: &str, seed: u64) -> Host {
        let address = Address::new(HOST, PORT);
        let config = ClientConfig {
            client_id: client_id.to_owned(),
            bootstrap_servers: vec![address.clone()],
            request_timeout_ms: 3_000,
            default_api_timeout_ms: 8_000,
            metadata_max_age_ms: 2_000,
            socket_connection_setup_timeout_ms: 2_000,
            seed,
            ..ClientConfig::default()
        };
        Host { client: Client::new(config), address }
    }

    pub(super) fn connected(&mut self, now: Now) {
        self.client.handle_connected(now, &self.address);
    }

    pub(super) fn disconnected(&mut self, now: Now) {
        self.client.handle_disconnect(now, &self.address);
    }

    pub(super) fn frame(&mut self, now: Now, frame: Bytes) {
        self.client.handle_frame(now, &self.address, frame);
    }

    pub(super) fn wake(&mut self, now: Now) {
        self.client.handle_timeout(now);
    }

    pub(super) fn wish(&mut self, context: &Context<'_>) -> Option<Wish> {
        if self.client.poll_close().is_some() {
            return Some(Wish::Close);
        }
        if self.client.poll_connect(context.now).is_some() {
            return Some(Wish::Connect);
        }
        self.client.poll_transmit(context.now).map(|(_, frame)| Wish::Send(frame))
    }
}
