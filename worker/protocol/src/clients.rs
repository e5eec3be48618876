//! Between the page and the worker in which its producers and consumers run.

use serde::{Deserialize, Serialize};

use crate::{ErrorReport, Latencies, Time};

/// From the page to the clients' worker.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToClients {
    /// A way to a broker: the message's attachment is a `MessagePort` whose other end was given to that broker.
    /// Clients reach any broker that Metadata names under this host name.
    Broker {
        /// Which broker.
        node_id: i32,
    },
    /// What time it is, and how fast it goes.
    Time(Time),
    /// Asks for something; answered by [`FromClients::Reply`] with the same id.
    Request {
        /// Chosen by the page, never used twice.
        id: u64,
        /// What is asked.
        request: Request,
    },
}

/// What the page can ask.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Makes a topic.
    CreateTopic {
        /// Its name.
        name: String,
        /// How many partitions.
        partitions: i32,
        /// Configs by Kafka's keys.
        configs: Vec<(String, String)>,
    },
    /// Deletes a topic with all its records.
    DeleteTopic {
        /// Its name.
        name: String,
    },
    /// Adds partitions to a topic.
    CreatePartitions {
        /// Its name.
        name: String,
        /// How many it has afterwards.
        count: i32,
    },
    /// Deletes the records of a partition that lie before an offset (KIP-107).
    DeleteRecords {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The first offset that stays.
        before: i64,
    },
    /// Sends one record; answered with [`Reply::Sent`] when it is acknowledged (acks=all).
    Send(RecordToSend),
    /// Reads some records; answered with [`Reply::Records`].
    Read {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Where to begin.
        from: ReadFrom,
        /// How many at the most.
        max_records: u32,
        /// True: all of each key, value and header, and then fewer records at a time where they are large; false: the beginning.
        #[serde(default)]
        whole: bool,
    },
    /// Reads the first rows of a source and says what it looks like; answered with [`Reply::Preview`].
    Preview {
        /// What to look at. For [`ImportSource::File`] the message's attachment is the `File`.
        source: ImportSource,
    },
    /// Produces all rows of a source into a topic that is made if need be; answered with [`Reply::ImportStarted`],
    /// and followed in [`ClientsSnapshot::imports`].
    Import(ImportRequest),
    /// Stops an import; what was sent stays, and the same import goes on from there when asked again.
    StopImport {
        /// Which, as [`Reply::ImportStarted`] said.
        import: u64,
    },
    /// Starts a consumer that is a member of a group; answered with [`Reply::ConsumerStarted`], and followed in
    /// [`ClientsSnapshot::consumers`].
    StartConsumer(ConsumerRequest),
    /// Ends a consumer. Its counts stay in the snapshots for a while.
    StopConsumer {
        /// Which, as [`Reply::ConsumerStarted`] said.
        consumer: u64,
        /// True: it commits what it has read and leaves its group. False: it goes without a word, as in a crash, and the
        /// group waits for it until its session is over.
        leave: bool,
    },
    /// Commits other offsets for a group without members: every partition of the topics that it has offsets of begins
    /// anew.
    ResetOffsets {
        /// The group.
        group: String,
        /// Where: the first offset there is, or the end.
        to: OffsetReset,
    },
    /// Has a producer or consumer that runs go at another rate.
    SetRate {
        /// The import, as [`Reply::ImportStarted`] said; or else
        import: Option<u64>,
        /// the consumer, as [`Reply::ConsumerStarted`] said.
        consumer: Option<u64>,
        /// At most this many records a second; none: as fast as it goes.
        records_per_s: Option<u32>,
    },
    /// Sets configs of a topic (IncrementalAlterConfigs).
    AlterConfigs {
        /// The topic.
        topic: String,
        /// By Kafka's keys; none: as the broker has it.
        configs: Vec<(String, Option<String>)>,
    },
    /// Deletes a group without members, with its offsets.
    DeleteGroup {
        /// The group.
        group: String,
    },
    /// Reads every record of a topic from its start to its present end; answered with [`Reply::Consumed`].
    ConsumeAll {
        /// The topic.
        topic: String,
    },
}

