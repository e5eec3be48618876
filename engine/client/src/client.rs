mod groups;
mod transactions;

use std::sync::Arc;

use bytes::Bytes;
use headwater_engine::{Now, Offset, TopicPartition};

use crate::admin::{Admin, AdminReply, AdminRequestId, NewTopic, OffsetSpec};
use crate::config::{ClientConfig, ConsumerConfig, ProducerConfig};
use crate::consumer::{Consumer, ConsumerEvent, PartitionState, StartOffset};
use crate::error::ClientError;
use crate::metadata::Metadata;
use crate::network::{self, Address, Network, Owner};
use crate::producer::{Delivery, Producer, ProducerRecord, SendError, Sent};
use crate::random::Random;
use headwater_engine::sorted::SortedMap;

/// Names a producer of a [`Client`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ProducerId(u32);

/// Names a consumer of a [`Client`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConsumerId(u32);

/// An application's producers, consumers and admin over one connection to each broker that they share, and those that
/// some have for themselves ([`ConsumerConfig::own_connections`], [`ProducerConfig::own_connections`]).
#[derive(Debug)]
pub struct Client {
    network: Network,
    metadata: Metadata,
    producers: SortedMap<u32, Producer>,
    consumers: SortedMap<u32, Consumer>,
    admin: Admin,
    config: Arc<ClientConfig>,
    random: Random,
    next_id: u32,
}

impl Client {
    /// A client that is connected to nobody yet.
    #[must_use]
    pub fn new(config: ClientConfig) -> Client {
        let config = Arc::new(config);
        let random = Random::new(config.seed);
        Client {
            network: Network::new(config.clone(), Random::new(!config.seed)),
            metadata: Metadata::new(config.clone()),
            producers: SortedMap::new(),
            consumers: SortedMap::new(),
            admin: Admin::new(config.clone()),
            config,
            random,
            next_id: 0,
        }
    }

    fn new_id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id
    }
}

/// What the transport calls.
impl Client {
    /// A broker to connect to; answer with [`Client::handle_connected`] or [`Client::handle_disconnect`]. Call until it
    /// returns none.
    #[must_use]
    pub fn poll_connect(&mut self, now: Now) -> Option<Address> {
        self.drive(now);
        self.network.poll_connect(now)
    }

    /// A frame to send, without its length. Call until it returns none; more calls do no harm.
    #[must_use]
    pub fn poll_transmit(&mut self, now: Now) -> Option<(Address, Bytes)> {
        if let Some(transmit) = self.network.poll_transmit() {
            return Some(transmit);
        }
        self.drive(now);
        self.network.poll_transmit()
    }

    /// A connection to close; it is gone for the client already.
    #[must_use]
    pub fn poll_close(&mut self) -> Option<Address> {
        self.network.poll_close()
    }

    /// The connection that [`Client::poll_connect`] asked for is open.
    pub fn handle_connected(&mut self, now: Now, address: &Address) {
        self.network.handle_connected(now, address);
    }

    /// A broker sent a frame.
    pub fn handle_frame(&mut self, now: Now, address: &Address, frame: Bytes) {
        self.network.handle_frame(now, address, frame);
        self.handle_answers(now);
    }

    /// A connection is gone, or could not be made.
    pub fn handle_disconnect(&mut self, now: Now, address: &Address) {
        self.network.handle_disconnect(now, address);
        self.metadata.request_update();
        self.handle_answers(now);
    }

    /// The transport knows that a broker can be reached again, by its address on the shared lane: nobody waits for the end of a
    /// back-off (`reconnect.backoff.ms`).
    pub fn handle_reachable(&mut self, broker: &Address) {
        self.network.handle_reachable(broker);
    }

    /// Lets time pass. Calling it early does no harm.
    pub fn handle_timeout(&mut self, now: Now) {
        self.network.handle_timeout(now);
        self.handle_answers(now);
        self.admin.handle_timeout(now);
        for producer in self.producers.values_mut() {
            producer.handle_timeout(now);
        }
    }

    /// When to call [`Client::handle_timeout`] and the polls again, by the monotonic clock; none: not before something
    /// else happens.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let producers = self.producers.values().filter_map(Producer::poll_timeout);
        let consumers = self.consumers.values().filter_map(Consumer::poll_timeout);
        producers
            .chain(consumers)
            .chain(self.network.poll_timeout())
            .chain(self.metadata.poll_timeout())
            .chain(self.admin.poll_timeout())
            .min()
    }

    /// Lets everybody send what is due.
    fn drive(&mut self, now: Now) {
        self.admin.drive(now, &mut self.network, &mut self.metadata);
        for (id, producer) in self.producers.iter_mut() {
            producer.drive(now, *id, &mut self.network, &mut self.metadata);
        }
        for (id, consumer) in self.consumers.iter_mut() {
            consumer.drive(now, *id, &mut self.network, &mut self.metadata);
        }
        self.metadata.drive(now, &mut self.network);
    }

    fn handle_answers(&mut self, now: Now) {
        while let Some(answer) = self.network.poll_answer() {
            match answer.owner {
                Owner::Network => {}
                Owner::Metadata => self.metadata.handle_answer(now, answer, &mut self.network),
                Owner::Admin => self.admin.handle_answer(now, answer, &mut self.metadata),
                Owner::Producer(id) => {
                    if let Some(producer) = self.producers.get_mut(&id) {
                        producer.handle_answer(now, answer, &mut self.metadata);
                    }
                }
                Owner::Member(id) => {
                    if let Some(consumer) = self.consumers.get_mut(&id) {
                        consumer.handle_member_answer(now, answer);
                    }
                }
                Owner::Consumer(id) => {
                    if let Some(consumer) = self.consumers.get_mut(&id) {
                        consumer.handle_answer(now, answer, &mut self.metadata);
                    }
                }
            }
        }
    }
}

