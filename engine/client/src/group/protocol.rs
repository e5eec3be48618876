//! What members tell each other through the coordinator, which does not look into it: `ConsumerProtocolSubscription` and
//! `ConsumerProtocolAssignment` (versions 0 to 3; later ones only add at the end), and the sticky assignors' user data.
//!
//! The bytes come from other members, so nothing is believed about their lengths.

use bytes::{BufMut, Bytes, BytesMut};
use headwater_engine::TopicPartition;
use headwater_engine::sorted::SortedMap;

use crate::assignor::{Assignor, Subscriber};

/// With the owned partitions (KIP-429), the generation (KIP-792) and the rack (KIP-881).
const SUBSCRIPTION_VERSION: i16 = 3;
const ASSIGNMENT_VERSION: i16 = 3;

/// A member's subscription for one assignor. `owned` is what it has, or for an eager one had; `generation` as of when.
pub(super) fn subscription(
    assignor: Assignor,
    topics: &[String],
    owned: &[TopicPartition],
    generation: i32,
) -> Bytes {
    let mut to = BytesMut::new();
    to.put_i16(SUBSCRIPTION_VERSION);
    put_count(&mut to, topics.len());
    topics.iter().for_each(|topic| put_text(&mut to, topic));
    let user_data = match assignor {
        Assignor::Range | Assignor::RoundRobin => None,
        // Where it was before: `StickyAssignorUserData`, version 1.
        Assignor::Sticky => {
            let mut data = BytesMut::new();
            put_partitions(&mut data, owned);
            data.put_i32(generation);
            Some(data)
        }
        Assignor::CooperativeSticky => Some(BytesMut::from(&generation.to_be_bytes()[..])),
    };
    put_bytes(&mut to, user_data.as_deref());
    // An eager member has given back everything before it joins.
    let owned = if assignor.is_cooperative() { owned } else { &[] };
    put_partitions(&mut to, owned);
    to.put_i32(generation);
    to.put_i16(-1);
    to.freeze()
}

/// What a member's subscription says; none if it is cut off or not one.
pub(super) fn read_subscription(assignor: Assignor, member_id: &str, bytes: &[u8]) -> Option<Subscriber> {
    let mut from = Reader(bytes);
    let version = from.i16()?;
    if version < 0 {
        return None;
    }
    let topics = from.list(2, Reader::text)?;
    let user_data = from.bytes()?.unwrap_or_default();
    let mut owned = Vec::new();
    let mut generation = -1;
    if version >= 1 {
        owned = from.partitions()?;
    }
    if version >= 2 {
        generation = from.i32()?;
    }
    let mut told = Reader(user_data);
    match assignor {
        Assignor::Sticky => {
            // Version 0 ends here, without a generation. What cannot be read claims nothing.
            owned = told.partitions().unwrap_or_default();
            generation = told.i32().unwrap_or(-1);
        }
        Assignor::CooperativeSticky if version < 2 => generation = told.i32().unwrap_or(-1),
        _ => {}
    }
    Some(Subscriber { member_id: member_id.to_owned(), instance_id: None, topics, owned, generation })
}

/// What a member gets.
pub(super) fn assignment(partitions: &[TopicPartition]) -> Bytes {
    let mut to = BytesMut::new();
    to.put_i16(ASSIGNMENT_VERSION);
    put_partitions(&mut to, partitions);
    put_bytes(&mut to, None);
    to.freeze()
}

/// What an assignment gives; none if it is cut off or not one. No bytes at all give nothing.
pub(crate) fn read_assignment(bytes: &[u8]) -> Option<Vec<TopicPartition>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let mut from = Reader(bytes);
    let version = from.i16()?;
    let mut partitions = from.partitions().filter(|_| version >= 0)?;
    partitions.sort_unstable();
    partitions.dedup();
    Some(partitions)
}

fn put_count(to: &mut BytesMut, count: usize) {
    to.put_i32(i32::try_from(count).unwrap_or(i32::MAX));
}

/// Topics' names are 249 bytes at most.
fn put_text(to: &mut BytesMut, text: &str) {
    to.put_i16(i16::try_from(text.len()).unwrap_or(i16::MAX));
    to.put_slice(text.as_bytes());
}

fn put_bytes(to: &mut BytesMut, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => {
            put_count(to, bytes.len());
            to.put_slice(bytes);
        }
        None => to.put_i32(-1),
    }
}