/// A record typed by hand.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RecordToSend {
    /// The topic.
    pub topic: String,
    /// The partition; by the key, or by the producer's own choice, when there is none.
    pub partition: Option<i32>,
    /// The key.
    pub key: Option<String>,
    /// The value; none is a tombstone.
    pub value: Option<String>,
    /// Headers in order; a name may stand more than once.
    pub headers: Vec<(String, Option<String>)>,
}

/// Where reading begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadFrom {
    /// At the first record.
    Start,
    /// At this offset.
    Offset(i64),
    /// At the first record of this time or later, in milliseconds since 1970.
    Timestamp(i64),
    /// So that the last records of the partition are read.
    Last,
}

/// What an import reads.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImportSource {
    /// A data set that comes with the page: NDJSON, gzip.
    DataSet {
        /// Its name; part of what identifies the import.
        name: String,
        /// Where it is, relative to the page.
        url: String,
    },
    /// A file of the person's own: CSV with a header line, or NDJSON; gzip or plain. The bytes are in the `File`
    /// that is the message's attachment.
    File {
        /// Its name; part of what identifies the import.
        name: String,
    },
    /// Records made up on the spot, to see how fast it goes.
    Synthetic {
        /// How many.
        records: u64,
        /// The length of each value in bytes.
        value_size: u32,
    },
}

/// An import.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ImportRequest {
    /// What to read.
    pub source: ImportSource,
    /// The topic to produce into.
    pub topic: String,
    /// How many partitions the topic gets if it has to be made.
    pub partitions: i32,
    /// Configs that the topic gets if it has to be made.
    pub configs: Vec<(String, String)>,
    /// The field whose value is the record's key; none: no key.
    pub key_field: Option<String>,
    /// At most this many records a second; none: as fast as it goes.
    pub records_per_s: Option<u32>,
    /// False: go on after the last row of this source that the topic already has. True: all rows once more.
    pub again: bool,
    /// `acks`.
    pub acks: Acks,
    /// `compression.type`.
    pub compression: Compression,
    /// `enable.idempotence`; none: on where `acks` is `all`.
    pub idempotence: Option<bool>,
}

impl Default for ImportRequest {
    fn default() -> Self {
        ImportRequest {
            source: ImportSource::Synthetic { records: 0, value_size: 0 },
            topic: String::new(),
            partitions: 1,
            configs: Vec::new(),
            key_field: None,
            records_per_s: None,
            again: false,
            acks: Acks::All,
            compression: Compression::None,
            idempotence: None,
        }
    }
}

/// `acks`: when a record counts as written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Acks {
    /// When it is sent; nothing is known of what became of it.
    #[serde(rename = "0")]
    None,
    /// When the leader has it.
    #[serde(rename = "1")]
    Leader,
    /// When all in-sync replicas have it.
    #[serde(rename = "all")]
    All,
}

/// `compression.type` of a producer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// None.
    None,
    /// Gzip.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// A consumer to start.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumerRequest {
    /// `group.id`.
    pub group: String,
    /// The topic it subscribes to.
    pub topic: String,
    /// `partition.assignment.strategy`.
    pub assignor: Assignor,
    /// `auto.offset.reset`: where it begins in a partition of which the group has committed nothing.
    pub reset: OffsetReset,
    /// At most this many records a second; none: as fast as it goes.
    pub records_per_s: Option<u32>,
    /// `group.instance.id` of a static member (KIP-345).
    pub instance_id: Option<String>,
    /// `session.timeout.ms`; none: 10,000.
    pub session_timeout_ms: Option<u32>,
}

/// How the partitions are spread over a group's members.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assignor {
    /// Of each topic, a range of partitions for each member.
    #[default]
    Range,
    /// One partition after the other to one member after the other.
    RoundRobin,
    /// Evenly, and as it was before where that is possible.
    Sticky,
    /// The same without stopping the world: only what moves is given up (KIP-429).
    CooperativeSticky,
}

/// One end of a partition or the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OffsetReset {
    /// The first offset there is.
    #[default]
    Earliest,
    /// The end.
    Latest,
}

