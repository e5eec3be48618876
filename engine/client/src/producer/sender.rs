//! Batches into Produce requests, and their answers back to the batches.

use headwater_engine::Now;
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;

use super::{Delivered, Placed, Producer};
use crate::config::Acks;
use crate::error::{ClientError, code};
use crate::metadata::Metadata;
use crate::network::{Address, Answer, Network, Owner};
use crate::wire;
use headwater_engine::sorted::SortedMap;

/// From version 13 on topics go by their ids.
const HIGHEST_VERSION: i16 = 11;

impl Producer {
    /// Sends what is due to every broker that can take it.
    pub(super) fn send_due(&mut self, now: Now, id: u32, network: &mut Network, metadata: &mut Metadata) {
        let owner = Owner::Producer(id);
        let lane = self.lane(id);
        for (leader, partitions) in self.due_by_leader(now, metadata) {
            let address = leader.on_lane(lane);
            if !network.ready(&address) {
                continue;
            }
            while network.in_flight(&address, owner)
                < self.config.max_in_flight_requests_per_connection.max(1)
            {
                let batches = self.take_due(now, &partitions);
                if batches.is_empty() {
                    break;
                }
                self.request(now, &address, owner, batches, network);
            }
        }
    }

    /// The partitions that have something to send, by their leader. Asks for leaders that are not known.
    fn due_by_leader(
        &mut self,
        now: Now,
        metadata: &mut Metadata,
    ) -> SortedMap<Address, Vec<(usize, usize)>> {
        let mut due: SortedMap<Address, Vec<(usize, usize)>> = SortedMap::new();
        for (index, topic) in self.topics.iter_mut().enumerate() {
            topic.update_load();
            let name = &topic.name.clone();
            for (partition, queue) in topic.queues_mut().enumerate() {
                if self.transaction.is_some() {
                    queue.place.identity = queue.place.identity.or(self.known.identity);
                } else if self.config.enable_idempotence {
                    let given_up = queue.renew(self.known.identity);
                    self.known.identity = self.known.identity.filter(|(id, _)| Some(*id) != given_up);
                }
                if !queue.is_ready(now, &self.config, self.pressed) {
                    continue;
                }
                let transaction = self.transaction.as_mut();
                if transaction.is_some_and(|transaction| !transaction.takes_part((index, partition))) {
                    continue;
                }
                let number = i32::try_from(partition).unwrap_or(i32::MAX);
                if let Some(leader) = metadata.leader(now, name, number) {
                    match due.get_mut(leader) {
                        Some(partitions) => partitions.push((index, partition)),
                        None => drop(due.insert(leader.clone(), vec![(index, partition)])),
                    }
                }
            }
        }
        // Whoever comes first when a request is full must not always be the same.
        for partitions in due.values_mut() {
            let first = self.random.next_u32() as usize % partitions.len();
            partitions.rotate_left(first);
        }
        due
    }

    /// At most one batch a partition, as much as a request may hold; at least one.
    fn take_due(&mut self, now: Now, partitions: &[(usize, usize)]) -> Vec<Placed> {
        let mut taken = Vec::new();
        let mut size = 0;
        for &(topic, partition) in partitions {
            let Some(queue) = self.topics.get_mut(topic).and_then(|topic| topic.queue_at(partition)) else {
                continue;
            };
            if !queue.is_ready(now, &self.config, self.pressed) {
                continue;
            }
            size += queue.ready_size();
            if size > self.config.max_request_size && !taken.is_empty() {
                break;
            }
            if let Some(batch) = queue.take_ready(&self.config) {
                self.unsent -= 1;
                taken.push(Placed { topic, partition, batch });
            }
        }
        taken
    }

    fn request(
        &mut self,
        now: Now,
        address: &Address,
        owner: Owner,
        batches: Vec<Placed>,
        network: &mut Network,
    ) {
        let timeout_ms = self.client.request_timeout_ms;
        let request = ProduceRequest::default()
            .with_transactional_id(self.transaction.as_ref().map(|transaction| transaction.id()))
            .with_acks(self.config.acks.wire())
            .with_timeout_ms(i32::try_from(timeout_ms).unwrap_or(i32::MAX))
            .with_topic_data(self.topic_data(&batches));
        let tag = self.next_tag;
        self.next_tag += 1;
        let answered = self.config.acks != Acks::None;
        let sent = network.version::<ProduceRequest>(address, HIGHEST_VERSION).and_then(|version| {
            network.send(now, address, (owner, tag), &request, version, (timeout_ms, answered))
        });
        match sent {
            Ok(()) if answered => drop(self.requests.insert(tag, batches)),
            Ok(()) => {
                for placed in batches {
                    self.answered(&placed);
                    self.deliver(placed, Ok(Delivered { base_offset: None, log_append_time_ms: None }));
                }
            }
            Err(error) => {
                for placed in batches {
                    self.answered(&placed);
                    self.fail(placed, error.clone());
                }
            }
        }
    }

