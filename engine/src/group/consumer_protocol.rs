//! The parts of the consumers' own protocol that the coordinator looks at: which topics a member wants, and which partitions it
//! was given (`ConsumerProtocolSubscription` and `ConsumerProtocolAssignment` of Kafka). The groups themselves never read it.

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

/// Reads fields one by one, in the form before KIP-482; none when the bytes are not such a field.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn int16(&mut self) -> Option<i16> {
        self.take().map(i16::from_be_bytes)
    }

    pub(super) fn int32(&mut self) -> Option<i32> {
        self.take().map(i32::from_be_bytes)
    }

    pub(super) fn int64(&mut self) -> Option<i64> {
        self.take().map(i64::from_be_bytes)
    }

    /// An array's length, which the bytes that are left could hold; null is 0.
    pub(super) fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(self.int32()?.max(0)).ok()?;
        (count <= self.0.len()).then_some(count)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        self.nullable_text()?
    }

    pub(super) fn nullable_text(&mut self) -> Option<Option<String>> {
        let Ok(length) = usize::try_from(self.int16()?) else {
            return Some(None);
        };
        let text = self.bytes_of(length)?;
        std::str::from_utf8(text).ok().map(|text| Some(text.to_owned()))
    }

    fn bytes_of(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}