/// Producing.
impl Client {
    /// A new producer.
    pub fn add_producer(&mut self, config: ProducerConfig) -> ProducerId {
        let id = self.new_id();
        self.network.name(id, config.client_id.clone());
        let random = Random::new(self.random.next_u64());
        self.producers.insert(id, Producer::new(config, self.config.clone(), random));
        ProducerId(id)
    }

    /// Drops a producer with everything it has not sent. What is on its way may still be written.
    pub fn remove_producer(&mut self, producer: ProducerId) {
        self.producers.remove(&producer.0);
        self.network.name(producer.0, None);
        self.network.close_lanes(&network::lanes(producer.0));
    }

    /// Gives a record to a producer; it is copied into the batch of its partition.
    ///
    /// # Errors
    ///
    /// The record was not taken: [`SendError::TopicPending`] as long as the topic is not known, [`SendError::BufferFull`]
    /// as long as the buffer is full, [`SendError::Failed`] if it cannot be sent as things are.
    #[inline]
    pub fn send(
        &mut self,
        now: Now,
        producer: ProducerId,
        record: &ProducerRecord<'_>,
    ) -> Result<Sent, SendError> {
        match self.producers.get_mut(&producer.0) {
            Some(producer) => producer.send(now, record, &mut self.metadata),
            None => Err(SendError::Failed(ClientError::aborted("The producer is closed."))),
        }
    }

    /// What became of a batch.
    #[must_use]
    pub fn poll_delivery(&mut self, producer: ProducerId) -> Option<Delivery> {
        self.producers.get_mut(&producer.0)?.poll_delivery()
    }

    /// Sends what has been given so far without waiting for fuller batches.
    pub fn flush(&mut self, producer: ProducerId) {
        if let Some(producer) = self.producers.get_mut(&producer.0) {
            producer.flush();
        }
    }

    /// Gives up everything that is not on its way yet; it is delivered as an error.
    pub fn abort(&mut self, producer: ProducerId) {
        if let Some(producer) = self.producers.get_mut(&producer.0) {
            producer.abort(&ClientError::aborted("The producer was told to stop."));
        }
    }

    /// Under which producer id and epoch an idempotent producer sends a partition's batches at present; none before the
    /// first is sent. The epoch goes up when it is not sure any more which batch the partition has last (KIP-360).
    #[must_use]
    pub fn producer_identity(
        &self,
        producer: ProducerId,
        topic_partition: &TopicPartition,
    ) -> Option<(i64, i16)> {
        let TopicPartition { topic, partition } = topic_partition;
        self.producers.get(&producer.0)?.identity(topic, *partition)
    }

    /// Whether nothing is waiting or on its way.
    #[must_use]
    pub fn is_flushed(&self, producer: ProducerId) -> bool {
        self.producers.get(&producer.0).is_none_or(Producer::is_flushed)
    }

    /// Of a producer's `buffer.memory`, the bytes that are taken.
    #[must_use]
    pub fn buffered_bytes(&self, producer: ProducerId) -> usize {
        self.producers.get(&producer.0).map_or(0, Producer::buffered_bytes)
    }

    /// How many partitions a topic has; none as long as that is not known. Asks for it.
    ///
    /// # Errors
    ///
    /// What the cluster last said about the topic, if that was an error. It is asked again.
    pub fn partition_count(&mut self, now: Now, topic: &str) -> Result<Option<i32>, ClientError> {
        let known = self.metadata.topic(now, topic);
        match &known.error {
            Some(error) => Err(error.clone()),
            None => Ok(i32::try_from(known.leaders.len()).ok().filter(|count| *count > 0)),
        }
    }

    /// Has what is known of the cluster asked anew.
    pub fn refresh_metadata(&mut self) {
        self.metadata.request_update();
    }
}

/// Consuming.
impl Client {
    /// A new consumer, which reads nothing yet.
    pub fn add_consumer(&mut self, config: ConsumerConfig) -> ConsumerId {
        let id = self.new_id();
        self.network.name(id, config.client_id.clone());
        self.consumers.insert(id, Consumer::new(id, config, self.config.clone()));
        ConsumerId(id)
    }

