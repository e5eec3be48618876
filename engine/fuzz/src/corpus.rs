//! The inputs that there are: files of `corpus/`, of `regressions/` and, for batches, the golden ones of the engine.

mod sessions;

use std::fs;
use std::io;
use std::path::Path;

use headwater_engine::record::{Compression, RecordBatchBuilder};
use headwater_engine::{ConnectionId, LogId, Uuid};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, MetadataRequest, MetadataResponse,
};

use crate::input::put_chunk;
use crate::requests::{self, TOPIC, Topic};
use crate::targets::{COMPLETE, FRAME, image};
use crate::{Target, world::World};

/// Longer golden files say nothing that shorter ones do not, and slow everything down.
const MAX_GOLDEN_BYTES: u64 = 4_096;

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The committed inputs of a target by their names, in an order that is always the same.
///
/// # Errors
///
/// A file cannot be read.
pub fn read(target: &Target) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut inputs = Vec::new();
    take(&here().join("corpus").join(target.name), u64::MAX, &mut inputs)?;
    take(&here().join("regressions").join(target.name), u64::MAX, &mut inputs)?;
    if target.name == "batches" {
        take(&here().join("../tests/golden/batches"), MAX_GOLDEN_BYTES, &mut inputs)?;
    }
    inputs.sort();
    Ok(inputs)
}

/// Takes the files of a folder, if there is one, that are not longer than `most` bytes, and no text.
fn take(folder: &Path, most: u64, inputs: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let text = path.extension().is_some_and(|extension| extension == "txt" || extension == "md");
        if !text && entry.metadata()?.len() <= most {
            inputs.push((entry.file_name().to_string_lossy().into_owned(), fs::read(path)?));
        }
    }
    Ok(())
}

/// Writes `corpus/` anew, with what our encoders make today. What was there goes.
///
/// # Errors
///
/// A file cannot be written.
pub fn write() -> io::Result<()> {
    let folder = here().join("corpus");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    for (target, name, input) in made() {
        let folder = folder.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), input)?;
    }
    Ok(())
}

fn made() -> Vec<(&'static str, String, Vec<u8>)> {
    let mut made = codecs();
    let mut sample = SampleWorld::new();
    for (api, frames) in sample.frames() {
        let mut actions = Vec::new();
        for (version, frame) in &frames {
            put_frame(&mut actions, frame);
            actions.push(COMPLETE);
            // Of every form that there is, one: fields come and go by version, and every version is in the sequences.
            let last = frames.last().map(|(last, _)| last);
            if Some(version) == last || *version == frames[0].0 {
                made.push(("frames", format!("{api:?}-{version}").to_lowercase(), frame.to_vec()));
            }
        }
        made.push(("broker", format!("{api:?}").to_lowercase(), sample.after_setup(&actions)));
    }
    made.push(("broker", "a-group".to_owned(), sessions::group()));
    for (name, committed) in [("a-transaction", true), ("an-aborted-transaction", false)] {
        made.push(("broker", name.to_owned(), sessions::transaction(committed)));
    }
    made.push(("answers", "untouched".to_owned(), vec![0]));
    made.push(("answers", "changed".to_owned(), (0..=255).collect()));
    made.push(("answers", "mended".to_owned(), vec![0x81, 0, 60, 1, 0, 0, 0x82, 0, 100, 4, 0x81, 0, 90, 2]));
    made.push(("recovery", "whole".to_owned(), sample.image()));
    let delete = requests::delete_records(Topic { name: TOPIC, id: Uuid::nil() }, 0, 15);
    sample.set_up(requests::frame(ApiKey::DeleteRecords, 2, 1, &delete));
    made.push(("recovery", "begins-later".to_owned(), sample.image()));
    made
}

/// Every codec's form of some records.
fn codecs() -> Vec<(&'static str, String, Vec<u8>)> {
    let mut made = Vec::new();
    for codec in (0..=4).filter_map(Compression::from_id) {
        for (name, count) in [("short", 3), ("long", 400)] {
            let mut builder = RecordBatchBuilder::new(codec);
            for number in 0..count {
                let value = format!("reading {} of sensor {}", number * number % 97, number % 7);
                let headers = [("unit", Some(&b"bar"[..]))];
                builder.append(1_000 + number, None, Some(value.as_bytes()), &headers).expect("it fits");
            }
            let batch = builder.build();
            let mut input = vec![codec.id()];
            input.extend_from_slice(&batch[headwater_engine::record::HEADER_SIZE..]);
            made.push(("codecs", format!("{}-{name}", codec.name()), input));
            if name == "short" {
                made.push(("batches", format!("{}-{name}", codec.name()), batch.to_vec()));
            }
        }
    }
    made
}

