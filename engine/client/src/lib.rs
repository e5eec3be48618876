//! Producer, consumer and admin of Kafka's protocol, as one deterministic state machine.
//!
//! A [`Client`] does no input or output and reads no clock. Whoever owns it carries the frames:
//!
//! ```text
//! after every call that gave the client something (a frame, a record, a time-out):
//!     while let Some(address) = client.poll_connect(now)           { connect, then handle_connected }
//!     while let Some((address, frame)) = client.poll_transmit(now) { send }
//!     while let Some(address) = client.poll_close()                { close }
//!     take deliveries, fetched records and admin results
//!     call handle_timeout at poll_timeout()
//! ```
//!
//! A broker answers the requests of a connection one after the other. So consumers have connections of their own
//! ([`ConsumerConfig::own_connections`]), and producers and what changes topics may have them
//! ([`ProducerConfig::own_connections`], [`ClientConfig::own_connections_for_changes`]): an [`Address`] names a broker and a lane,
//! and to a transport every lane is another connection.
//!
//! Frames are without the four bytes of length that TCP puts in front. After a pause (a frozen tab), hand in the frames
//! that have arrived before calling [`Client::handle_timeout`], or what was answered in time counts as late.

mod admin;
mod assignor;
mod client;
mod config;
mod consumer;
mod error;
mod group;
mod metadata;
mod network;
mod partitioner;
mod producer;
mod random;
mod wire;

pub use admin::{
    AdminReply, AdminRequestId, BrokerListing, ConfigEntry, GroupDescription, GroupListing, GroupMember,
    GroupOffset, ListedOffset, Listing, NewTopic, OffsetSpec, TopicListing,
};
pub use assignor::Assignor;
pub use client::{Client, ConsumerId, ProducerId};
pub use config::{
    Acks, AutoOffsetReset, ClientConfig, ConsumerConfig, GroupConfig, IsolationLevel, ProducerConfig,
};
pub use consumer::{ConsumerEvent, Fetched, PartitionState, StartOffset};
pub use error::{ClientError, code};
pub use group::{CommitId, GroupMetadata, MemberState, Membership, OffsetToCommit};
pub use network::Address;
pub use partitioner::{murmur2, partition_for_key};
pub use producer::{
    Delivered, Delivery, ProducerRecord, SendError, Sent, TransactionEvent, TransactionState,
};
