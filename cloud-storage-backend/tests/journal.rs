//! Journals on stores without a network: what is appended is read, and what cannot be used is refused.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use headwater_cloud_storage::protocol::{
    AppendRefused, Batch, Config, Error, Outcome, PartitionId, ProducerBatch, ReaderEvent, Rejection, Request,
};
use headwater_cloud_storage::{AppendError, Journal, JournalReader, OpenError, Store};
use support::{Folder, Reply};

const SOON: Duration = Duration::from_secs(20);

fn config() -> Config {
    Config { poll_interval_ms: 5, ..Config::default() }
}

fn batch(partition: u32, records: u32, text: &str) -> Batch {
    let partition = PartitionId { journal: 0, number: partition };
    Batch { partition, records, producer: None, bytes: Bytes::copy_from_slice(text.as_bytes()) }
}

async fn read(reader: &mut JournalReader, chunks: usize) -> Vec<(u32, i64, u32, Bytes)> {
    let mut read = Vec::new();
    while read.len() < chunks {
        match reader.next().await {
            ReaderEvent::Chunk(chunk) => {
                read.push((chunk.partition.number, chunk.base_offset, chunk.records, chunk.bytes));
            }
            ReaderEvent::Tail | ReaderEvent::Start { .. } => {}
            ReaderEvent::Failed(error) => panic!("{error}"),
        }
    }
    read
}

#[tokio::test]
async fn what_is_appended_is_read() {
    let folder = Folder::new();
    for store in [Store::open("memory:", []).unwrap(), folder.store()] {
        let journal = Journal::open(store, config()).await.unwrap();
        let mut reader = journal.reader(BTreeMap::new()).unwrap();
        let writers = [journal.writer().unwrap(), journal.writer().unwrap()];
        let placed = writers[0].append(vec![batch(0, 3, "a"), batch(7, 1, "b")], Vec::new(), SOON).await;
        assert_eq!(placed.unwrap().iter().map(|placed| placed.base_offset).collect::<Vec<_>>(), [0, 0]);
        let placed = writers[1].append(vec![batch(0, 2, "c")], Vec::new(), SOON).await.unwrap();
        assert_eq!(placed[0].base_offset, 3);
        let expected = [(0, 0, 3, "a"), (7, 0, 1, "b"), (0, 3, 2, "c")];
        let expected = expected.map(|(p, o, r, text)| (p, o, r, Bytes::from_static(text.as_bytes())));
        assert_eq!(read(&mut reader, 3).await, expected);
        assert_eq!(reader.next().await, ReaderEvent::Tail);

        let reopened = Journal::open(journal.store().clone(), config()).await.unwrap();
        let positions = BTreeMap::from([(PartitionId { journal: 0, number: 0 }, 3)]);
        let mut later = reopened.reader(positions).unwrap();
        assert_eq!(read(&mut later, 2).await, expected[1..]);
        for writer in writers {
            writer.quiet().await.unwrap();
        }
    }
}

#[tokio::test]
async fn appends_of_many_wait_in_turn() {
    let journal = Journal::open(Store::open("memory:", []).unwrap(), config()).await.unwrap();
    let writer = journal.writer().unwrap();
    let appends = (0..40).map(|_| writer.append(vec![batch(0, 1, "x")], Vec::new(), SOON));
    let mut offsets: Vec<i64> = futures_util::future::join_all(appends)
        .await
        .into_iter()
        .map(|placed| placed.unwrap()[0].base_offset)
        .collect();
    offsets.sort_unstable();
    assert_eq!(offsets, (0..40).collect::<Vec<_>>());
    let mut reader = journal.reader(BTreeMap::new()).unwrap();
    assert_eq!(read(&mut reader, 40).await.len(), 40);
}