    /// Drops a consumer with everything it has fetched ahead. It does not leave its group, which finds out when the session
    /// ends; see [`Client::close_consumer`].
    pub fn remove_consumer(&mut self, consumer: ConsumerId) {
        self.consumers.remove(&consumer.0);
        self.network.name(consumer.0, None);
        self.network.close_lanes(&network::lanes(consumer.0));
    }

    /// Has a consumer read a partition from a position on; one that it reads already moves there (seek).
    pub fn assign(&mut self, consumer: ConsumerId, topic_partition: TopicPartition, start: StartOffset) {
        if let Some(consumer) = self.consumers.get_mut(&consumer.0) {
            consumer.assign(topic_partition, start);
        }
    }

    /// Has a consumer read a partition no more.
    pub fn unassign(&mut self, consumer: ConsumerId, topic_partition: &TopicPartition) {
        if let Some(consumer) = self.consumers.get_mut(&consumer.0) {
            consumer.unassign(topic_partition);
        }
    }

    /// Stops handing out a partition's records until [`Client::resume`].
    pub fn pause(&mut self, consumer: ConsumerId, topic_partition: &TopicPartition) {
        if let Some(consumer) = self.consumers.get_mut(&consumer.0) {
            consumer.set_paused(topic_partition, true);
        }
    }

    /// The inverse of [`Client::pause`].
    pub fn resume(&mut self, consumer: ConsumerId, topic_partition: &TopicPartition) {
        if let Some(consumer) = self.consumers.get_mut(&consumer.0) {
            consumer.set_paused(topic_partition, false);
        }
    }

    /// Records that have come, an error of a partition, or something about the group. A partition with an error is read
    /// no more until it is assigned anew. Polling says that what was polled before is done with, and that the application
    /// is alive (`max.poll.interval.ms`).
    #[must_use]
    pub fn poll_consumer(&mut self, consumer: ConsumerId) -> Option<ConsumerEvent> {
        let event = self.consumers.get_mut(&consumer.0)?.poll();
        if matches!(event, Some(ConsumerEvent::Closed)) {
            self.remove_consumer(consumer);
        }
        event
    }

    /// How a consumer stands with a partition.
    #[must_use]
    pub fn partition_state(
        &self,
        consumer: ConsumerId,
        topic_partition: &TopicPartition,
    ) -> Option<PartitionState> {
        self.consumers.get(&consumer.0)?.partition_state(topic_partition)
    }
}

/// Administration. Every request is answered once by [`Client::poll_admin`].
impl Client {
    /// Makes topics; answered with [`AdminReply::Topics`].
    pub fn create_topics(&mut self, now: Now, topics: Vec<NewTopic>) -> AdminRequestId {
        self.admin.create_topics(now, topics)
    }

    /// Deletes topics by name; answered with [`AdminReply::Topics`].
    pub fn delete_topics(&mut self, now: Now, names: Vec<String>) -> AdminRequestId {
        self.admin.delete_topics(now, names)
    }

    /// Gives a topic more partitions, `count` in all; answered with [`AdminReply::Topics`].
    pub fn create_partitions(&mut self, now: Now, topic: &str, count: i32) -> AdminRequestId {
        self.admin.create_partitions(now, topic, count)
    }

    /// Asks for the configs of a topic; answered with [`AdminReply::Configs`].
    pub fn describe_topic_configs(&mut self, now: Now, topic: &str) -> AdminRequestId {
        self.admin.describe_topic_configs(now, topic)
    }

    /// Asks for all brokers and topics; answered with [`AdminReply::Listing`].
    pub fn list_topics(&mut self, now: Now) -> AdminRequestId {
        self.admin.list_topics(now)
    }

    /// Asks where partitions begin or end, or where a time begins; answered with [`AdminReply::Offsets`].
    pub fn list_offsets(
        &mut self,
        now: Now,
        partitions: Vec<(TopicPartition, OffsetSpec)>,
    ) -> AdminRequestId {
        self.admin.list_offsets(now, partitions)
    }

    /// Deletes the records of partitions before these offsets (KIP-107); answered with [`AdminReply::Offsets`]: where the
    /// partitions begin now.
    pub fn delete_records(&mut self, now: Now, partitions: Vec<(TopicPartition, Offset)>) -> AdminRequestId {
        self.admin.delete_records(now, partitions)
    }

    /// Sets configs of a topic, or, without a value, has them as the broker has them; answered with
    /// [`AdminReply::Done`].
    pub fn alter_topic_configs(
        &mut self,
        now: Now,
        topic: &str,
        configs: Vec<(String, Option<String>)>,
    ) -> AdminRequestId {
        self.admin.alter_topic_configs(now, topic, configs)
    }

    /// The answer to an admin request.
    #[must_use]
    pub fn poll_admin(&mut self) -> Option<(AdminRequestId, Result<AdminReply, ClientError>)> {
        self.admin.poll_result()
    }
}
