//! An import from its request to its end.

use std::rc::Rc;

use headwater_client::{Acks, ClientError, ProducerConfig};
use headwater_engine::record::Compression;
use headwater_worker_protocol::{self as protocol, ErrorReport, ImportRequest, ImportSource, ImportState};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use super::hub::Hub;
use super::importer::{End, Importer};
use super::imports::Import;
use super::rows::{self, MAX_ROW_BYTES, RowReader};
use super::source::Source;
use super::synthetic::{MAX_VALUE_SIZE, Synthetic};
use super::{Clients, reading, refusal, report, topics};

/// Batches of this size are written fastest: a chunk of the storage holds some of them.
const BATCH_SIZE: usize = 256 * 1024;
/// How long a record is tried again. A person watches: what does not go within that time is said, and goes on when asked
/// again.
const DELIVERY_TIMEOUT_MS: u64 = 30_000;
/// What an import may have sent or gathered and not yet acknowledged.
const BUFFER_MEMORY: usize = 12 << 20;
/// What Kafka adds to a record's value at most, in this place: batch header, lengths, key and headers.
const MAX_AROUND_VALUE: usize = 8 * 1024;

/// Begins an import. It goes on by itself; how it stands is in the snapshots.
pub(crate) fn start(
    clients: &Rc<Clients>,
    request: ImportRequest,
    attachment: JsValue,
) -> Result<u64, ErrorReport> {
    if request.topic.is_empty() {
        return Err(refusal("INVALID_IMPORT", "An import needs a topic."));
    }
    if let ImportSource::Synthetic { value_size, .. } = request.source
        && value_size > MAX_VALUE_SIZE
    {
        return Err(refusal("INVALID_IMPORT", format!("A value may have {MAX_VALUE_SIZE} bytes at most.")));
    }
    if request.idempotence == Some(true) && request.acks != protocol::Acks::All {
        let why = "acks must be all to use an idempotent producer: else nobody says what became of a batch.";
        return Err(refusal("INVALID_CONFIG", why));
    }
    let source = match &request.source {
        ImportSource::DataSet { name, .. } | ImportSource::File { name } => name.clone(),
        ImportSource::Synthetic { records, value_size } => format!("{records} records of {value_size} bytes"),
    };
    let import = clients.imports.add(&source, &request).map_err(|why| refusal("ALREADY_RUNNING", why))?;
    let id = import.id();
    let hub = clients.hub.clone();
    spawn_local(async move {
        let end = run(&hub, &import, &request, &source, &attachment).await;
        import.update(|snapshot| {
            snapshot.state = match end {
                Ok(End::Done) => ImportState::Done,
                Ok(End::Stopped) => ImportState::Stopped,
                Err(error) => ImportState::Failed(error),
            };
        });
    });
    Ok(id)
}

async fn run(
    hub: &Rc<Hub>,
    import: &Rc<Import>,
    request: &ImportRequest,
    source: &str,
    attachment: &JsValue,
) -> Result<End, ErrorReport> {
    if let ImportSource::Synthetic { records, value_size } = request.source {
        let partitions = topics::ensure(hub, &request.topic, request.partitions, request.configs.clone());
        partitions.await.map_err(report)?;
        import.update(|snapshot| snapshot.state = ImportState::Running);
        let importer = Importer::new(hub, import, request, pipelined(request), None);
        return importer.synthetic(records, Synthetic::new(value_size)).await;
    }
    // What cannot be read must not leave an empty topic behind.
    let mut chunks = Source::open(&request.source, attachment).await?;
    let first = chunks.next().await?.unwrap_or_default();
    let format = rows::detect(&first).map_err(|reason| refusal("UNREADABLE_FILE", reason))?;
    let mut reader = RowReader::new(format, request.key_field.clone());
    reader.push(&first);

    let ensured = topics::ensure(hub, &request.topic, request.partitions, request.configs.clone()).await;
    ensured.map_err(report)?;
    let resume = reading::resume(hub, &request.topic, source, request.again).await.map_err(report)?;
    let max_message_bytes = topics::max_message_bytes(hub, &request.topic).await;
    if import.is_stopped() {
        return Ok(End::Stopped);
    }
    import.update(|snapshot| {
        snapshot.state = ImportState::Running;
        snapshot.bytes_total = chunks.bytes_total();
    });
    let header = resume.source_header(source);
    let config = in_order(request, max_message_bytes);
    let importer = Importer::new(hub, import, request, config, Some((resume, header)));
    importer.file(chunks, reader).await
}

/// Fast, for records that nobody will look for: several batches of a partition on their way at a time.
fn pipelined(request: &ImportRequest) -> ProducerConfig {
    ProducerConfig {
        acks: match request.acks {
            protocol::Acks::None => Acks::None,
            protocol::Acks::Leader => Acks::Leader,
            protocol::Acks::All => Acks::All,
        },
        compression: match request.compression {
            protocol::Compression::None => Compression::None,
            protocol::Compression::Gzip => Compression::Gzip,
            protocol::Compression::Snappy => Compression::Snappy,
            protocol::Compression::Lz4 => Compression::Lz4,
            protocol::Compression::Zstd => Compression::Zstd,
        },
        enable_idempotence: request.idempotence != Some(false),
        linger_ms: 20,
        batch_size: BATCH_SIZE,
        buffer_memory: BUFFER_MEMORY,
        max_request_size: MAX_ROW_BYTES + MAX_AROUND_VALUE,
        delivery_timeout_ms: DELIVERY_TIMEOUT_MS,
        own_connections: true,
        ..ProducerConfig::default()
    }
}

/// So that the last record of a partition tells what is there: each batch is acknowledged before the next of its
/// partition is sent, one of which it is not known what became of it is sent again until that is known (the producer is
/// idempotent, so it is written once), and after a failure nothing follows.
fn in_order(request: &ImportRequest, max_message_bytes: Option<usize>) -> ProducerConfig {
    let largest = max_message_bytes.unwrap_or(usize::MAX).min(MAX_ROW_BYTES + MAX_AROUND_VALUE);
    ProducerConfig {
        max_in_flight_per_partition: 1,
        halt_on_failure: true,
        batch_size: BATCH_SIZE.min(largest),
        max_request_size: largest,
        ..pipelined(request)
    }
}

/// Why an import ends before its source does.
pub(crate) fn failure(error: ClientError) -> ErrorReport {
    let mut report = report(error);
    report.message.push_str(" Import it again to go on after the last acknowledged row.");
    report
}
