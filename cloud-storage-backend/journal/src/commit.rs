//! A commit: the appends that become durable and visible together, and what was decided of each.

use bytes::Bytes;

use crate::append::Header;
use crate::state::Verdict;
use crate::wire::{Decoder, Encoder, Malformed, Unsealed, seal, unseal};

const MAGIC: [u8; 3] = *b"HWC";

/// An intent is written for the next commit that its author knows of. It is taken along by that one or by one of as many
/// after it, and by none that comes later.
pub(crate) const INTENT_COMMITS: u64 = 24;

/// The last commit that may have an intent which was written for commit `number`.
pub(crate) fn last_commit_of(number: u64) -> u64 {
    number.saturating_add(INTENT_COMMITS)
}

/// Where the bytes of an append are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// In the commit, behind its head, from here on.
    Inline(u64),
    /// In the intent that was written for this commit and has its header.
    Intent(u64),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) header: Header,
    pub(crate) place: Place,
    pub(crate) verdict: Verdict,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Commit {
    pub(crate) number: u64,
    /// Tells this commit from any other that somebody wanted to be of this number.
    pub(crate) nonce: u64,
    /// The largest `next` of a checkpoint that its author knew of.
    pub(crate) checkpointed: u64,
    pub(crate) entries: Vec<Entry>,
}

impl Commit {
    /// The object; `body` is what is inline.
    pub(crate) fn seal(&self, body: &[Bytes]) -> Bytes {
        let mut head = Encoder::default();
        head.number(self.number);
        head.fixed(&self.nonce.to_be_bytes());
        head.number(self.checkpointed);
        head.count(self.entries.len());
        for entry in &self.entries {
            entry.header.encode(&mut head);
            match entry.place {
                Place::Inline(position) => head.number(position << 1),
                Place::Intent(era) => head.number(era << 1 | 1),
            }
            entry.verdict.encode(&mut head);
        }
        seal(MAGIC, &head.0, body)
    }

    /// The commit, and where what is inline begins.
    pub(crate) fn unseal(object: &[u8]) -> Result<(Commit, usize), Unsealed> {
        let (head, body) = unseal(MAGIC, object)?;
        let commit = Commit::decode(&mut Decoder(head)).map_err(Unsealed::Malformed)?;
        Ok((commit, body))
    }

    fn decode(decoder: &mut Decoder<'_>) -> Result<Commit, Malformed> {
        let number = decoder.number()?;
        let nonce = u64::from_be_bytes(decoder.array()?);
        let checkpointed = decoder.number()?;
        let mut entries = Vec::new();
        for _ in 0..decoder.count()? {
            let header = Header::decode(decoder)?;
            let place = decoder.number()?;
            let place = if place & 1 == 1 { Place::Intent(place >> 1) } else { Place::Inline(place >> 1) };
            entries.push(Entry { header, place, verdict: Verdict::decode(decoder)? });
        }
        decoder.end()?;
        Ok(Commit { number, nonce, checkpointed, entries })
    }
}
