//! Record batches: Kafka's message format version 2.
