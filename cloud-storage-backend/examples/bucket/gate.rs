//! Whether a store does what is asked of any. Some servers made for tests lose updates, and would prove nothing.

use anyhow::{Result, bail, ensure};
use bytes::Bytes;
use futures_util::future::{join_all, try_join_all};
use headwater_cloud_storage::Store;
use headwater_cloud_storage::protocol::{Outcome, Request};

const ROUNDS: usize = 3;
const RIVALS: usize = 50;
const COUNTING: usize = 20;
const INCREMENTS: usize = 10;

pub(crate) async fn run(url: &str) -> Result<()> {
    let store = Store::open(url, [])?;
    store.probe().await?;
    let prefix = format!("{}gate/", store.prefix());
    for round in 0..ROUNDS {
        one_wins(&store, &format!("{prefix}{round}")).await?;
    }
    all_are_counted(&store, format!("{prefix}counter")).await?;
    lists_ranges_and_deletes(&store, &format!("{prefix}list/")).await?;
    eprintln!(
        "  gate: {ROUNDS} rounds of {RIVALS} creates and {RIVALS} updates with one winner each; \
         {COUNTING} writers counted to {}",
        COUNTING * INCREMENTS
    );
    Ok(())
}

async fn one_wins(store: &Store, key: &str) -> Result<()> {
    let creates = (0..RIVALS).map(|rival| {
        store.execute(Request::Create { key: key.to_owned(), bytes: Bytes::from(rival.to_string()) })
    });
    let winner = winner("creates", &join_all(creates).await)?;
    let (bytes, etag) = found(store, key).await?;
    ensure!(bytes == winner.to_string(), "{key} is not what its creator wrote");
    let updates = (0..RIVALS).map(|rival| {
        let bytes = Bytes::from(format!("update {rival}"));
        store.execute(Request::Update { key: key.to_owned(), bytes, etag: etag.clone() })
    });
    let winner = self::winner("updates", &join_all(updates).await)?;
    ensure!(found(store, key).await?.0 == format!("update {winner}"), "{key} is not what was written last");
    Ok(())
}

fn winner(what: &str, outcomes: &[Outcome]) -> Result<usize> {
    let mut winners = Vec::new();
    for (rival, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Outcome::Stored { .. } => winners.push(rival),
            Outcome::NotMatched => {}
            other => bail!("of {RIVALS} concurrent {what}, one came to {other:?}"),
        }
    }
    match winners.as_slice() {
        [winner] => Ok(*winner),
        _ => bail!("of {RIVALS} concurrent {what}, {} won", winners.len()),
    }
}

async fn all_are_counted(store: &Store, key: String) -> Result<()> {
    store.execute(Request::Create { key: key.clone(), bytes: Bytes::from_static(b"0") }).await;
    try_join_all((0..COUNTING).map(|_| count(store, &key))).await?;
    let (bytes, _) = found(store, &key).await?;
    let expected = (COUNTING * INCREMENTS).to_string();
    ensure!(bytes == expected, "{COUNTING} writers counted to {bytes:?}, not to {expected}");
    Ok(())
}

async fn count(store: &Store, key: &str) -> Result<()> {
    for _ in 0..INCREMENTS {
        loop {
            let (bytes, etag) = found(store, key).await?;
            let count: usize = std::str::from_utf8(&bytes)?.parse()?;
            let bytes = Bytes::from((count + 1).to_string());
            match store.execute(Request::Update { key: key.to_owned(), bytes, etag }).await {
                Outcome::Stored { .. } => break,
                Outcome::NotMatched | Outcome::NotApplied => {}
                other => bail!("an update came to {other:?}"),
            }
        }
    }
    Ok(())
}

async fn found(store: &Store, key: &str) -> Result<(Bytes, String)> {
    match store.execute(Request::Get { key: key.to_owned(), limit: None }).await {
        Outcome::Found { bytes, etag, .. } => Ok((bytes, etag)),
        other => bail!("{key}: {other:?}"),
    }
}

async fn lists_ranges_and_deletes(store: &Store, prefix: &str) -> Result<()> {
    let mut keys: Vec<String> = (0..30).map(|n| format!("{prefix}{n:02}/a+_-Z")).collect();
    let creates = keys.iter().map(|key| {
        store.execute(Request::Create { key: key.clone(), bytes: Bytes::from_static(b"0123456789") })
    });
    join_all(creates).await;
    let key = keys.first().cloned().unwrap_or_default();
    let first = store.execute(Request::Get { key: key.clone(), limit: Some(4) }).await;
    ensure!(matches!(&first, Outcome::Found { bytes, .. } if bytes == "0123"), "the first bytes: {first:?}");
    let list = |after: String| store.execute(Request::List { prefix: prefix.to_owned(), after });
    let listed = |keys: &[String]| Outcome::Listed { keys: keys.to_vec(), more: false };
    ensure!(list(String::new()).await == listed(&keys), "a LIST is not what was written");
    let after = format!("{prefix}10/");
    ensure!(
        list(after).await == listed(keys.split_off(10).as_slice()),
        "a LIST does not begin where it should"
    );
    let Outcome::Listed { keys, .. } = list(String::new()).await else { bail!("it cannot be listed") };
    ensure!(store.execute(Request::Delete { keys }).await == Outcome::Deleted, "objects cannot be deleted");
    ensure!(list(String::new()).await == listed(&[]), "deleted objects are listed");
    let gone = store.execute(Request::Get { key, limit: None }).await;
    ensure!(matches!(gone, Outcome::Missing { .. }), "a deleted object: {gone:?}");
    Ok(())
}