/// From the clients' worker to the page.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FromClients {
    /// The worker's code is loaded; it waits for brokers and requests.
    Loaded,
    /// The answer to a request.
    Reply {
        /// The request's.
        id: u64,
        /// What was asked for, or why not.
        result: Result<Reply, ErrorReport>,
    },
    /// While time stands still: when a producer or consumer has something to do next if nothing comes, in milliseconds since
    /// 1970.
    Due(Option<f64>),
    /// How things stand, at most some times a second and only when something changed.
    Snapshot(ClientsSnapshot),
    /// Something happened in a group.
    GroupEvent(GroupEvent),
    /// The way to a broker is missing or was closed; one is asked for by [`ToClients::Broker`], when there can be one.
    NeedsBroker {
        /// Which broker.
        node_id: i32,
    },
    /// The worker cannot go on and has to be replaced.
    Failed(ErrorReport),
}

/// Answers to [`Request`]s.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// Done.
    Done,
    /// A record is acknowledged.
    Sent {
        /// Its partition.
        partition: i32,
        /// Its offset.
        offset: i64,
    },
    /// Records were read.
    Records(RecordsPage),
    /// What a source looks like.
    Preview(Preview),
    /// An import runs.
    ImportStarted {
        /// Its name in [`ClientsSnapshot::imports`].
        import: u64,
    },
    /// A consumer runs.
    ConsumerStarted {
        /// Its name in [`ClientsSnapshot::consumers`].
        consumer: u64,
    },
    /// All records of a topic were read.
    Consumed {
        /// How many.
        records: u64,
        /// Bytes of their keys and values.
        bytes: u64,
        /// How long it took, in milliseconds.
        elapsed_ms: f64,
    },
}

/// Records of one partition, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RecordsPage {
    /// The records; empty when there are none where reading began.
    pub records: Vec<RecordView>,
    /// Where to go on reading.
    pub next_offset: i64,
    /// The partition's first offset.
    pub log_start_offset: i64,
    /// The partition's end.
    pub high_watermark: i64,
}

/// A record to look at.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RecordView {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp, in milliseconds since 1970.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<Payload>,
    /// Its value.
    pub value: Option<Payload>,
    /// Its headers, in order.
    pub headers: Vec<(String, Option<Payload>)>,
}

/// Bytes to look at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Payload {
    /// The text, where the bytes are UTF-8; else the bytes in hexadecimal. The first 64 KiB of either, if not the whole was asked for.
    pub text: String,
    /// Whether `text` is hexadecimal.
    pub hex: bool,
    /// The whole length in bytes.
    pub length: u64,
}

/// What a source looks like.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Preview {
    /// `csv`, `ndjson` or `records`.
    pub format: String,
    /// The names of its fields, in order.
    pub fields: Vec<String>,
    /// Its first rows, as they will be sent.
    pub rows: Vec<String>,
    /// The field that looks most like a key.
    pub suggested_key: Option<String>,
}

/// How the clients stand.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct ClientsSnapshot {
    /// The imports since the worker started, the oldest first; at most the last 20.
    pub imports: Vec<ImportSnapshot>,
    /// The consumers that run, and the last ones that ran; the oldest first.
    pub consumers: Vec<ConsumerSnapshot>,
    /// All groups of the cluster, by name, as their coordinators last said; none as long as nobody was asked.
    pub groups: Option<Vec<GroupSnapshot>>,
    /// How long Produce requests took that were answered: from being sent to the answer, by the clock of all workers.
    pub produce_latencies: Latencies,
    /// How old records were when a consumer read them: by their timestamps and the clock of all workers.
    pub end_to_end_latencies: Latencies,
}

/// How a consumer stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ConsumerSnapshot {
    /// Its name.
    pub consumer: u64,
    /// `client.id`, as brokers and traces name it: `consumer-` and its number.
    pub client_id: String,
    /// What was asked for.
    pub request: ConsumerRequest,
    /// Whether it reads, and if not, why.
    pub state: ConsumerState,
    /// As the coordinator knows it; empty as long as it has not joined.
    pub member_id: String,
    /// The group's generation it belongs to; -1 as long as it has not joined.
    pub generation: i32,
    /// What it reads now.
    pub partitions: Vec<ConsumerPartition>,
    /// Records read since it started.
    pub records: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// The last records it read, the newest first; a few.
    pub last_records: Vec<ConsumedRecord>,
}

