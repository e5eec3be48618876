//! What the page asks, answered.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use headwater_client::{
    Acks, ClientError, Delivered, Delivery, ProducerConfig, ProducerId, ProducerRecord, SendError, code,
};
use headwater_engine::TopicPartition;
use headwater_worker_protocol::{
    ConsumerRequest, ErrorReport, ImportSource, Preview, RecordToSend, Reply, Request,
};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use super::consumers::Stop;
use super::hub::Hub;
use super::source::Source;
use super::synthetic::Synthetic;
use super::{Clients, groups, import, member, preview, reading, refusal, report, topics};
use crate::clock;

/// How long a topic that was just made may be unknown.
const TOPIC_PATIENCE_MS: f64 = 2_000.0;
/// Who looks while time stands still is told after so long, in real time, that nobody answers.
const STANDSTILL_PATIENCE_MS: u32 = 5_000;
/// How much of a file is looked at for a preview.
const PREVIEW_BYTES: usize = 256 * 1024;

/// Does what is asked.
pub(crate) async fn answer(
    clients: &Rc<Clients>,
    request: Request,
    attachment: JsValue,
) -> Result<Reply, ErrorReport> {
    let hub = &clients.hub;
    match request {
        Request::CreateTopic { name, partitions, configs } => {
            topics::create(hub, &name, partitions, configs).await.map(|()| Reply::Done).map_err(report)
        }
        Request::DeleteTopic { name } => {
            topics::delete(hub, &name).await.map(|()| Reply::Done).map_err(report)
        }
        Request::CreatePartitions { name, count } => {
            topics::add_partitions(hub, &name, count).await.map(|()| Reply::Done).map_err(report)
        }
        Request::DeleteRecords { topic, partition, before } => {
            let partition = TopicPartition { topic, partition };
            topics::delete_records(hub, partition, before).await.map(|()| Reply::Done).map_err(report)
        }
        Request::Send(record) => send(clients, &record).await.map_err(report),
        Request::Read { topic, partition, from, max_records, whole } => {
            let topic_partition = TopicPartition { topic, partition };
            unless_time_stands_still(reading::page(hub, topic_partition, from, max_records, whole))
                .await
                .map(Reply::Records)
                .map_err(report)
        }
        Request::Preview { source } => show(&source, attachment).await.map(Reply::Preview),
        Request::Import(wanted) => {
            import::start(clients, wanted, attachment).map(|import| Reply::ImportStarted { import })
        }
        Request::StopImport { import } => {
            if clients.imports.stop(import) {
                Ok(Reply::Done)
            } else {
                Err(refusal("UNKNOWN_IMPORT", "This import does not run any more."))
            }
        }
        Request::StartConsumer(wanted) => start_consumer(clients, wanted),
        Request::StopConsumer { consumer, leave } => {
            let how = if leave { Stop::Leave } else { Stop::Kill };
            if clients.consumers.stop(consumer, how) {
                hub.wake();
                Ok(Reply::Done)
            } else {
                Err(refusal("UNKNOWN_CONSUMER", "This consumer does not run any more."))
            }
        }
        Request::SetRate { import, consumer, records_per_s } => {
            let imports = import.is_some_and(|id| clients.imports.set_rate(id, records_per_s));
            if imports || consumer.is_some_and(|id| clients.consumers.set_rate(id, records_per_s)) {
                hub.wake();
                Ok(Reply::Done)
            } else {
                Err(refusal("UNKNOWN_CLIENT", "This producer or consumer does not run any more."))
            }
        }
        Request::AlterConfigs { topic, configs } => {
            let done = hub.admin(|client, now| client.alter_topic_configs(now, &topic, configs)).await;
            done.map(|_| Reply::Done).map_err(report)
        }
        Request::ResetOffsets { group, to } => {
            let done = groups::reset_offsets(hub, &group, to).await;
            clients.groups.look_again();
            done.map(|()| Reply::Done).map_err(report)
        }
        Request::DeleteGroup { group } => {
            let done = groups::delete(hub, &group).await;
            clients.groups.look_again();
            done.map(|()| Reply::Done).map_err(report)
        }
        Request::ConsumeAll { topic } => reading::all(hub, &topic).await.map_err(report),
    }
}