    fn topic_data(&self, batches: &[Placed]) -> Vec<TopicProduceData> {
        let mut by_topic: SortedMap<usize, Vec<PartitionProduceData>> = SortedMap::new();
        for placed in batches {
            let data = PartitionProduceData::default()
                .with_index(i32::try_from(placed.partition).unwrap_or(i32::MAX))
                .with_records(Some(placed.batch.bytes.clone()));
            by_topic.or_default(placed.topic).push(data);
        }
        by_topic
            .into_iter()
            .filter_map(|(topic, partitions)| {
                let name = wire::topic_name(&self.topics.get(topic)?.name);
                Some(TopicProduceData::default().with_name(name).with_partition_data(partitions))
            })
            .collect()
    }

    /// The partition of a batch may send the next one.
    fn answered(&mut self, placed: &Placed) {
        if let Some(queue) = self.topics.get_mut(placed.topic).and_then(|t| t.queue_at(placed.partition)) {
            queue.answered(&placed.batch);
        }
    }

    pub(super) fn take_answer(&mut self, now: Now, answer: Answer, metadata: &mut Metadata) {
        let Some(batches) = self.requests.remove(&answer.tag) else { return };
        let response = answer.decode::<ProduceRequest>();
        for placed in batches {
            self.answered(&placed);
            let result = match &response {
                Err(error) => Err(error.clone()),
                Ok(response) => {
                    let name = self.topics.get(placed.topic).map_or("", |topic| &topic.name);
                    let number = i32::try_from(placed.partition).unwrap_or(i32::MAX);
                    let answered = response
                        .responses
                        .iter()
                        .filter(|topic| topic.name.as_str() == name)
                        .flat_map(|topic| &topic.partition_responses)
                        .find(|partition| partition.index == number);
                    answered.map_or_else(
                        || Err(ClientError::malformed("a partition that was written to is not in it")),
                        outcome,
                    )
                }
            };
            match result {
                Ok(delivered) => self.deliver(placed, Ok(delivered)),
                Err(error) => self.fail_or_retry(now, placed, error, metadata),
            }
        }
    }

    fn fail_or_retry(
        &mut self,
        now: Now,
        mut placed: Placed,
        mut error: ClientError,
        metadata: &mut Metadata,
    ) {
        if error.stale_metadata() {
            metadata.request_update();
        }
        if placed.batch.stamped {
            if error.code == Some(code::DUPLICATE_SEQUENCE_NUMBER) {
                // It is written; where, is told no more.
                self.deliver(placed, Ok(Delivered { base_offset: None, log_append_time_ms: None }));
                return;
            }
            if self.transaction.is_some() {
                self.weigh_in_transaction(&mut placed, &mut error);
            } else {
                self.weigh(&mut placed, &mut error);
            }
        }
        let again = error.retriable
            && self.halted.is_none()
            && self.transaction.as_ref().is_none_or(|transaction| !transaction.is_aborting())
            && placed.batch.attempts < self.config.retries
            && !placed.batch.is_expired(now, self.config.delivery_timeout_ms)
            && (self.config.retry_unknown_outcome || !error.outcome_unknown());
        if !again {
            self.fail(placed, error);
            return;
        }
        let Placed { topic, partition, batch } = placed;
        // Doubles up to a second (KIP-580).
        let backoff = self.client.retry_backoff_ms.saturating_mul(1 << batch.attempts.min(10)).min(1_000);
        let not_before_ms = now.monotonic_ms + self.random.jitter(backoff);
        if let Some(queue) = self.topics.get_mut(topic).and_then(|topic| topic.queue_at(partition)) {
            queue.put_back(batch, not_before_ms);
            self.unsent += 1;
        }
    }
}

/// What a partition's answer says. Its own records' errors are more telling than the partition's (KIP-467).
fn outcome(partition: &PartitionProduceResponse) -> Result<Delivered, ClientError> {
    let record_error = partition.record_errors.first().and_then(|e| e.batch_index_error_message.as_ref());
    let message = partition.error_message.as_ref().or(record_error).map(|message| message.as_str());
    match ClientError::answered(partition.error_code, message) {
        Some(error) => Err(error),
        None => Ok(Delivered {
            base_offset: Some(partition.base_offset).filter(|offset| *offset >= 0),
            log_append_time_ms: Some(partition.log_append_time_ms).filter(|time| *time >= 0),
        }),
    }
}
