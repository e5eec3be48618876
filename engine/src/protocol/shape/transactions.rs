//! The schemas of the requests about transactions.

use kafka_protocol::messages::ApiKey;

use super::Form::{Array, FixedArray, Text, TextArray};
use super::{BYTE, Field, Form, INT16, INT64, LAST, always};

const TOPIC_PARTITIONS: Form = Array(&[always(Text), always(FixedArray(4))]);

const ADD_PARTITIONS_TO_TXN: &[Field] = &[
    Field(
        4,
        LAST,
        Array(&[always(Text), always(INT64), always(INT16), always(BYTE), always(TOPIC_PARTITIONS)]),
    ),
    Field(0, 3, Text),
    Field(0, 3, INT64),
    Field(0, 3, INT16),
    Field(0, 3, TOPIC_PARTITIONS),
];

const ADD_OFFSETS_TO_TXN: &[Field] = &[always(Text), always(INT64), always(INT16), always(Text)];

const END_TXN: &[Field] = &[always(Text), always(INT64), always(INT16), always(BYTE)];

const DESCRIBE_TRANSACTIONS: &[Field] = &[always(TextArray)];

const LIST_TRANSACTIONS: &[Field] = &[always(TextArray), always(FixedArray(8)), Field(1, LAST, INT64)];

/// The schema of a request's body, and the first version in the compact, tagged form.
pub(super) fn schema(api: ApiKey) -> Option<(&'static [Field], i16)> {
    Some(match api {
        ApiKey::AddPartitionsToTxn => (ADD_PARTITIONS_TO_TXN, 3),
        ApiKey::AddOffsetsToTxn => (ADD_OFFSETS_TO_TXN, 3),
        ApiKey::EndTxn => (END_TXN, 3),
        ApiKey::DescribeTransactions => (DESCRIBE_TRANSACTIONS, 0),
        ApiKey::ListTransactions => (LIST_TRANSACTIONS, 0),
        _ => return None,
    })
}
