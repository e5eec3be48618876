//! The schemas of the requests about groups.

use kafka_protocol::messages::ApiKey;

use super::Form::{Array, Bytes, FixedArray, Text, TextArray};
use super::{BYTE, Field, INT16, INT32, INT64, LAST, always};

const FIND_COORDINATOR: &[Field] = &[Field(0, 3, Text), Field(1, LAST, BYTE), Field(4, LAST, TextArray)];

const JOIN_GROUP: &[Field] = &[
    always(Text),
    always(INT32),
    Field(1, LAST, INT32),
    always(Text),
    Field(5, LAST, Text),
    always(Text),
    always(Array(&[always(Text), always(Bytes)])),
    Field(8, LAST, Text),
];

const SYNC_GROUP: &[Field] = &[
    always(Text),
    always(INT32),
    always(Text),
    Field(3, LAST, Text),
    Field(5, LAST, Text),
    Field(5, LAST, Text),
    always(Array(&[always(Text), always(Bytes)])),
];

const HEARTBEAT: &[Field] = &[always(Text), always(INT32), always(Text), Field(3, LAST, Text)];

const LEAVE_GROUP: &[Field] = &[
    always(Text),
    Field(0, 2, Text),
    Field(3, LAST, Array(&[always(Text), always(Text), Field(5, LAST, Text)])),
];

const OFFSET_COMMIT: &[Field] = &[
    always(Text),
    always(INT32),
    always(Text),
    Field(7, LAST, Text),
    Field(2, 4, INT64),
    always(Array(&[
        always(Text),
        always(Array(&[always(INT32), always(INT64), Field(6, LAST, INT32), always(Text)])),
    ])),
];

const OFFSET_FETCH: &[Field] = &[
    Field(0, 7, Text),
    Field(0, 7, Array(&[always(Text), always(FixedArray(4))])),
    Field(
        8,
        LAST,
        Array(&[
            always(Text),
            Field(9, LAST, Text),
            Field(9, LAST, INT32),
            always(Array(&[always(Text), always(FixedArray(4))])),
        ]),
    ),
    Field(7, LAST, BYTE),
];

const DESCRIBE_GROUPS: &[Field] = &[always(TextArray), Field(3, LAST, BYTE)];

const LIST_GROUPS: &[Field] = &[Field(4, LAST, TextArray), Field(5, LAST, TextArray)];

const DELETE_GROUPS: &[Field] = &[always(TextArray)];

const OFFSET_DELETE: &[Field] =
    &[always(Text), always(Array(&[always(Text), always(Array(&[always(INT32)]))]))];

const TXN_OFFSET_COMMIT: &[Field] = &[
    always(Text),
    always(Text),
    always(INT64),
    always(INT16),
    Field(3, LAST, INT32),
    Field(3, LAST, Text),
    Field(3, LAST, Text),
    always(Array(&[
        always(Text),
        always(Array(&[always(INT32), always(INT64), Field(2, LAST, INT32), always(Text)])),
    ])),
];

/// The schema of a request's body, and the first version in the compact, tagged form.
pub(super) fn schema(api: ApiKey) -> Option<(&'static [Field], i16)> {
    Some(match api {
        ApiKey::FindCoordinator => (FIND_COORDINATOR, 3),
        ApiKey::JoinGroup => (JOIN_GROUP, 6),
        ApiKey::SyncGroup => (SYNC_GROUP, 4),
        ApiKey::Heartbeat => (HEARTBEAT, 4),
        ApiKey::LeaveGroup => (LEAVE_GROUP, 4),
        ApiKey::OffsetCommit => (OFFSET_COMMIT, 8),
        ApiKey::OffsetFetch => (OFFSET_FETCH, 6),
        ApiKey::DescribeGroups => (DESCRIBE_GROUPS, 5),
        ApiKey::ListGroups => (LIST_GROUPS, 3),
        ApiKey::DeleteGroups => (DELETE_GROUPS, 2),
        // Never in that form.
        ApiKey::OffsetDelete => (OFFSET_DELETE, i16::MAX),
        ApiKey::TxnOffsetCommit => (TXN_OFFSET_COMMIT, 3),
        _ => return None,
    })
}
