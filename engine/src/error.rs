//! An error as a client is told of it.

use kafka_protocol::ResponseError;
use kafka_protocol::protocol::StrBytes;

/// Kafka's error, and what it is about in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ApiError {
    pub(crate) error: ResponseError,
    pub(crate) message: String,
    /// The records of a batch that it is about, by their place there, if it is not about all (KIP-467).
    pub(crate) records: Vec<i32>,
}

impl ApiError {
    pub(crate) fn new(error: ResponseError, message: impl Into<String>) -> ApiError {
        ApiError { error, message: message.into(), records: Vec::new() }
    }

    pub(crate) fn text(&self) -> Option<StrBytes> {
        Some(StrBytes::from_string(self.message.clone()))
    }
}

/// An error's name as Kafka spells it (`UNKNOWN_TOPIC_OR_PARTITION`).
pub(crate) fn error_name(error: ResponseError) -> String {
    let mut name = String::new();
    for (index, character) in format!("{error:?}").chars().enumerate() {
        if index > 0 && character.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(character.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_names_that_kafka_gives_them() {
        assert_eq!(error_name(ResponseError::UnknownTopicOrPartition), "UNKNOWN_TOPIC_OR_PARTITION");
        assert_eq!(error_name(ResponseError::CorruptMessage), "CORRUPT_MESSAGE");
    }
}