/// Starts a consumer. How it goes is in the snapshots.
fn start_consumer(clients: &Rc<Clients>, wanted: ConsumerRequest) -> Result<Reply, ErrorReport> {
    let consumer = clients.consumers.add(wanted).map_err(|why| refusal("TOO_MANY_CONSUMERS", why))?;
    let id = consumer.id();
    let hub = clients.hub.clone();
    spawn_local(async move { member::run(&hub, &consumer).await });
    Ok(Reply::ConsumerStarted { consumer: id })
}

/// Sends one record and waits for its acknowledgement.
///
/// The producer is kept for the next one: each producer asks for an id before its first record, and a partition remembers
/// the ids of all that wrote to it.
async fn send(clients: &Rc<Clients>, record: &RecordToSend) -> Result<Reply, ClientError> {
    let hub = &clients.hub;
    topics::partition_count(hub, &record.topic, TOPIC_PATIENCE_MS).await?;
    let headers: Vec<(&str, Option<&[u8]>)> = record
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_ref().map(String::as_bytes)))
        .collect();
    let record = ProducerRecord {
        topic: &record.topic,
        partition: record.partition,
        timestamp: None,
        key: record.key.as_ref().map(String::as_bytes),
        value: record.value.as_ref().map(String::as_bytes),
        headers: &headers,
    };
    let producer = clients.idle_producer.take().unwrap_or_else(|| {
        let config = ProducerConfig {
            acks: Acks::All,
            linger_ms: 0,
            own_connections: true,
            ..ProducerConfig::default()
        };
        hub.with(|client, _| client.add_producer(config))
    });
    let sent = loop {
        match hub.with(|client, now| client.send(now, producer, &record)) {
            Ok(_) => {
                let Delivery { partition, result, .. } = delivery(hub, producer).await;
                let offset = |delivered: Delivered| delivered.base_offset.unwrap_or(-1);
                break result.map(|delivered| Reply::Sent { partition, offset: offset(delivered) });
            }
            Err(SendError::Failed(error)) => break Err(error),
            Err(_) => hub.changed().await,
        }
    };
    // One that failed is not sure where it stands; of those that sent at the same time one is enough.
    let not_kept = if sent.is_ok() { clients.idle_producer.replace(Some(producer)) } else { Some(producer) };
    if let Some(producer) = not_kept {
        hub.with(|client, _| client.remove_producer(producer));
    }
    sent
}

async fn delivery(hub: &Rc<Hub>, producer: ProducerId) -> Delivery {
    loop {
        if let Some(delivery) = hub.with(|client, _| client.poll_delivery(producer)) {
            return delivery;
        }
        hub.changed().await;
    }
}

/// Looks at the beginning of a source.
async fn show(source: &ImportSource, attachment: JsValue) -> Result<Preview, ErrorReport> {
    if let ImportSource::Synthetic { value_size, .. } = source {
        return Ok(preview::of_records(Synthetic::new(*value_size).value(1)));
    }
    let mut chunks = Source::open(source, &attachment).await?;
    let mut beginning = Vec::new();
    let mut whole = false;
    while beginning.len() < PREVIEW_BYTES && !whole {
        match chunks.next().await? {
            Some(chunk) => beginning.extend_from_slice(&chunk),
            None => whole = true,
        }
    }
    chunks.cancel();
    preview::of_file(&beginning, whole).map_err(|reason| refusal("UNREADABLE_FILE", reason))
}

/// What looks for something is answered also while time stands still, unless its broker does not run: no time-out would come
/// then.
async fn unless_time_stands_still<T>(
    work: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    let (mut work, mut late) = (pin!(work), pin!(clock::stands_still_for(STANDSTILL_PATIENCE_MS)));
    poll_fn(|context| {
        let done = work.as_mut().poll(context);
        if done.is_pending() && late.as_mut().poll(context).is_ready() {
            let message =
                "Time stands still, and no broker has answered. Start the broker, or have time go on."
                    .to_owned();
            return Poll::Ready(Err(ClientError {
                message,
                ..ClientError::kafka(code::REQUEST_TIMED_OUT, None)
            }));
        }
        done
    })
    .await
}
