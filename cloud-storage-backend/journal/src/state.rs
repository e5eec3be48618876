//! What all commits so far amount to: ends of partitions, producers, owners, and which appends were committed lately.
//!
//! A combiner judges the appends of others by it, and everybody takes in what was judged.

use std::collections::{BTreeMap, VecDeque};

use crate::append::{AppendId, Header, Part, ProducerBatch};
use crate::commit::{Commit, last_commit_of};
use crate::config::{Config, Plant};
use crate::wire::{Decoder, Encoder, Malformed};

/// As many batches of a producer are remembered, so that one which comes again is recognized (Kafka's
/// `ProducerStateEntry.NUM_BATCHES_TO_RETAIN`).
const BATCHES_KEPT: usize = 5;

/// Why an append is refused. The names are Kafka's errors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rejection {
    /// `OUT_OF_ORDER_SEQUENCE_NUMBER`: a batch of this producer is missing before it.
    OutOfOrderSequence,
    /// `INVALID_PRODUCER_EPOCH`: there is a newer one of this id.
    InvalidProducerEpoch,
    /// `OFFSET_OUT_OF_RANGE`: a partition cannot begin behind its end.
    OffsetOutOfRange,
    /// `FENCED_INSTANCE_ID`, `ILLEGAL_GENERATION` or `NOT_COORDINATOR`, by what the fence stands for: it has another owner.
    Fenced,
}

/// Where a batch of an append is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Placed {
    /// The offset of its first record.
    pub base_offset: i64,
    /// It had been appended before, by another append of its producer; nothing was added now.
    pub duplicate: bool,
}

/// What was decided of an append.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Its batches, in their order, are there.
    Committed(Vec<Placed>),
    /// Nothing of it is, nor will be.
    Rejected(Rejection),
}

/// A producer in a partition: its epoch and last batches, as sequence, records and offset.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
struct Producer {
    epoch: i16,
    /// The commit that has its last batch.
    written: u64,
    batches: VecDeque<(i32, u32, i64)>,
}

/// The fold over all commits below `next`.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct State {
    /// The number of the next commit.
    pub(crate) next: u64,
    ends: BTreeMap<u32, i64>,
    /// Where partitions begin, if not at 0.
    starts: BTreeMap<u32, i64>,
    /// So many producers are remembered, each in each of its partitions; or an eighth more, for a while. It is kept here and
    /// was chosen by whoever made the first checkpoint: were it not the same for all, they would judge differently.
    max_producers: usize,
    producers: BTreeMap<(u32, i64), Producer>,
    owners: BTreeMap<u64, u32>,
    /// The appends of the last commits: whose intent was written before these is not committed any more.
    recent: BTreeMap<AppendId, (u64, Verdict)>,
}

impl State {
    /// Before the first commit.
    pub(crate) fn first(max_producers: usize) -> State {
        State { max_producers, ..State::default() }
    }

    /// Where a partition begins.
    pub(crate) fn start(&self, partition: u32) -> i64 {
        self.starts.get(&partition).copied().unwrap_or(0)
    }

    /// Where partitions begin that do not begin at 0.
    pub(crate) fn starts(&self) -> impl Iterator<Item = (u32, i64)> {
        self.starts.iter().map(|(partition, offset)| (*partition, *offset))
    }

    /// How many producers are remembered, counted in each of their partitions.
    pub(crate) fn producers(&self) -> usize {
        self.producers.len()
    }

    /// What was decided of an append, if that was lately.
    pub(crate) fn verdict(&self, id: AppendId) -> Option<&Verdict> {
        self.recent.get(&id).map(|(_, verdict)| verdict)
    }

