//! Eight processes, killed in a loop; and a reader that follows them.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::future::try_join_all;
use headwater_cloud_storage::{Journal, Store};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::payload::{WRITERS, config};
use crate::reading::Reading;

const BETWEEN_KILLS: Duration = Duration::from_millis(150);
/// How long it may take until everything acknowledged was read, and for a process to end by itself.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn run(url: &str, seconds: u64) -> Result<()> {
    let journal = Journal::open(Store::open(url, [])?, config()).await?;
    let began = Instant::now();
    let (stop, stopped) = watch::channel(false);
    let (kills, children): (Vec<_>, Vec<_>) = (0..WRITERS)
        .map(|producer| {
            let (kill, killed) = mpsc::channel(1);
            (kill, Writing::new(url, producer, killed, stopped.clone()))
        })
        .unzip();
    let writing = tokio::spawn(try_join_all(children.into_iter().map(Writing::run)));
    let killing = tokio::spawn(kill(kills, Duration::from_secs(seconds), stop));
    let mut live = Reading::begin(&journal)?;
    while !writing.is_finished() {
        live.read_to_tail().await?;
    }
    let acknowledged = writing.await??;
    let kills = killing.await??;
    let took = began.elapsed();
    check_all(&mut live, &acknowledged).await?;
    let mut cold = Reading::begin(&journal)?;
    cold.read_to_tail().await?;
    ensure!(cold.seen == live.seen, "who begins to read now sees something else than who was there");
    let appends: usize = acknowledged.iter().map(Vec::len).sum();
    ensure!(appends >= WRITERS as usize * 4, "only {appends} appends were acknowledged");
    eprintln!(
        "  race: {WRITERS} processes, {kills} kills, {appends} appends acknowledged ({:.0}/s), \
         each read once and in order, live and cold",
        appends as f64 / took.as_secs_f64()
    );
    Ok(())
}

/// One process after the other is killed, whichever it hits; then all are told to stop.
async fn kill(kills: Vec<mpsc::Sender<()>>, time: Duration, stop: watch::Sender<bool>) -> Result<u32> {
    let began = Instant::now();
    let mut killed = 0;
    while began.elapsed() < time {
        sleep(BETWEEN_KILLS).await;
        let victim = usize::try_from(getrandom::u32()?)? % kills.len();
        if kills.get(victim).is_some_and(|kill| kill.try_send(()).is_ok()) {
            killed += 1;
        }
    }
    stop.send(true)?;
    Ok(killed)
}

/// Of each writer: where its appends are.
type Acknowledged = Vec<Vec<i64>>;

async fn check_all(live: &mut Reading, acknowledged: &[Acknowledged]) -> Result<()> {
    let writers = || (0..WRITERS).zip(acknowledged);
    let began = Instant::now();
    loop {
        live.read_to_tail().await?;
        let missing = writers().find(|(producer, all)| live.seen.appends(*producer) < all.len() as u64);
        let Some((producer, all)) = missing else { break };
        let there = live.seen.appends(producer);
        ensure!(began.elapsed() < PATIENCE, "{} appends of {producer} acknowledged, {there} read", all.len());
    }
    for (producer, all) in writers() {
        live.seen.check_whole(producer)?;
        for (n, told) in (0..).zip(all) {
            live.seen.check_acknowledged(producer, n, told)?;
        }
    }
    Ok(())
}

/// A writer, through all its processes.
struct Writing {
    url: String,
    producer: u32,
    killed: mpsc::Receiver<()>,
    stopped: watch::Receiver<bool>,
    acknowledged: Acknowledged,
}

impl Writing {
    fn new(url: &str, producer: u32, killed: mpsc::Receiver<()>, stopped: watch::Receiver<bool>) -> Writing {
        Writing { url: url.to_owned(), producer, killed, stopped, acknowledged: Vec::new() }
    }

    async fn run(mut self) -> Result<Acknowledged> {
        while !*self.stopped.borrow() {
            self.process().await.with_context(|| format!("writer {}", self.producer))?;
        }
        Ok(self.acknowledged)
    }

    async fn process(&mut self) -> Result<()> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["write", &self.url, &self.producer.to_string(), &self.acknowledged.len().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let by_us = self.follow(&mut child, &mut lines).await?;
        let status = timeout(PATIENCE, child.wait()).await.context("it does not end")??;
        ensure!(by_us || status.success(), "it ended by itself: {status}");
        Ok(())
    }

    /// Takes down what is acknowledged until the output ends. Whether the process was killed.
    async fn follow(&mut self, child: &mut Child, lines: &mut Lines<BufReader<ChildStdout>>) -> Result<bool> {
        let mut by_us = false;
        loop {
            tokio::select! {
                line = lines.next_line() => match line? {
                    Some(line) => self.acknowledge(&line)?,
                    None => return Ok(by_us),
                },
                Some(()) = self.killed.recv(), if !by_us => {
                    child.start_kill()?;
                    by_us = true;
                }
                _ = self.stopped.changed(), if child.stdin.is_some() => drop(child.stdin.take()),
            }
        }
    }

    fn acknowledge(&mut self, line: &str) -> Result<()> {
        let numbers: Vec<i64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        match numbers.as_slice() {
            [n, told @ ..] if usize::try_from(*n).is_ok_and(|n| n == self.acknowledged.len()) => {
                self.acknowledged.push(told.to_vec());
                Ok(())
            }
            _ => bail!("it acknowledges {line:?} after {} others", self.acknowledged.len()),
        }
    }
}
