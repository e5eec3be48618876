//! The program is killed again and again while clients write to it over TCP. What it acknowledged is there when it is
//! started again over the same directory: where it was said to be, once and in order.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use headwater_engine::random::SplitMix64;
use headwater_engine::record::Batches;
use kafka_protocol::messages::{FetchResponse, ProduceResponse};
use kafka_protocol::protocol::Decodable as _;
use support::{Client, Server, frame, produce};

const ROUNDS: u64 = 6;
const TOPICS: [&str; 3] = ["one", "two", "three"];
/// Requests of a client that are under way.
const IN_FLIGHT: u64 = 16;

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let folder =
        Folder(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("kill-{}", std::process::id())));
    let storage = format!("dir:{}", folder.0.display());
    let start = || Server::one(&["--storage", &storage, "--config", "log.segment.bytes=20000"]);
    let mut acknowledged: [BTreeMap<i64, u64>; 3] = Default::default();
    let mut first = [0; 3];
    let mut random = SplitMix64::new(7);
    for round in 0..ROUNDS {
        let server = start();
        if round == 0 {
            TOPICS.iter().for_each(|topic| server.client().create_topic(topic));
        }
        let writers: Vec<_> = TOPICS
            .iter()
            .zip(first)
            .map(|(topic, first)| {
                let client = server.client();
                std::thread::spawn(move || write_until_it_ends(client, topic, first))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(100 + random.next_u64() % 300));
        // Killed, with no word before.
        drop(server);
        for (known, writer) in acknowledged.iter_mut().zip(writers) {
            for (offset, number) in writer.join().unwrap() {
                assert_eq!(known.insert(offset, number), None, "an offset was given twice");
            }
        }
        let server = start();
        for ((topic, known), first) in TOPICS.iter().zip(&acknowledged).zip(&mut first) {
            let found = read_all(&mut server.client(), topic);
            for (offset, number) in known {
                assert_eq!(found.get(offset), Some(number), "round {round}: {topic} at offset {offset}");
            }
            assert!(found.keys().copied().eq(0..i64::try_from(found.len()).unwrap()), "{topic} has holes");
            let rises = found.values().zip(found.values().skip(1)).all(|(one, next)| one < next);
            assert!(rises, "{topic} has a record twice or out of order");
            *first = found.values().next_back().map_or(0, |last| last + 1);
        }
    }
    let records: usize = acknowledged.iter().map(BTreeMap::len).sum();
    assert!(records > 100, "{records}");
}

/// Writes numbers; which were acknowledged at which offsets, when the server is gone.
fn write_until_it_ends(mut client: Client, topic: &str, first: u64) -> Vec<(i64, u64)> {
    let mut acknowledged = Vec::new();
    let send = |client: &mut Client, number: u64| {
        let value = [&number.to_be_bytes()[..], &[b'v'; 100]].concat();
        client.send_frame(&frame(8, 0, &produce(topic, &value, -1)))
    };
    if !(first..first + IN_FLIGHT).all(|number| send(&mut client, number)) {
        return acknowledged;
    }
    for number in first.. {
        let Ok(mut answer) = client.try_answer() else { return acknowledged };
        let answer = ProduceResponse::decode(&mut answer.split_off(4), 8).unwrap();
        let partition = &answer.responses[0].partition_responses[0];
        assert_eq!(partition.error_code, 0, "{answer:?}");
        acknowledged.push((partition.base_offset, number));
        if !send(&mut client, number + IN_FLIGHT) {
            // There may be answers yet.
            continue;
        }
    }
    acknowledged
}

/// All records of a topic: their offsets and numbers.
fn read_all(client: &mut Client, topic: &str) -> BTreeMap<i64, u64> {
    let mut found = BTreeMap::new();
    loop {
        let next = found.last_key_value().map_or(0, |(offset, _)| offset + 1);
        client.send_fetch(topic, next, 0);
        let answer = FetchResponse::decode(&mut client.answer().split_off(4), 11).unwrap();
        let partition = &answer.responses[0].partitions[0];
        assert_eq!((answer.error_code, partition.error_code), (0, 0));
        if next >= partition.high_watermark {
            return found;
        }
        let bytes = partition.records.clone().unwrap_or_default();
        for batch in Batches::new(&bytes).map_while(Result::ok) {
            batch.verify_crc().unwrap();
            for record in batch.records().unwrap().iter().map(Result::unwrap) {
                let number = record.value.unwrap()[..8].try_into().unwrap();
                found.insert(record.offset, u64::from_be_bytes(number));
            }
        }
    }
}
