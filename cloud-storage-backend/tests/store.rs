//! Single requests: on stores without a network, and how answers over one are understood.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use headwater_cloud_storage::Store;
use headwater_cloud_storage::protocol::{Outcome, Request, StoreTime};
use support::{Folder, Reply};

fn get(key: &str) -> Request {
    Request::Get { key: key.to_owned(), limit: None }
}

fn create(key: &str, bytes: &'static str) -> Request {
    Request::Create { key: key.to_owned(), bytes: Bytes::from_static(bytes.as_bytes()) }
}

fn update(key: &str, bytes: String, etag: &str) -> Request {
    Request::Update { key: key.to_owned(), bytes: bytes.into(), etag: etag.to_owned() }
}

async fn found(store: &Store, request: Request) -> (Bytes, String) {
    match store.execute(request).await {
        Outcome::Found { bytes, etag, last_modified, date } => {
            assert!(last_modified <= StoreTime(date.0 + 1_000));
            (bytes, etag)
        }
        other => panic!("{other:?}"),
    }
}

async fn conditions_hold(store: Store) {
    assert!(matches!(store.execute(get("p/a")).await, Outcome::Missing { .. }));
    assert!(matches!(store.execute(create("p/a", "first")).await, Outcome::Stored { .. }));
    assert_eq!(store.execute(create("p/a", "second")).await, Outcome::NotMatched);
    let (bytes, etag) = found(&store, get("p/a")).await;
    assert_eq!(bytes, "first");

    let updates = (0..20).map(|n| store.execute(update("p/a", format!("update {n}"), &etag)));
    let outcomes = join_all(updates).await;
    let winners: Vec<_> =
        outcomes.iter().enumerate().filter(|(_, o)| matches!(o, Outcome::Stored { .. })).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    assert!(outcomes.iter().all(|o| matches!(o, Outcome::Stored { .. } | Outcome::NotMatched)));
    let (bytes, newer) = found(&store, get("p/a")).await;
    assert_eq!(bytes, format!("update {}", winners[0].0));
    assert_ne!(etag, newer);
    assert_eq!(store.execute(update("p/none", "x".to_owned(), &etag)).await, Outcome::NotMatched);

    let creates = (0..20).map(|_| store.execute(create("p/b", "b")));
    let outcomes = join_all(creates).await;
    assert_eq!(outcomes.iter().filter(|o| matches!(o, Outcome::Stored { .. })).count(), 1, "{outcomes:?}");
}

async fn a_counter_counts(store: Store) {
    store.execute(create("counter", "0")).await;
    let count = |store: Store| async move {
        for _ in 0..5 {
            loop {
                let (bytes, etag) = found(&store, get("counter")).await;
                let count: u32 = std::str::from_utf8(&bytes).unwrap().parse().unwrap();
                let next = update("counter", (count + 1).to_string(), &etag);
                if let Outcome::Stored { .. } = store.execute(next).await {
                    break;
                }
            }
        }
    };
    join_all((0..4).map(|_| count(store.clone()))).await;
    assert_eq!(found(&store, get("counter")).await.0, "20");
}

async fn ranges_lists_and_deletes(store: Store) {
    for key in ["p/a", "p/b/x", "p/b/y", "p/c", "q/a"] {
        assert!(matches!(store.execute(create(key, "12345")).await, Outcome::Stored { .. }));
    }
    store.execute(create("p/empty", "")).await;
    let limited = |key: &str, limit| Request::Get { key: key.to_owned(), limit: Some(limit) };
    assert_eq!(found(&store, limited("p/a", 2)).await.0, "12");
    assert_eq!(found(&store, limited("p/a", 200)).await.0, "12345");
    assert_eq!(found(&store, limited("p/empty", 1)).await.0, "");
    assert!(matches!(store.execute(limited("p/none", 1)).await, Outcome::Missing { .. }));

    let list =
        |prefix: &str, after: &str| Request::List { prefix: prefix.to_owned(), after: after.to_owned() };
    let listed = |keys: &[&str]| Outcome::Listed {
        keys: keys.iter().map(|&key| key.to_owned()).collect(),
        more: false,
    };
    assert_eq!(store.execute(list("p/", "")).await, listed(&["p/a", "p/b/x", "p/b/y", "p/c", "p/empty"]));
    assert_eq!(store.execute(list("p/", "p/b/")).await, listed(&["p/b/x", "p/b/y", "p/c", "p/empty"]));
    assert_eq!(store.execute(list("p/b/", "p/b/x")).await, listed(&["p/b/y"]));
    assert_eq!(store.execute(list("none/", "")).await, listed(&[]));

    let keys = ["p/a", "p/b/x", "p/none", "p/b/y"].map(str::to_owned).to_vec();
    assert_eq!(store.execute(Request::Delete { keys }).await, Outcome::Deleted);
    assert_eq!(store.execute(list("p/", "")).await, listed(&["p/c", "p/empty"]));
}