/// Whether a consumer reads, and if not, why.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConsumerState {
    /// It looks for its coordinator, joins, or waits for the others in a rebalance.
    Joining,
    /// It has its partitions, perhaps none.
    Assigned,
    /// It commits and leaves.
    Leaving,
    /// It has left.
    Left,
    /// It went without leaving.
    Killed,
    /// It cannot go on.
    Failed(ErrorReport),
}

/// A partition that a consumer reads.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ConsumerPartition {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset of the record it reads next; none while that is looked up.
    pub position: Option<i64>,
    /// The partition's end, as its leader last said.
    pub end_offset: Option<i64>,
    /// How far it is behind in milliseconds: the age of the record that it reads next, or of the one before, which it has seen;
    /// 0 when nothing is unread, none when it has seen nothing there.
    pub lag_ms: Option<u32>,
}

/// A record that a consumer read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ConsumedRecord {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// The beginning of its value, for people.
    pub value: String,
}

/// How a group stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GroupSnapshot {
    /// `group.id`.
    pub group: String,
    /// Kafka's name for its state (`Stable`, `Empty`, ...).
    pub state: String,
    /// The name of the assignor in use; empty when it has no members.
    pub assignor: String,
    /// Its members.
    pub members: Vec<GroupMember>,
    /// The partitions that it has committed an offset of, or that a member reads; by topic and partition.
    pub offsets: Vec<GroupOffset>,
}

/// A member of a group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GroupMember {
    /// As the coordinator calls it.
    pub member_id: String,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<String>,
    /// As the client calls itself.
    pub client_id: String,
    /// What it is assigned.
    pub partitions: Vec<(String, i32)>,
}

/// How far a group is in a partition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GroupOffset {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset of the record it reads next; none: nothing is committed.
    pub committed: Option<i64>,
    /// The partition's first offset.
    pub log_start_offset: i64,
    /// The partition's end; none when it cannot be asked, as of a topic that is gone.
    pub end_offset: Option<i64>,
}

/// Something that happened in a group.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct GroupEvent {
    /// When, in milliseconds since 1970.
    pub wall_ms: i64,
    /// In which.
    pub group: String,
    /// What, in a sentence.
    pub message: String,
    /// What kind of thing it is (`consumer-assigned`), for whoever has other words for it.
    pub kind: String,
    /// What it is about: names and values for the places in those words.
    pub args: Vec<(String, String)>,
}

/// How an import stands.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct ImportSnapshot {
    /// Its name.
    pub import: u64,
    /// `client.id` of its producer, as brokers and traces name it: `producer-` and its number.
    pub client_id: String,
    /// What was asked for, with the rate that it has now.
    pub request: ImportRequest,
    /// The name of what it reads.
    pub source: String,
    /// The topic it produces into.
    pub topic: String,
    /// Whether it runs, and if not, how it ended.
    pub state: ImportState,
    /// Rows read so far, broken ones among them.
    pub rows_read: u64,
    /// Records acknowledged by this import.
    pub acknowledged: u64,
    /// Rows passed over because the topic already had them.
    pub already_there: u64,
    /// Rows that could not be read.
    pub broken: u64,
    /// The first broken rows: their line, from 1, and what is wrong. At most 20.
    pub broken_rows: Vec<(u64, String)>,
    /// Bytes of the source read, of how many; none where the length is not known.
    pub bytes_read: u64,
    /// Length of the source in bytes, where it is known.
    pub bytes_total: Option<u64>,
    /// Milliseconds since it started, or that it took.
    pub elapsed_ms: f64,
}

/// Whether an import runs, and if not, how it ended.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImportState {
    /// Looking for what the topic already has.
    #[default]
    Resuming,
    /// Producing.
    Running,
    /// Every row is acknowledged, was there before, or is broken.
    Done,
    /// Stopped by a person.
    Stopped,
    /// Stopped by an error; asked again, it goes on after the last acknowledged row.
    Failed(ErrorReport),
}
