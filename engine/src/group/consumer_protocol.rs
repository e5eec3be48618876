//! The parts of the consumers' own protocol that the coordinator looks at: which topics a member wants, and which partitions it
//! was given (`ConsumerProtocolSubscription` and `ConsumerProtocolAssignment` of Kafka). The groups themselves never read it.

use crate::fields::Fields;

/// The topics of a subscription; none if the bytes are not one.
pub(crate) fn subscribed_topics(subscription: &[u8]) -> Option<Vec<String>> {
    let mut fields = Fields(subscription);
    let _version = fields.int16()?;
    let count = fields.count()?;
    (0..count).map(|_| fields.text()).collect()
}

/// The partitions of an assignment, by topic; none if the bytes are not one.
pub(crate) fn assigned_partitions(assignment: &[u8]) -> Option<Vec<(String, Vec<i32>)>> {
    let mut fields = Fields(assignment);
    let _version = fields.int16()?;
    let count = fields.count()?;
    let mut topics = Vec::new();
    for _ in 0..count {
        let topic = fields.text()?;
        let partitions = fields.count()?;
        topics.push((topic, (0..partitions).map(|_| fields.int32()).collect::<Option<_>>()?));
    }
    Some(topics)
}