    /// Only what some appends touch: they are judged one after the other, each by what those before it do.
    pub(crate) fn excerpt<'a>(&self, headers: impl Iterator<Item = &'a Header>) -> State {
        let mut excerpt = State { next: self.next, ..State::default() };
        for header in headers {
            for fence in &header.fences {
                if let Some(epoch) = self.owners.get(&fence.resource) {
                    excerpt.owners.insert(fence.resource, *epoch);
                }
            }
            let parts = header.parts.iter().map(|part| part.partition);
            for partition in parts.chain(header.starts.iter().map(|(partition, _)| *partition)) {
                if let Some(end) = self.ends.get(&partition) {
                    excerpt.ends.insert(partition, *end);
                }
            }
            for part in &header.parts {
                let key = part.producer.map(|batch| (part.partition, batch.producer_id));
                if let Some((key, producer)) = key.and_then(|key| self.producers.get_key_value(&key)) {
                    excerpt.producers.insert(*key, producer.clone());
                }
            }
        }
        excerpt
    }

    /// Decides of an append. It is taken whole or not at all.
    pub(crate) fn judge(&self, header: &Header) -> Verdict {
        for fence in &header.fences {
            let owner = self.owners.get(&fence.resource).copied().unwrap_or(0);
            if if fence.claims { fence.epoch <= owner } else { fence.epoch != owner } {
                return Verdict::Rejected(Rejection::Fenced);
            }
        }
        let mut ends: BTreeMap<u32, i64> = BTreeMap::new();
        let mut placed = Vec::with_capacity(header.parts.len());
        for part in &header.parts {
            let old = match part.producer {
                Some(batch) => match self.sequence(part.partition, batch, part.records) {
                    Ok(old) => old,
                    Err(rejection) => return Verdict::Rejected(rejection),
                },
                None => None,
            };
            let end = ends.entry(part.partition).or_insert_with(|| self.end(part.partition));
            placed.push(Placed { base_offset: old.unwrap_or(*end), duplicate: old.is_some() });
            if old.is_none() {
                *end += i64::from(part.records);
            }
        }
        let end = |partition: u32| ends.get(&partition).copied().unwrap_or_else(|| self.end(partition));
        if header.starts.iter().any(|(partition, start)| !(0..=end(*partition)).contains(start)) {
            return Verdict::Rejected(Rejection::OffsetOutOfRange);
        }
        Verdict::Committed(placed)
    }

    /// The same, with a bug if the simulator wants one.
    pub(crate) fn judge_with(&self, header: &Header, config: &Config) -> Verdict {
        let mut header = header.clone();
        if config.plants(Plant::IgnoreFences) {
            header.fences.retain(|fence| fence.claims);
        }
        if config.plants(Plant::NoValidation) {
            header.parts.iter_mut().for_each(|part| part.producer = None);
        }
        if config.plants(Plant::StartBehindEnd) {
            header.starts.clear();
        }
        let verdict = self.judge(&header);
        if config.plants(Plant::CommitParts) && verdict == Verdict::Rejected(Rejection::OutOfOrderSequence) {
            let in_part = |part: &Part| {
                let fits = part
                    .producer
                    .is_none_or(|batch| self.sequence(part.partition, batch, part.records).is_ok());
                Placed { base_offset: self.end(part.partition), duplicate: !fits }
            };
            return Verdict::Committed(header.parts.iter().map(in_part).collect());
        }
        verdict
    }

    /// Where a batch is already, if it is; an error if it may not come now. A producer that is not known may begin
    /// anywhere (KIP-360). A producer has at most one batch a partition in an append, which the writer sees to.
    fn sequence(&self, partition: u32, batch: ProducerBatch, records: u32) -> Result<Option<i64>, Rejection> {
        let Some(producer) = self.producers.get(&(partition, batch.producer_id)) else { return Ok(None) };
        if batch.epoch < producer.epoch {
            return Err(Rejection::InvalidProducerEpoch);
        }
        if batch.epoch > producer.epoch {
            return if batch.base_sequence == 0 { Ok(None) } else { Err(Rejection::OutOfOrderSequence) };
        }
        let known = producer
            .batches
            .iter()
            .find(|(base, count, _)| (*base, *count) == (batch.base_sequence, records));
        if let Some((_, _, offset)) = known {
            return Ok(Some(*offset));
        }
        let expected = producer.batches.back().map(|(base, count, _)| sequence_after(*base, *count));
        if expected.is_none_or(|expected| expected == batch.base_sequence) {
            Ok(None)
        } else {
            Err(Rejection::OutOfOrderSequence)
        }
    }

    /// Takes an append in as it was judged.
    ///
    /// # Errors
    ///
    /// When it does not follow on what is known: then what is stored was changed by somebody else.
    pub(crate) fn apply(&mut self, header: &Header, verdict: &Verdict) -> Result<(), Malformed> {
        self.recent.insert(header.id, (self.next, verdict.clone()));
        let Verdict::Committed(placed) = verdict else { return Ok(()) };
        for fence in header.fences.iter().filter(|fence| fence.claims) {
            self.owners.insert(fence.resource, fence.epoch);
        }
        if placed.len() != header.parts.len() {
            return Err(Malformed("a verdict of another append"));
        }
        for (part, placed) in header.parts.iter().zip(placed).filter(|(_, placed)| !placed.duplicate) {
            let end = self.ends.entry(part.partition).or_default();
            if *end != placed.base_offset {
                return Err(Malformed("an offset that does not follow"));
            }
            *end += i64::from(part.records);
            if let Some(batch) = part.producer {
                let producer = self.producers.entry((part.partition, batch.producer_id)).or_default();
                if producer.epoch != batch.epoch {
                    *producer = Producer { epoch: batch.epoch, ..Producer::default() };
                }
                producer.written = self.next;
                producer.batches.push_back((batch.base_sequence, part.records, placed.base_offset));
                if producer.batches.len() > BATCHES_KEPT {
                    producer.batches.pop_front();
                }
            }
        }
        // A start never goes back: who asks for an earlier one has it already.
        for (partition, offset) in &header.starts {
            if !(0..=self.end(*partition)).contains(offset) {
                return Err(Malformed("a start behind the end"));
            }
            let start = self.starts.entry(*partition).or_default();
            *start = (*start).max(*offset);
        }
        Ok(())
    }

    /// Takes the next commit in.
    ///
    /// # Errors
    ///
    /// When it does not follow on what is known.
    pub(crate) fn fold(&mut self, commit: &Commit, config: &Config) -> Result<(), Malformed> {
        if commit.number != self.next {
            return Err(Malformed("a commit of another number"));
        }
        for entry in &commit.entries {
            self.apply(&entry.header, &entry.verdict)?;
        }
        self.next += 1;
        // Of older ones no intent may be committed any more; not looked for at every commit.
        if self.next.is_multiple_of(8) {
            let next = self.next;
            self.recent.retain(|_, (number, _)| last_commit_of(*number) >= next);
        }
        let is_over = self.producers.len() > self.max_producers.saturating_add(self.max_producers / 8);
        if is_over && !config.plants(Plant::KeepProducers) {
            self.forget_producers(config);
        }
        Ok(())
    }

    /// Forgets the producers that have not written for the longest. One that comes after all may begin anywhere.
    fn forget_producers(&mut self, config: &Config) {
        let mut oldest: Vec<_> =
            self.producers.iter().map(|(key, producer)| (producer.written, *key)).collect();
        oldest.sort_unstable();
        if config.plants(Plant::ForgetNewest) {
            oldest.reverse();
        }
        for (_, key) in &oldest[..oldest.len().saturating_sub(self.max_producers)] {
            self.producers.remove(key);
        }
    }

    fn end(&self, partition: u32) -> i64 {
        self.ends.get(&partition).copied().unwrap_or(0)
    }

    pub(crate) fn encode(&self, encoder: &mut Encoder) {
        encoder.number(self.next);
        encoder.count(self.ends.len());
        for (partition, end) in &self.ends {
            encoder.number((*partition).into());
            encoder.signed(*end);
        }
        encoder.count(self.starts.len());
        for (partition, start) in &self.starts {
            encoder.number((*partition).into());
            encoder.signed(*start);
        }
        encoder.count(self.max_producers);
        encoder.count(self.producers.len());
        for ((partition, id), producer) in &self.producers {
            encoder.number((*partition).into());
            encoder.signed(*id);
            encoder.signed(producer.epoch.into());
            encoder.number(producer.written);
            encoder.count(producer.batches.len());
            for (sequence, records, offset) in &producer.batches {
                encoder.signed((*sequence).into());
                encoder.number((*records).into());
                encoder.signed(*offset);
            }
        }
        encoder.count(self.owners.len());
        for (resource, epoch) in &self.owners {
            encoder.number(*resource);
            encoder.number((*epoch).into());
        }
        encoder.count(self.recent.len());
        for (id, (number, verdict)) in &self.recent {
            encoder.fixed(&id.0.to_be_bytes());
            encoder.number(*number);
            verdict.encode(encoder);
        }
    }

    pub(crate) fn decode(decoder: &mut Decoder<'_>) -> Result<State, Malformed> {
        let mut state = State { next: decoder.number()?, ..State::default() };
        for _ in 0..decoder.count()? {
            state.ends.insert(decoder.small()?, decoder.signed()?);
        }
        for _ in 0..decoder.count()? {
            state.starts.insert(decoder.small()?, decoder.signed()?);
        }
        state.max_producers = decoder.small()?;
        let out_of_range = |_| Malformed("a producer out of its range");
        for _ in 0..decoder.count()? {
            let key = (decoder.small()?, decoder.signed()?);
            let epoch = i16::try_from(decoder.signed()?).map_err(out_of_range)?;
            let written = decoder.number()?;
            let mut batches = VecDeque::new();
            for _ in 0..decoder.count()? {
                let sequence = i32::try_from(decoder.signed()?).map_err(out_of_range)?;
                batches.push_back((sequence, decoder.small()?, decoder.signed()?));
            }
            state.producers.insert(key, Producer { epoch, written, batches });
        }
        for _ in 0..decoder.count()? {
            state.owners.insert(decoder.number()?, decoder.small()?);
        }
        for _ in 0..decoder.count()? {
            let id = AppendId(u128::from_be_bytes(decoder.array()?));
            state.recent.insert(id, (decoder.number()?, Verdict::decode(decoder)?));
        }
        Ok(state)
    }
}