fn put_frame(actions: &mut Vec<u8>, frame: &[u8]) {
    actions.extend([FRAME, 1]);
    put_chunk(actions, frame);
}

/// A broker that has a topic with records in it.
struct SampleWorld {
    world: World,
    topic_id: Uuid,
    /// The frames that made it so.
    setup: Vec<u8>,
}

impl SampleWorld {
    fn new() -> SampleWorld {
        let mut sample = SampleWorld { world: World::new(), topic_id: Uuid::nil(), setup: Vec::new() };
        let topic = Topic { name: TOPIC, id: Uuid::nil() };
        let create = requests::frame(ApiKey::CreateTopics, 7, 1, &requests::create_topics(TOPIC, 2));
        sample.set_up(create);
        let values = ["a longer value, so that there are several segments"; 12];
        for number in 2..6 {
            let records = requests::batch(&values);
            let produce = requests::produce(9, topic, number % 2, records);
            sample.set_up(requests::frame(ApiKey::Produce, 9, number, &produce));
        }
        let metadata: MetadataResponse =
            sample.ask(ApiKey::Metadata, 12, &MetadataRequest::default().with_topics(None));
        sample.topic_id = metadata.topics.first().map(|topic| topic.topic_id).unwrap_or_default();
        sample
    }

    fn set_up(&mut self, frame: Option<bytes::Bytes>) {
        let frame = frame.expect("it can be encoded");
        put_frame(&mut self.setup, &frame);
        self.setup.push(COMPLETE);
        self.world.request(ConnectionId(0), frame);
        self.world.settle();
        self.world.answers.clear();
    }

    fn ask<Q, R>(&mut self, api: ApiKey, version: i16, request: &Q) -> R
    where
        Q: kafka_protocol::protocol::Encodable,
        R: kafka_protocol::protocol::Decodable,
    {
        let frame = requests::frame(api, version, 1, request).expect("it can be encoded");
        self.world.request(ConnectionId(0), frame);
        self.world.settle();
        let (_, frame) = self.world.answers.pop_front().expect("it is answered");
        requests::answer(api, version, frame)
    }

    /// Of every request that the broker says it answers, a frame in each version.
    fn frames(&mut self) -> Vec<(ApiKey, Vec<(i16, bytes::Bytes)>)> {
        let known: ApiVersionsResponse = self.ask(ApiKey::ApiVersions, 3, &ApiVersionsRequest::default());
        let topic = Topic { name: TOPIC, id: self.topic_id };
        let mut frames = Vec::new();
        for known in known.api_keys {
            let Ok(api) = ApiKey::try_from(known.api_key) else { continue };
            let of_version = |version| Some((version, requests::sample(api, version, topic)?));
            let of_api: Vec<_> = (known.min_version..=known.max_version).filter_map(of_version).collect();
            if !of_api.is_empty() {
                frames.push((api, of_api));
            }
        }
        frames
    }

    fn after_setup(&self, actions: &[u8]) -> Vec<u8> {
        [&self.setup[..], actions].concat()
    }

    fn image(&self) -> Vec<u8> {
        let partition = |partition| LogId { topic_id: self.topic_id, partition };
        image(self.world.storage.disk(), &[LogId::CLUSTER_METADATA, partition(0), partition(1)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_that_is_answered_has_a_sample_in_every_version() {
        let mut sample = SampleWorld::new();
        let known: ApiVersionsResponse = sample.ask(ApiKey::ApiVersions, 3, &ApiVersionsRequest::default());
        let topic = Topic { name: TOPIC, id: sample.topic_id };
        for known in known.api_keys {
            let api = ApiKey::try_from(known.api_key).expect("one that there is");
            // Produce is said to be answered from version 0 (KAFKA-18659), and is from 3.
            let min = if api == ApiKey::Produce { 3 } else { known.min_version };
            for version in min..=known.max_version {
                assert!(requests::sample(api, version, topic).is_some(), "{api:?} {version}");
            }
        }
    }
}
