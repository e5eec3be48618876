//! What a writer wants to append, as everybody else has to know it: the header of an append.

use crate::wire::{Decoder, Encoder, Malformed};

/// A partition, and the journal that carries it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PartitionId {
    /// The journal.
    pub journal: u32,
    /// The number of the partition in its journal.
    pub number: u32,
}

/// One append, in whatever form it travels. Its upper half is its writer's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AppendId(pub u128);

impl AppendId {
    /// The writer that made it.
    pub(crate) fn writer(self) -> u64 {
        u64::try_from(self.0 >> 64).unwrap_or_default()
    }
}

/// What an idempotent producer says of a batch (KIP-98).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProducerBatch {
    /// Its id.
    pub producer_id: i64,
    /// Its epoch.
    pub epoch: i16,
    /// The sequence number of the batch's first record.
    pub base_sequence: i32,
}

/// A batch of an append: the records for one partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Part {
    /// The number of the partition.
    pub partition: u32,
    /// How many records.
    pub records: u32,
    /// How many bytes.
    pub length: u32,
    /// The CRC-32C of these bytes.
    pub crc: u32,
    /// Of an idempotent producer.
    pub producer: Option<ProducerBatch>,
}

/// A condition of an append: who owns something, by an epoch in the journal. A group's generation, a transaction's
/// epoch and a coordinator's office are fences.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fence {
    /// What is owned.
    pub resource: u64,
    /// The epoch of the owner.
    pub epoch: u32,
    /// The append takes the resource over: its epoch has to be larger than the last. If not, it has to be the last.
    pub claims: bool,
}

/// All that is validated of an append; its bytes are elsewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    /// Its id.
    pub id: AppendId,
    /// Its conditions.
    pub fences: Vec<Fence>,
    /// Where partitions begin from now on: number, offset.
    pub starts: Vec<(u32, i64)>,
    /// Its batches, whose bytes follow one another.
    pub parts: Vec<Part>,
}

impl Header {
    /// The bytes of all its batches.
    pub(crate) fn length(&self) -> usize {
        self.parts.iter().map(|part| part.length as usize).sum()
    }

    pub(crate) fn encode(&self, encoder: &mut Encoder) {
        encoder.fixed(&self.id.0.to_be_bytes());
        encoder.count(self.fences.len());
        for fence in &self.fences {
            encoder.number(fence.resource);
            encoder.number(u64::from(fence.epoch) << 1 | u64::from(fence.claims));
        }
        encoder.count(self.starts.len());
        for (partition, offset) in &self.starts {
            encoder.number((*partition).into());
            encoder.signed(*offset);
        }
        encoder.count(self.parts.len());
        for part in &self.parts {
            encoder.number(u64::from(part.partition) << 1 | u64::from(part.producer.is_some()));
            encoder.number(part.records.into());
            encoder.number(part.length.into());
            encoder.fixed(&part.crc.to_be_bytes());
            if let Some(producer) = part.producer {
                encoder.signed(producer.producer_id);
                encoder.signed(producer.epoch.into());
                encoder.signed(producer.base_sequence.into());
            }
        }
    }

    pub(crate) fn decode(decoder: &mut Decoder<'_>) -> Result<Header, Malformed> {
        let id = AppendId(u128::from_be_bytes(decoder.array()?));
        let mut fences = Vec::new();
        for _ in 0..decoder.count()? {
            let resource = decoder.number()?;
            let epoch: u64 = decoder.number()?;
            let claims = epoch & 1 == 1;
            let epoch = u32::try_from(epoch >> 1).map_err(|_| Malformed("an epoch out of its range"))?;
            fences.push(Fence { resource, epoch, claims });
        }
        let mut starts = Vec::new();
        for _ in 0..decoder.count()? {
            starts.push((decoder.small()?, decoder.signed()?));
        }
        let mut parts = Vec::new();
        for _ in 0..decoder.count()? {
            parts.push(decode_part(decoder)?);
        }
        Ok(Header { id, fences, starts, parts })
    }
}

fn decode_part(decoder: &mut Decoder<'_>) -> Result<Part, Malformed> {
    let partition = decoder.number()?;
    let (records, length) = (decoder.small()?, decoder.small()?);
    let crc = u32::from_be_bytes(decoder.array()?);
    let producer = if partition & 1 == 1 {
        let out_of_range = |_| Malformed("a producer out of its range");
        Some(ProducerBatch {
            producer_id: decoder.signed()?,
            epoch: i16::try_from(decoder.signed()?).map_err(out_of_range)?,
            base_sequence: i32::try_from(decoder.signed()?).map_err(out_of_range)?,
        })
    } else {
        None
    };
    let partition = u32::try_from(partition >> 1).map_err(|_| Malformed("a partition out of its range"))?;
    Ok(Part { partition, records, length, crc, producer })
}
