//! Batches one after the other, as a log and a fetch response hold them.

use super::{RecordBatch, RecordError};

/// Goes through consecutive batches and ends after the last one or after the first error.
///
/// Bytes that stop in the middle of a batch end with [`RecordError::Truncated`], so that a reader can tell a batch
/// which is not all there from one that is damaged; [`Batches::position`] then says where it starts.
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    bytes: &'a [u8],
    position: usize,
    failed: bool,
}

impl<'a> Batches<'a> {
    /// Starts at the first byte of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Batches<'a> {
        Batches { bytes, position: 0, failed: false }
    }

    /// The position in bytes behind the last batch that was returned: where the next one, or what is wrong, begins.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<RecordBatch<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.position..).filter(|rest| !rest.is_empty() && !self.failed)?;
        let batch = RecordBatch::parse(rest);
        match &batch {
            Ok(batch) => self.position += batch.size(),
            Err(_) => self.failed = true,
        }
        Some(batch)
    }
}

impl std::iter::FusedIterator for Batches<'_> {}
