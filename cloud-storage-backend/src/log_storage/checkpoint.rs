//! A checkpoint: what is in memory only goes into an object, with what is left of objects that are mostly dead, and what all
//! logs are into another.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::cache::Cache;
use super::content::{At, Builder, Content, Moved, Moves, ObjectId, Piece, concat};
use super::objects::Objects;
use super::record::seal_state;
use super::state::State;

/// At most about so many bytes of mostly dead objects are written anew at a time.
const REWRITTEN_BYTES: u64 = 8 * 1024 * 1024;

/// What was written; it counts when its record is in the stream.
pub(super) struct Written {
    /// It has the records below.
    pub(super) below: i64,
    pub(super) state_object: ObjectId,
    /// The object with what was in memory, and its bytes.
    pub(super) object: Option<(ObjectId, u64)>,
    pub(super) moves: Moves,
    /// Nothing in these belongs to anything any more.
    pub(super) dead: Vec<ObjectId>,
}

/// Writes a state. `object` and `state_object` are names that nobody has used.
pub(super) async fn write(
    objects: Objects,
    cache: Cache,
    mut state: State,
    below: i64,
    object: ObjectId,
    state_object: ObjectId,
) -> Result<Written, String> {
    let stale = mostly_dead(&state);
    let mut builder = Builder::new(object);
    let mut moves = Moves::new();
    for run in state.contents().flat_map(|content| runs(content, &stale)) {
        let mut parts = Vec::with_capacity(run.len());
        for piece in run {
            parts.push(cache.piece(&objects, piece).await?);
        }
        let to = builder.add(&concat(parts)).pieces;
        let from: Vec<_> = run.iter().map(Piece::id).collect();
        if let Some(first) = from.first() {
            moves.insert(*first, Moved { from, to });
        }
    }
    let object = (builder.length > 0).then_some((object, builder.length));
    if let Some((object, _)) = object {
        cache.add(&moves.values().flat_map(|moved| moved.to.clone()).collect::<Vec<_>>(), &builder.parts);
        objects.create(object, builder.bytes()).await?;
    }
    state.apply(&moves);
    state.objects.extend(object);
    let living = state.living();
    let dead: Vec<ObjectId> =
        state.objects.keys().filter(|object| !living.contains_key(object)).copied().collect();
    state.objects.retain(|object, _| living.contains_key(object));
    objects.create_state(state_object, seal_state(&state)).await?;
    Ok(Written { below, state_object, object, moves, dead })
}

/// Objects of which less than half belongs to something.
fn mostly_dead(state: &State) -> BTreeSet<ObjectId> {
    let mut budget = REWRITTEN_BYTES;
    let living = state.living();
    let is_stale = |(object, size): (&ObjectId, &u64)| {
        let lives = *living.get(object)?;
        let stale = lives.saturating_mul(2) < *size && lives <= budget;
        budget -= if stale { lives } else { 0 };
        stale.then_some(*object)
    };
    state.objects.iter().filter_map(is_stale).collect()
}

/// Pieces of a content that follow one another and are to be written.
fn runs<'a>(content: &'a Content, stale: &BTreeSet<ObjectId>) -> Vec<&'a [Piece]> {
    let is_due = |piece: &Piece| match &piece.at {
        At::Memory { .. } => true,
        At::Object(stored) => stale.contains(&stored.object),
    };
    content.pieces.chunk_by(|one, next| is_due(one) == is_due(next)).filter(|run| is_due(&run[0])).collect()
}

/// What is left of a piece's bytes.
pub(super) fn cut(piece: &Piece, bytes: &Bytes) -> Bytes {
    bytes.slice(..bytes.len().min(piece.length as usize))
}