#[tokio::test]
async fn an_append_that_cannot_be_is_refused() {
    let journal = Journal::open(Store::open("memory:", []).unwrap(), config()).await.unwrap();
    let writer = journal.writer().unwrap();
    let append = |batches| writer.append(batches, Vec::new(), SOON);
    assert_eq!(append(Vec::new()).await, Err(AppendError::Refused(AppendRefused::Malformed)));
    let elsewhere = PartitionId { journal: 9, number: 0 };
    let other = Batch { partition: elsewhere, ..batch(0, 1, "x") };
    let refused = AppendError::Refused(AppendRefused::OtherJournal(elsewhere));
    assert_eq!(append(vec![other]).await, Err(refused));
    let producer = |base_sequence| ProducerBatch { producer_id: 1, epoch: 0, base_sequence };
    let numbered = |sequence| Batch { producer: Some(producer(sequence)), ..batch(0, 1, "x") };
    append(vec![numbered(0)]).await.unwrap();
    let out_of_order = AppendError::Rejected(Rejection::OutOfOrderSequence);
    assert_eq!(append(vec![numbered(2)]).await, Err(out_of_order));
    assert!(append(vec![numbered(0)]).await.unwrap()[0].duplicate);
    assert_eq!(
        writer.append(vec![numbered(1)], Vec::new(), Duration::ZERO).await,
        Err(AppendError::NotAppended)
    );
}

/// Writes over an object, whatever is there.
async fn write_over(store: &Store, key: &str, bytes: Bytes) {
    let created = store.execute(Request::Create { key: key.to_owned(), bytes: bytes.clone() }).await;
    if created == Outcome::NotMatched {
        let get = Request::Get { key: key.to_owned(), limit: None };
        let Outcome::Found { etag, .. } = store.execute(get).await else { panic!() };
        let update = Request::Update { key: key.to_owned(), bytes, etag };
        assert!(matches!(store.execute(update).await, Outcome::Stored { .. }));
    }
}

async fn object(store: &Store, key: &str) -> Bytes {
    match store.execute(Request::Get { key: key.to_owned(), limit: None }).await {
        Outcome::Found { bytes, .. } => bytes,
        other => panic!("{key}: {other:?}"),
    }
}

async fn with_one_append() -> Store {
    let store = Store::open("memory:", []).unwrap();
    let journal = Journal::open(store.clone(), config()).await.unwrap();
    let writer = journal.writer().unwrap();
    writer.append(vec![batch(0, 1, "records")], Vec::new(), SOON).await.unwrap();
    writer.quiet().await.unwrap();
    store
}

const COMMIT: &str = "c/00000000000000000000";

#[tokio::test]
async fn a_damaged_checkpoint_is_not_used_and_not_written_over() {
    let store = with_one_append().await;
    let whole = object(&store, "checkpoint").await;
    let mut changed = whole.to_vec();
    changed[9] ^= 1;
    let mut newer = whole.to_vec();
    newer[3] = 2;
    for bad in [whole.slice(..whole.len() - 3), Bytes::new(), Bytes::from(changed), Bytes::from(newer)] {
        write_over(&store, "checkpoint", bad.clone()).await;
        let error = Journal::open(store.clone(), config()).await.unwrap_err();
        match &error {
            OpenError::Journal(Error::Format { key, version: 2 }) if bad.get(3) == Some(&2) => {
                assert_eq!(key, "checkpoint");
            }
            OpenError::Journal(Error::Damaged { key, .. }) => assert_eq!(key, "checkpoint"),
            other => panic!("{other}"),
        }
        assert!(error.to_string().contains("checkpoint"), "{error}");
        assert_eq!(object(&store, "checkpoint").await, bad);
    }
    store.execute(Request::Delete { keys: vec!["checkpoint".to_owned()] }).await;
    let error = Journal::open(store.clone(), config()).await.unwrap_err();
    assert_eq!(error.to_string(), "checkpoint is damaged: it is gone");
}