fn put_partitions(to: &mut BytesMut, partitions: &[TopicPartition]) {
    let mut topics: SortedMap<&str, Vec<i32>> = SortedMap::new();
    for TopicPartition { topic, partition } in partitions {
        topics.or_default(topic).push(*partition);
    }
    put_count(to, topics.len());
    for (topic, indices) in topics.iter() {
        put_text(to, topic);
        put_count(to, indices.len());
        indices.iter().for_each(|index| to.put_i32(*index));
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn i16(&mut self) -> Option<i16> {
        self.take().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.take().map(i32::from_be_bytes)
    }

    fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.i16()?).ok()?;
        String::from_utf8(self.slice(length)?.to_vec()).ok()
    }

    /// None inside: null.
    fn bytes(&mut self) -> Option<Option<&'a [u8]>> {
        match self.i32()? {
            -1 => Some(None),
            length => self.slice(usize::try_from(length).ok()?).map(Some),
        }
    }

    /// A list of elements that take `least` bytes each at the least; null is empty.
    fn list<T>(&mut self, least: usize, mut element: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = usize::try_from(self.i32()?.max(0)).ok()?;
        if count.checked_mul(least)? > self.0.len() {
            return None;
        }
        (0..count).map(|_| element(self)).collect()
    }

    fn partitions(&mut self) -> Option<Vec<TopicPartition>> {
        let topics = self.list(6, |from| Some((from.text()?, from.list(4, Reader::i32)?)))?;
        let all = topics.into_iter().flat_map(|(topic, indices)| {
            indices.into_iter().map(move |partition| TopicPartition { topic: topic.clone(), partition })
        });
        Some(all.collect())
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition as Given;
    use kafka_protocol::messages::consumer_protocol_subscription::TopicPartition as Owned;
    use kafka_protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription, TopicName};
    use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

    use super::*;

    fn tp(topic: &str, partition: i32) -> TopicPartition {
        TopicPartition { topic: topic.to_owned(), partition }
    }

    fn name(text: &str) -> StrBytes {
        StrBytes::from_string(text.to_owned())
    }

    #[test]
    fn a_subscription_is_kafkas_and_read_back() {
        let topics = ["a".to_owned(), "b".to_owned()];
        let owned = [tp("a", 1), tp("a", 0), tp("b", 7)];
        for assignor in [Assignor::Range, Assignor::Sticky, Assignor::CooperativeSticky] {
            let bytes = subscription(assignor, &topics, &owned, 12);
            let mut body = bytes.slice(2..);
            let read = ConsumerProtocolSubscription::decode(&mut body, 3).unwrap();
            assert!(body.is_empty());
            assert_eq!((read.topics.len(), read.generation_id, &read.rack_id), (2, 12, &None));
            let cooperative = assignor.is_cooperative();
            assert_eq!(read.owned_partitions.len(), if cooperative { 2 } else { 0 });
            let mine = read_subscription(assignor, "m", &bytes).unwrap();
            assert_eq!((mine.topics, mine.generation), (topics.to_vec(), 12));
            let kept = if assignor == Assignor::Range { Vec::new() } else { owned.to_vec() };
            assert_eq!(mine.owned, kept);
        }
    }

    #[test]
    fn subscriptions_of_all_versions_are_read() {
        for version in 0..=3_i16 {
            let owned = Owned::default().with_topic(TopicName(name("t"))).with_partitions(vec![3, 4]);
            let mut subscription = ConsumerProtocolSubscription::default()
                .with_topics(vec![name("t")])
                .with_user_data(Some(Bytes::from_static(&[0, 0, 0, 5])));
            if version >= 1 {
                subscription = subscription.with_owned_partitions(vec![owned]);
            }
            if version >= 2 {
                subscription = subscription.with_generation_id(8);
            }
            if version >= 3 {
                subscription = subscription.with_rack_id(Some(name("r")));
            }
            let mut bytes = BytesMut::new();
            bytes.put_i16(version);
            subscription.encode(&mut bytes, version).unwrap();
            let read = read_subscription(Assignor::CooperativeSticky, "m", &bytes).unwrap();
            assert_eq!(read.topics, ["t"]);
            assert_eq!(read.generation, if version >= 2 { 8 } else { 5 });
            assert_eq!(read.owned.len(), if version >= 1 { 2 } else { 0 });
        }
    }

    #[test]
    fn an_assignment_is_kafkas_and_read_back() {
        let bytes = assignment(&[tp("a", 2), tp("a", 0), tp("b", 1)]);
        let mut body = bytes.slice(2..);
        let read = ConsumerProtocolAssignment::decode(&mut body, 3).unwrap();
        assert!(body.is_empty());
        assert_eq!(read.assigned_partitions[0].partitions, [2, 0]);
        assert_eq!(read_assignment(&bytes).unwrap(), [tp("a", 0), tp("a", 2), tp("b", 1)]);
        for version in 0..=3_i16 {
            let given = Given::default().with_topic(TopicName(name("t"))).with_partitions(vec![1]);
            let assignment = ConsumerProtocolAssignment::default().with_assigned_partitions(vec![given]);
            let mut bytes = BytesMut::new();
            bytes.put_i16(version);
            assignment.encode(&mut bytes, version).unwrap();
            assert_eq!(read_assignment(&bytes).unwrap(), [tp("t", 1)]);
        }
        assert_eq!(read_assignment(&[]), Some(Vec::new()));
    }

    #[test]
    fn what_is_cut_off_or_claims_too_much_is_refused() {
        let owned = [tp("topic", 1), tp("other", 0)];
        let topics = ["topic".to_owned()];
        let whole = subscription(Assignor::CooperativeSticky, &topics, &owned, 1);
        // The rack at its end is not read.
        for end in 0..whole.len() - 2 {
            assert_eq!(read_subscription(Assignor::CooperativeSticky, "m", &whole[..end]), None, "{end}");
        }
        let whole = assignment(&owned);
        for end in 1..whole.len() - 4 {
            assert_eq!(read_assignment(&whole[..end]), None, "{end}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.to_vec();
            changed[at] = 0x7f;
            let _ = read_assignment(&changed);
            let _ = read_subscription(Assignor::Sticky, "m", &changed);
        }
    }
}