#[tokio::test]
async fn memory() {
    let open = || Store::open("memory:", []).unwrap();
    conditions_hold(open()).await;
    a_counter_counts(open()).await;
    ranges_lists_and_deletes(open()).await;
    open().probe().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_directory() {
    for test in 0..4 {
        let folder = Folder::new();
        let store = folder.store();
        match test {
            0 => conditions_hold(store).await,
            1 => a_counter_counts(store).await,
            2 => ranges_lists_and_deletes(store).await,
            _ => {
                store.probe().await.unwrap();
                let listed = store.execute(Request::List { prefix: String::new(), after: String::new() });
                assert_eq!(listed.await, Outcome::Listed { keys: Vec::new(), more: false });
            }
        }
    }
}

#[tokio::test]
async fn pages_have_a_thousand_keys() {
    let store = Store::open("memory:", []).unwrap();
    for n in 0..1_500 {
        let key = format!("k/{n:05}");
        store.execute(Request::Create { key, bytes: Bytes::from_static(b"x") }).await;
    }
    let list = |after: &str| Request::List { prefix: "k/".to_owned(), after: after.to_owned() };
    let Outcome::Listed { keys, more } = store.execute(list("")).await else { panic!() };
    assert_eq!((keys.len(), more, keys[999].as_str()), (1_000, true, "k/00999"));
    let Outcome::Listed { keys, more } = store.execute(list(&keys[999])).await else { panic!() };
    assert_eq!((keys.len(), more, keys[499].as_str()), (500, false, "k/01499"));
}

const OBJECT: &str = "ETag: \"e\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:36 GMT\r\n";

#[tokio::test]
async fn the_time_of_an_answer_is_the_stores() {
    let store = support::s3(|line| match line.split(' ').next() {
        Some("GET") if line.contains("missing") => Reply::Answer(404, "", "<Code>NoSuchKey</Code>"),
        Some("GET") => Reply::Answer(200, OBJECT, "bytes"),
        _ => Reply::Answer(200, "ETag: \"e\"\r\n", ""),
    })
    .await;
    let date = StoreTime(784_111_777_000);
    let last_modified = StoreTime(784_111_776_000);
    let expected =
        Outcome::Found { bytes: Bytes::from_static(b"bytes"), etag: "\"e\"".to_owned(), last_modified, date };
    assert_eq!(store.execute(get("a")).await, expected);
    assert_eq!(store.execute(get("missing")).await, Outcome::Missing { date });
    assert_eq!(store.execute(create("a", "x")).await, Outcome::Stored { date });
    assert_eq!(store.execute(update("a", "x".to_owned(), "\"e\"")).await, Outcome::Stored { date });
}

#[tokio::test]
async fn answers_without_a_time_are_not_believed() {
    let store = support::s3(|line| match line.split(' ').next() {
        Some("GET") => Reply::WithoutDate(200, OBJECT, "bytes"),
        _ => Reply::WithoutDate(200, "ETag: \"e\"\r\n", ""),
    })
    .await;
    assert!(matches!(store.execute(get("a")).await, Outcome::Refused(said) if said.contains("Date")));
    assert_eq!(store.execute(create("a", "x")).await, Outcome::Unknown);
}

#[tokio::test]
async fn what_failed_is_told_apart() {
    let requests = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = requests.clone();
    let store = support::s3(move |line| {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let status = line.split("status-").nth(1).and_then(|rest| rest.get(..3)?.parse().ok());
        match status {
            Some(403) => Reply::Answer(403, "", "<Code>AccessDenied</Code><Message>Not you</Message>"),
            Some(status) => Reply::Answer(status, "", ""),
            None if line.contains("silence") => Reply::Silence,
            None => Reply::HangUp,
        }
    })
    .await
    .with_request_timeout(Duration::from_millis(300));
    let refused = Outcome::Refused("AccessDenied: Not you".to_owned());
    let expected = [
        ("status-412", Outcome::NotMatched),
        ("status-409", Outcome::NotMatched),
        ("status-503", Outcome::NotApplied),
        ("status-429", Outcome::NotApplied),
        ("status-500", Outcome::Unknown),
        ("status-403", refused),
        ("silence", Outcome::Unknown),
    ];
    let count = expected.len();
    for (key, outcome) in expected {
        assert_eq!(store.execute(create(key, "x")).await, outcome, "{key}");
    }
    assert_eq!(requests.load(std::sync::atomic::Ordering::Relaxed) as usize, count, "nothing is tried twice");
    assert_eq!(store.execute(create("hang-up", "x")).await, Outcome::Unknown);
    assert_eq!(
        store.execute(update("status-404", "x".to_owned(), "\"e\"")).await,
        Outcome::NotMatched,
        "S3 says so of an object that is not there"
    );
    let nobody = support::store_at("http://127.0.0.1:9");
    assert_eq!(nobody.execute(create("a", "x")).await, Outcome::NotApplied);
}