#[tokio::test]
async fn a_damaged_commit_ends_appending_and_reading() {
    let store = with_one_append().await;
    let whole = object(&store, COMMIT).await;
    let mut changed = whole.to_vec();
    *changed.last_mut().unwrap() ^= 1;
    for bad in [whole.slice(..whole.len() - 2), whole.slice(..5), Bytes::from(changed)] {
        write_over(&store, COMMIT, bad.clone()).await;
        let journal = Journal::open(store.clone(), config()).await.unwrap();
        let mut reader = journal.reader(BTreeMap::new()).unwrap();
        let Error::Damaged { key, .. } = (match reader.next().await {
            ReaderEvent::Failed(error) => error,
            other => panic!("{other:?}"),
        }) else {
            panic!()
        };
        assert_eq!(key, COMMIT);
        assert_eq!(object(&store, COMMIT).await, bad);
    }
    write_over(&store, COMMIT, Bytes::from_static(b"HWC\x02 of another time")).await;
    let journal = Journal::open(store.clone(), config()).await.unwrap();
    let append = journal.writer().unwrap().append(vec![batch(0, 1, "x")], Vec::new(), SOON).await;
    let other_format = Error::Format { key: COMMIT.to_owned(), version: 2 };
    assert_eq!(append, Err(AppendError::Failed(other_format)));
}

#[tokio::test]
async fn a_store_that_cannot_be_used_says_so() {
    let bad = |status, body| support::s3(move |_| Reply::Answer(status, "", body));
    let open = |store| async { Journal::open(store, config()).await.unwrap_err() };

    let error = open(bad(403, "<Code>InvalidAccessKeyId</Code><Message>Who?</Message>").await).await;
    assert_eq!(
        error.to_string(),
        "s3://bucket/some/prefix does not accept the credentials: InvalidAccessKeyId: Who?"
    );
    let error = open(bad(404, "<Code>NoSuchBucket</Code><Message>None such</Message>").await).await;
    assert!(matches!(error, OpenError::NoSuchBucket { .. }), "{error}");
    let error = open(bad(403, "<Code>AccessDenied</Code><Message>No</Message>").await).await;
    assert!(matches!(error, OpenError::Forbidden { doing: "reading", .. }), "{error}");
    let error = open(bad(301, "").await).await;
    assert!(matches!(error, OpenError::Refused { .. }), "{error}");
    let error = open(bad(503, "<Code>SlowDown</Code><Message>Slow</Message>").await).await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");
    let error = open(support::store_at("http://127.0.0.1:9")).await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");
    let error = open(support::s3(|_| Reply::WithoutDate(404, "", "<Code>NoSuchKey</Code>")).await).await;
    assert!(matches!(error, OpenError::NoDate { .. }), "{error}");
}

#[tokio::test]
async fn a_store_that_cannot_be_written_to_says_so() {
    let store = support::s3(|line| match line.split(' ').next() {
        Some("PUT") => Reply::Answer(403, "", "<Code>AccessDenied</Code><Message>Read only</Message>"),
        Some("GET") if line.contains("list-type") => {
            Reply::Answer(200, "", "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
        }
        Some("GET") => Reply::Answer(404, "", "<Code>NoSuchKey</Code>"),
        _ => Reply::Answer(204, "", ""),
    })
    .await;
    let error = Journal::open(store, config()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "writing objects of s3://bucket/some/prefix is not allowed with these credentials: \
         AccessDenied: Read only"
    );
}

/// A store that takes every PUT, as those do that do not know conditions.
#[tokio::test]
async fn a_store_without_conditional_writes_is_refused() {
    let store = support::s3(|line| match line.split(' ').next() {
        Some("GET") if line.contains("list-type") => {
            Reply::Answer(200, "", "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
        }
        Some("GET") => Reply::Answer(404, "", "<Code>NoSuchKey</Code>"),
        _ => Reply::Answer(200, "ETag: \"e\"\r\n", ""),
    })
    .await;
    let error = Journal::open(store.clone(), config()).await.unwrap_err();
    assert!(matches!(error, OpenError::NotConditional { .. }), "{error}");
    assert!(error.to_string().contains("of several who created an object"), "{error}");
    assert_eq!(store.probe().await.unwrap_err(), error);
}

#[test]
fn what_is_asked_for_wrongly_is_said() {
    let open = |url: &str| Store::open(url, []).unwrap_err().to_string();
    assert!(open("nonsense").contains("not understood"));
    assert!(open("ftp://host/x").contains("ftp: is no store"));
    assert!(open("s3://bucket?colour=red").contains("s3: has no option colour"));
    assert!(open("file:///no/such/place").contains("does not exist"));
    assert!(open("file:///tmp?region=x").contains("no option region"));
}
