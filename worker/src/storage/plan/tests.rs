use headwater_engine::SnapshotKind;

use super::*;

const A: LogId = LogId::CLUSTER_METADATA;
const B: LogId = LogId { partition: 1, ..A };

fn append(log: LogId, segment: Offset, position: u64, length: usize) -> StorageOp {
    let batches = Bytes::from(vec![7; length]);
    StorageOp::Append { log, segment, position, batches, durability: Durability::Relaxed }
}

fn queue(ops: impl IntoIterator<Item = StorageOp>) -> VecDeque<Queued> {
    (0..).zip(ops).map(|(number, op)| Queued { number, id: OpId(number), op }).collect()
}

fn plan(index: &mut RowIndex, queue: &mut VecDeque<Queued>) -> (Group, Vec<(Queued, Refused)>) {
    Planner::new(index, &Refusals::default(), 0).plan(queue)
}

/// The rows that a group puts: log, position, length.
fn rows(group: &Group) -> Vec<(LogId, u64, u32)> {
    let row = |change: &Change| match change {
        Change::PutRow(row) => Some((row.log, row.position, row.key().length)),
        _ => None,
    };
    group.changes.iter().filter_map(row).collect()
}

#[test]
fn appends_to_one_segment_become_one_row() {
    let mut index = RowIndex::default();
    let ops = [
        append(A, 0, 0, 10),
        append(B, 5, 0, 7),
        append(A, 0, 10, 20),
        append(B, 5, 7, 3),
        append(A, 0, 30, 1),
    ];
    let (group, refused) = plan(&mut index, &mut queue(ops));
    assert!(refused.is_empty());
    assert_eq!(rows(&group), [(A, 0, 31), (B, 0, 10)]);
    assert_eq!(group.ops.len(), 5);
    assert_eq!(index.segments(A)[0].size, 31);
    let Change::PutRow(mut row) = group.changes[0].clone() else { panic!("no row") };
    assert_eq!(row.bytes().len(), 31);
}

#[test]
fn a_row_and_a_group_have_limits() {
    let mut index = RowIndex::default();
    let part = 600_000;
    let mut queue = queue((0..4).map(|number| append(A, 0, number * part, 600_000)));
    let (group, _) = plan(&mut index, &mut queue);
    assert_eq!(rows(&group), [(A, 0, 600_000), (A, 600_000, 600_000)]);
    assert_eq!(queue.len(), 2);
}

#[test]
fn a_large_append_is_split_and_stays_in_one_group() {
    let mut index = RowIndex::default();
    let (group, _) = plan(
        &mut index,
        &mut queue([append(A, 0, 0, 2 * MAX_ROW + 5), append(A, 0, 2 * MAX_ROW as u64 + 5, 1)]),
    );
    assert_eq!(rows(&group), [(A, 0, 1 << 20), (A, 1 << 20, 1 << 20), (A, 2 << 20, 5)]);
    assert_eq!(group.ops.len(), 1);
}

#[test]
fn an_append_behind_a_delete_does_not_join_a_row_before_it() {
    let mut index = RowIndex::default();
    let ops = [append(A, 0, 0, 10), StorageOp::Delete { log: A }, append(A, 0, 0, 20)];
    let (group, refused) = plan(&mut index, &mut queue(ops));
    assert!(refused.is_empty());
    assert_eq!(rows(&group), [(A, 0, 10), (A, 0, 20)]);
    assert!(
        matches!(group.changes[1], Change::DeleteChunks(_)) && matches!(group.changes[3], Change::PutRow(_))
    );
}

#[test]
fn a_new_segment_begins_a_new_row() {
    let mut index = RowIndex::default();
    let (group, _) =
        plan(&mut index, &mut queue([append(A, 0, 0, 10), append(A, 9, 0, 10), append(A, 9, 10, 5)]));
    assert_eq!(rows(&group), [(A, 0, 10), (A, 0, 15)]);
}

#[test]
fn what_follows_a_refused_append_is_refused() {
    let mut index = RowIndex::default();
    let ops = [
        append(A, 0, 0, 10),
        append(A, 0, 11, 5),
        append(A, 0, 10, 5),
        append(A, 50, 0, 5),
        append(B, 0, 0, 5),
    ];
    let (group, refused) = plan(&mut index, &mut queue(ops));
    assert_eq!(rows(&group), [(A, 0, 10), (B, 0, 5)]);
    let refused: Vec<_> = refused.into_iter().map(|(queued, why)| (queued.number, why)).collect();
    assert_eq!(
        refused,
        [(1, Refused::OutOfSequence), (2, Refused::BehindRefused), (3, Refused::BehindRefused)]
    );
}

