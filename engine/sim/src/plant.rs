//! Bugs to be found: each is one that the world itself makes, to see that a checker notices.

/// A bug on demand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Plant {
    /// The storage answers appends before they are stored.
    AcknowledgeBeforeDurable,
    /// The storage now and then forgets to answer an append.
    DropCompletion,
    /// The storage keeps appends that it has refused.
    KeepRefused,
    /// The storage leaves the first batch of what it reads away.
    SkipBatch,
    /// The network delivers some requests twice.
    DuplicateRequest,
    /// The network swaps answers of a connection.
    SwapAnswers,
    /// From some time on brokers hear nothing from the controller any more.
    DeafBrokers,
    /// A producer that has to keep the order of its records sends on after a failure.
    UnorderedProducer,
}