/// The sequence number that follows: they wrap to 0.
fn sequence_after(base: i32, records: u32) -> i32 {
    let next = (i64::from(base) + i64::from(records)) % (i64::from(i32::MAX) + 1);
    i32::try_from(next).unwrap_or_default()
}

impl Verdict {
    pub(crate) fn encode(&self, encoder: &mut Encoder) {
        match self {
            Verdict::Committed(placed) => {
                encoder.number(0);
                encoder.count(placed.len());
                for placed in placed {
                    encoder.number(placed.base_offset.unsigned_abs() << 1 | u64::from(placed.duplicate));
                }
            }
            Verdict::Rejected(Rejection::OutOfOrderSequence) => encoder.number(1),
            Verdict::Rejected(Rejection::InvalidProducerEpoch) => encoder.number(2),
            Verdict::Rejected(Rejection::Fenced) => encoder.number(3),
            Verdict::Rejected(Rejection::OffsetOutOfRange) => encoder.number(4),
        }
    }

    pub(crate) fn decode(decoder: &mut Decoder<'_>) -> Result<Verdict, Malformed> {
        Ok(match decoder.number()? {
            0 => {
                let mut placed = Vec::new();
                for _ in 0..decoder.count()? {
                    let offset = decoder.number()?;
                    placed.push(Placed {
                        base_offset: (offset >> 1).cast_signed(),
                        duplicate: offset & 1 == 1,
                    });
                }
                Verdict::Committed(placed)
            }
            1 => Verdict::Rejected(Rejection::OutOfOrderSequence),
            2 => Verdict::Rejected(Rejection::InvalidProducerEpoch),
            3 => Verdict::Rejected(Rejection::Fenced),
            4 => Verdict::Rejected(Rejection::OffsetOutOfRange),
            _ => return Err(Malformed("a verdict that is not known")),
        })
    }
}