#[test]
fn a_cut_inside_a_row_ends_the_group() {
    let mut index = RowIndex::default();
    let cut = |position| StorageOp::Truncate { log: A, offset: 0, segment: 0, position };
    let mut queue =
        queue([append(A, 0, 0, 10), append(A, 0, 10, 10), cut(15), append(A, 0, 15, 1), cut(15), cut(15)]);
    let (group, _) = plan(&mut index, &mut queue);
    assert_eq!(group.ops.len(), 3);
    let key = ChunkKey { log: A, segment: 0, position: 0, length: 15 };
    assert!(group.changes.iter().any(|change| matches!(change, Change::Rewrite { row, .. } if *row == key)));
    let (group, refused) = plan(&mut index, &mut queue);
    assert!(refused.is_empty());
    // A cut between rows needs no rewriting.
    assert_eq!(group.ops.len(), 3);
    assert!(!group.changes.iter().any(|change| matches!(change, Change::Rewrite { .. })));
    assert_eq!(index.segments(A)[0].size, 15);
}

#[test]
fn a_cut_behind_a_hole_leaves_a_row_that_tells_of_it() {
    let key = |position, length| ChunkKey { log: A, segment: 0, position, length };
    let cut = |position| StorageOp::Truncate { log: A, offset: 0, segment: 0, position };
    for (position, put) in [(25, None), (20, Some(19)), (15, Some(14)), (11, Some(10)), (10, None)] {
        let mut index = RowIndex::default();
        for row in [key(0, 10), key(20, 5), key(25, 5)] {
            index.load(row).unwrap();
        }
        let (group, refused) = plan(&mut index, &mut queue([cut(position), append(A, 0, position, 3)]));
        assert!(refused.is_empty(), "{position}");
        assert_eq!(group.changes[0], Change::DeleteChunks(KeySpan::chunks_from(A, 0, position)));
        let expected: Vec<_> = put.map(|at| (A, at, 1)).into_iter().chain([(A, position, 3)]).collect();
        assert_eq!(rows(&group), expected, "{position}");
        assert_eq!(index.segments(A)[0].size, position + 3);

        // What is stored then, loaded again.
        let mut loaded = RowIndex::default();
        let kept = [key(0, 10), key(20, 5)].into_iter().filter(|row| row.end() <= position);
        let put = expected.iter().map(|(_, position, length)| key(*position, *length));
        for row in kept.chain(put) {
            loaded.load(row).unwrap();
        }
        assert_eq!(loaded.rows(A, 0), index.rows(A, 0), "{position}");
    }
}

#[test]
fn a_load_waits_for_the_group_before_it() {
    let mut index = RowIndex::default();
    let mut queue = queue([append(A, 0, 0, 10), StorageOp::Load { log: A }, append(A, 0, 10, 10)]);
    let (group, _) = plan(&mut index, &mut queue);
    assert_eq!((group.ops.len(), queue.len()), (1, 2));
    let (group, _) = plan(&mut index, &mut queue);
    assert!(group.ops.is_empty());
}

#[test]
fn one_strict_append_makes_the_group_strict() {
    let strict = |op| match op {
        StorageOp::Append { log, segment, position, batches, .. } => {
            StorageOp::Append { log, segment, position, batches, durability: Durability::Strict }
        }
        other => other,
    };
    let relaxed = plan(&mut RowIndex::default(), &mut queue([append(A, 0, 0, 1), append(B, 0, 0, 1)])).0;
    let mixed =
        plan(&mut RowIndex::default(), &mut queue([append(A, 0, 0, 1), strict(append(B, 0, 0, 1))])).0;
    assert!(!relaxed.strict && mixed.strict);
}

#[test]
fn a_snapshot_is_deleted_alone() {
    let kind = SnapshotKind::ProducerState;
    let delete = StorageOp::DeleteSnapshot { log: A, kind, offset: 5 };
    let (group, _) = plan(&mut RowIndex::default(), &mut queue([delete]));
    let [Change::DeleteSnapshots(span)] = group.changes.as_slice() else { panic!("{:?}", group.changes) };
    for (offset, inside) in [(4, false), (5, true), (6, false)] {
        let key = SnapshotKey { log: A, kind, offset }.to_bytes();
        assert_eq!(span.from.as_slice() <= &key[..] && &key[..] < span.to.as_slice(), inside);
    }
}

#[test]
fn a_sparing_group_only_takes_away() {
    let mut index = RowIndex::default();
    let mut queue = queue([StorageOp::Delete { log: A }, StorageOp::Delete { log: B }, append(A, 0, 0, 10)]);
    let (group, _) = Planner::new(&mut index, &Refusals::default(), 0).sparing(true).plan(&mut queue);
    assert_eq!((group.ops.len(), queue.len()), (2, 1));
    assert!(group.sparing && rows(&group).is_empty());
}

#[test]
fn only_a_deletion_that_marks_a_log_start_needs_room() {
    let delete = |log_start_offset| StorageOp::DeleteSegments { log: A, before: 5, log_start_offset };
    let mut index = RowIndex::default();
    let mut queue = queue([delete(None), delete(Some(7)), delete(None)]);
    let (group, _) = Planner::new(&mut index, &Refusals::default(), 0).sparing(true).plan(&mut queue);
    assert_eq!((group.ops.len(), queue.len()), (1, 2));
    let (group, _) = plan(&mut index, &mut queue);
    let puts = group.changes.iter().filter(|change| matches!(change, Change::PutMark(_))).count();
    assert_eq!((group.ops.len(), puts), (2, 1));
}
