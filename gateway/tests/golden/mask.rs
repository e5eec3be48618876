//! What may differ from Kafka's answers, each with its reason.

use kafka_protocol::messages::*;

/// All of it is compared.
pub(crate) fn nothing<R>(_: &mut R) {}

/// Which APIs there are differs (`docs/compatibility.md`), and so do the features of a cluster; their versions are another test's.
pub(crate) fn apis(response: &mut ApiVersionsResponse) {
    *response = ApiVersionsResponse::default()
        .with_error_code(response.error_code)
        .with_throttle_time_ms(response.throttle_time_ms);
}

/// Messages have words of their own. Keys of Kafka's that would be ignored here are not shown. A topic's id is random.
pub(crate) fn created(response: &mut CreateTopicsResponse) {
    for topic in &mut response.topics {
        topic.error_message = None;
        topic.configs = topic.configs.as_ref().map(|_| Vec::new());
        topic.topic_id = Default::default();
    }
}

/// Where a cluster is and what it is called, and the random ids of its topics.
pub(crate) fn metadata(response: &mut MetadataResponse) {
    assert!(!response.brokers.is_empty() && response.cluster_id.is_some());
    for broker in &mut response.brokers {
        broker.host = Default::default();
        broker.port = 0;
    }
    response.cluster_id = None;
    for topic in &mut response.topics {
        topic.topic_id = Default::default();
    }
}

/// Where a cluster is and what it is called.
pub(crate) fn cluster(response: &mut DescribeClusterResponse) {
    response.cluster_id = Default::default();
    for broker in &mut response.brokers {
        broker.host = Default::default();
        broker.port = 0;
    }
}

/// Messages have words of their own. Where a batch is refused, Kafka tells the log's first offset with some errors and not with
/// others.
pub(crate) fn produced(response: &mut ProduceResponse) {
    for partition in response.responses.iter_mut().flat_map(|topic| &mut topic.partition_responses) {
        if partition.error_code != 0 {
            partition.log_start_offset = -1;
        }
        partition.error_message = None;
        for record in &mut partition.record_errors {
            record.batch_index_error_message = None;
        }
    }
}

/// Of a batch that came before Kafka tells its own time as that of the append, whoever chooses the times in the topic.
pub(crate) fn produced_again(response: &mut ProduceResponse) {
    produced(response);
    for partition in response.responses.iter_mut().flat_map(|topic| &mut topic.partition_responses) {
        partition.log_append_time_ms = -1;
    }
}

/// The ids of sessions are random.
pub(crate) fn session(response: &mut FetchResponse) {
    assert_ne!(response.session_id, 0);
    response.session_id = 0;
}

/// Where an offset is out of range, Kafka does not tell which would not be.
pub(crate) fn out_of_range(response: &mut FetchResponse) {
    for partition in response.responses.iter_mut().flat_map(|topic| &mut topic.partitions) {
        partition.log_start_offset = -1;
    }
}

/// A marker has the time at which it was written, and its checksum is of that too.
pub(crate) fn marked(response: &mut FetchResponse) {
    for partition in response.responses.iter_mut().flat_map(|topic| &mut topic.partitions) {
        let Some(records) = &partition.records else { continue };
        let mut bytes = records.to_vec();
        let mut start = 0;
        while start < bytes.len() {
            let length = bytes[start + 8..start + 12].try_into().map(u32::from_be_bytes);
            let is_control = bytes[start + 22] & 0x20 != 0;
            if is_control {
                bytes[start + 17..start + 21].fill(0);
                bytes[start + 27..start + 43].fill(0);
            }
            start += 12 + length.map_or(usize::MAX / 2, |length| length as usize);
        }
        partition.records = Some(bytes.into());
    }
}

/// Where a cluster is. Messages have words of their own.
pub(crate) fn found(response: &mut FindCoordinatorResponse) {
    response.host = Default::default();
    response.port = 0;
    response.error_message = response.error_message.as_ref().map(|_| Default::default());
    for coordinator in &mut response.coordinators {
        coordinator.host = Default::default();
        coordinator.port = 0;
        coordinator.error_message = coordinator.error_message.as_ref().map(|_| Default::default());
    }
}

/// The ids of members are random.
pub(crate) fn joined(response: &mut JoinGroupResponse) {
    assert_eq!(response.leader.is_empty(), response.members.is_empty());
    response.leader = Default::default();
    response.member_id = Default::default();
    for member in &mut response.members {
        member.member_id = Default::default();
    }
}

/// Messages have words of their own.
pub(crate) fn described_groups(response: &mut DescribeGroupsResponse) {
    for group in &mut response.groups {
        group.error_message = None;
    }
}

/// Kafka lists groups in no order.
pub(crate) fn listed(response: &mut ListGroupsResponse) {
    response.groups.sort_by(|one, other| one.group_id.cmp(&other.group_id));
}

/// Messages have words of their own, and so has documentation. Kafka lists configs in no order.
pub(crate) fn described_configs(response: &mut DescribeConfigsResponse) {
    for result in &mut response.results {
        result.error_message = None;
        for config in &mut result.configs {
            config.documentation = None;
        }
        result.configs.sort_by(|one, other| one.name.cmp(&other.name));
    }
}

/// Messages have words of their own.
pub(crate) fn altered(response: &mut IncrementalAlterConfigsResponse) {
    for result in &mut response.responses {
        result.error_message = None;
    }
}

/// Messages have words of their own.
pub(crate) fn partitions_created(response: &mut CreatePartitionsResponse) {
    for result in &mut response.results {
        result.error_message = None;
    }
}

/// Messages have words of their own, and the ids of topics are random.
pub(crate) fn deleted(response: &mut DeleteTopicsResponse) {
    for topic in &mut response.responses {
        topic.error_message = None;
        topic.topic_id = Default::default();
    }
}
