//! The pieces that were read or written last.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::checkpoint::cut;
use super::content::{At, Piece, Stored};
use super::objects::Objects;

/// How many bytes of them are kept.
const KEPT_BYTES: usize = 32 * 1024 * 1024;
/// How many.
const KEPT: usize = 256;

/// Clones are the same one.
#[derive(Clone, Default)]
pub(super) struct Cache(Arc<Mutex<VecDeque<(Stored, Bytes)>>>);

impl Cache {
    fn pieces(&self) -> MutexGuard<'_, VecDeque<(Stored, Bytes)>> {
        // Nothing that holds the lock can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What belongs of a piece.
    pub(super) async fn piece(&self, objects: &Objects, piece: &Piece) -> Result<Bytes, String> {
        let stored = match &piece.at {
            At::Memory { bytes, .. } => return Ok(cut(piece, bytes)),
            At::Object(stored) => *stored,
        };
        let kept = self.pieces().iter().find(|(of, _)| *of == stored).map(|(_, bytes)| bytes.clone());
        let bytes = match kept {
            Some(bytes) => bytes,
            None => {
                let bytes = objects.piece(stored).await?;
                self.keep(stored, bytes.clone());
                bytes
            }
        };
        Ok(cut(piece, &bytes))
    }

    /// Pieces that were written, with their bytes.
    pub(super) fn add(&self, pieces: &[Piece], parts: &[Bytes]) {
        let mut at = 0;
        let positions: Vec<(u64, &Bytes)> = parts
            .iter()
            .map(|part| {
                let position = at;
                at += part.len() as u64;
                (position, part)
            })
            .collect();
        for piece in pieces {
            if let At::Object(stored) = &piece.at
                && let Ok(index) = positions.binary_search_by_key(&stored.position, |(position, _)| *position)
            {
                self.keep(*stored, positions[index].1.clone());
            }
        }
    }

    fn keep(&self, stored: Stored, bytes: Bytes) {
        let mut pieces = self.pieces();
        pieces.retain(|(of, _)| *of != stored);
        pieces.push_back((stored, bytes));
        while pieces.len() > KEPT || pieces.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() > KEPT_BYTES {
            pieces.pop_front();
        }
    }
}
