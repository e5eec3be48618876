//! Rows into records, as fast as the producer takes them.

use std::rc::Rc;

use headwater_client::{Client, ClientError, ProducerConfig, ProducerId, ProducerRecord, SendError, code};
use headwater_engine::Now;
use headwater_worker_protocol::{ErrorReport, ImportRequest};

use super::hub::Hub;
use super::import::failure;
use super::imports::Import;
use super::pace::Pace;
use super::refusal;
use super::resume::{POSITION_HEADER, Resume, SOURCE_HEADER};
use super::rows::RowReader;
use super::source::Source;
use super::synthetic::Synthetic;
use crate::clock;

/// Rows between two looks at the ports.
const ROWS_A_STEP: u32 = 1_000;
/// How long a topic may be without a leader, or unknown, before the import gives up.
const TOPIC_PATIENCE_MS: f64 = 10_000.0;

/// How an import ends that does not fail.
pub(crate) enum End {
    Done,
    Stopped,
}

/// Why a step ended.
enum Step {
    /// All bytes that came are used up; or all records are made.
    Empty,
    /// There may be more at once.
    More,
    /// The producer takes no more now; the record is held.
    Full,
    /// The rate allows the next in so many milliseconds.
    Early(f64),
}

pub(crate) struct Importer {
    hub: Rc<Hub>,
    import: Rc<Import>,
    topic: String,
    producer: ProducerId,
    /// What is there already, and the value of the source header; none for records that can be told apart by nothing.
    resume: Option<(Resume, String)>,
    pace: Pace,
    /// A row that the producer had no room for.
    held: Option<Held>,
    /// Rows and records since the last update of the snapshot.
    rows: u64,
    already_there: u64,
    position: u64,
    failed: Option<ClientError>,
    topic_missing_since_ms: Option<f64>,
    /// The step of the clock at which it had its turn.
    had_turn: u64,
}

struct Held {
    line: u64,
    position: u64,
    value: Vec<u8>,
    key: Option<Vec<u8>>,
}

impl Importer {
    pub(crate) fn new(
        hub: &Rc<Hub>,
        import: &Rc<Import>,
        request: &ImportRequest,
        config: ProducerConfig,
        resume: Option<(Resume, String)>,
    ) -> Importer {
        Importer {
            producer: hub.with(|client, _| {
                client.add_producer(ProducerConfig { client_id: Some(import.client_id()), ..config })
            }),
            hub: hub.clone(),
            import: import.clone(),
            topic: request.topic.clone(),
            resume,
            pace: Pace::new(request.records_per_s, clock::monotonic_ms()),
            held: None,
            rows: 0,
            already_there: 0,
            position: 0,
            failed: None,
            topic_missing_since_ms: None,
            had_turn: clock::changes(),
        }
    }

    /// Imports the rows of a file. `reader` has its first chunk.
    pub(crate) async fn file(
        mut self,
        mut source: Source,
        mut reader: RowReader,
    ) -> Result<End, ErrorReport> {
        let mut finished = false;
        let end = loop {
            self.wait_for_time().await;
            let hub = self.hub.clone();
            let step = hub.with(|client, now| self.take_rows(client, now, &mut reader));
            let step = match step {
                Ok(step) => step,
                Err(reason) => break Err(refusal("UNREADABLE_FILE", reason)),
            };
            self.update(Some(&source));
            if let Some(end) = self.ended() {
                break end;
            }
            match step {
                Step::Empty if finished => break self.settle().await,
                Step::Empty => match source.next().await {
                    Ok(Some(chunk)) => reader.push(&chunk),
                    Ok(None) => {
                        finished = true;
                        reader.finish();
                    }
                    Err(error) => {
                        // What was read before the damage is sent.
                        break self.settle().await.and(Err(error));
                    }
                },
                other => self.wait(&other).await,
            }
        };
        source.cancel();
        self.finish(end).await
    }

    /// Makes `count` records and sends them.
    pub(crate) async fn synthetic(mut self, count: u64, mut records: Synthetic) -> Result<End, ErrorReport> {
        let end = loop {
            self.wait_for_time().await;
            let hub = self.hub.clone();
            let step = hub.with(|client, now| self.make_records(client, now, count, &mut records));
            self.update(None);
            if let Some(end) = self.ended() {
                break end;
            }
            match step {
                Step::Empty => break self.settle().await,
                other => self.wait(&other).await,
            }
        };
        self.finish(end).await
    }

    fn take_rows(&mut self, client: &mut Client, now: Now, reader: &mut RowReader) -> Result<Step, String> {
        if let Some(left_ms) = self.early() {
            return Ok(Step::Early(left_ms));
        }
        if let Some(held) = self.held.take()
            && !self.offer(client, now, held.line, held.position, &held.value, held.key.as_deref())
        {
            self.held = Some(held);
            return Ok(Step::Full);
        }
        for _ in 0..ROWS_A_STEP {
            let Some(row) = reader.next_row()? else { return Ok(Step::Empty) };
            self.rows += 1;
            self.position += 1;
            let content = match row.content {
                Ok(content) => content,
                Err(reason) => {
                    self.import.broken_row(row.line, reason);
                    continue;
                }
            };
            let (position, key) = (self.position, content.key);
            if let Some((resume, _)) = &self.resume
                && resume.has(resume.partition(position, key), position)
            {
                self.already_there += 1;
                continue;
            }
            if !self.offer(client, now, row.line, position, content.value, key) {
                let (value, key) = (content.value.to_vec(), key.map(<[u8]>::to_vec));
                self.held = Some(Held { line: row.line, position, value, key });
                return Ok(Step::Full);
            }
            if let Some(ahead_ms) = self.pace.sent(clock::monotonic_ms) {
                return Ok(Step::Early(ahead_ms));
            }
        }
        Ok(Step::More)
    }

    /// How long its rate, which may have changed, has it wait.
    fn early(&mut self) -> Option<f64> {
        self.pace.set(self.import.records_per_s(), clock::monotonic_ms);
        self.pace.early(clock::monotonic_ms)
    }

    fn make_records(&mut self, client: &mut Client, now: Now, count: u64, records: &mut Synthetic) -> Step {
        if let Some(left_ms) = self.early() {
            return Step::Early(left_ms);
        }
        for _ in 0..ROWS_A_STEP {
            if self.position == count {
                return Step::Empty;
            }
            if !self.offer(
                client,
                now,
                self.position + 1,
                self.position + 1,
                records.value(self.position),
                None,
            ) {
                return Step::Full;
            }
            self.position += 1;
            self.rows += 1;
            if let Some(ahead_ms) = self.pace.sent(clock::monotonic_ms) {
                return Step::Early(ahead_ms);
            }
        }
        Step::More
    }

    /// Gives a row to the producer. False: it has no room for it now.
    fn offer(
        &mut self,
        client: &mut Client,
        now: Now,
        line: u64,
        position: u64,
        value: &[u8],
        key: Option<&[u8]>,
    ) -> bool {
        let mut digits = [0; 20];
        let topic = self.topic.as_str();
        let record = ProducerRecord { topic, key, value: Some(value), ..ProducerRecord::default() };
        let sent = match &self.resume {
            None => client.send(now, self.producer, &record),
            Some((resume, source)) => {
                let headers = [
                    (SOURCE_HEADER, Some(source.as_bytes())),
                    (POSITION_HEADER, Some(decimal(position, &mut digits))),
                ];
                let partition = Some(resume.partition(position, key));
                client.send(now, self.producer, &ProducerRecord { partition, headers: &headers, ..record })
            }
        };
        match sent {
            Ok(_) => {
                self.topic_missing_since_ms = None;
                true
            }
            Err(SendError::Failed(error)) if error.code == Some(code::MESSAGE_TOO_LARGE) => {
                self.import.broken_row(line, error.message);
                true
            }
            Err(SendError::Failed(error)) => {
                let now_ms = clock::monotonic_ms();
                let since_ms = *self.topic_missing_since_ms.get_or_insert(now_ms);
                if !error.retriable || now_ms - since_ms > TOPIC_PATIENCE_MS {
                    self.failed.get_or_insert(error);
                }
                false
            }
            Err(_) => false,
        }
    }

    /// While time stands still it has one turn for each step.
    async fn wait_for_time(&mut self) {
        while clock::waits_for_a_step(&mut self.had_turn).await && !self.import.is_stopped() {}
    }

    /// Waits for what a step ended with.
    async fn wait(&mut self, step: &Step) {
        match step {
            Step::Early(ahead_ms) => {
                clock::sleep(*ahead_ms).await;
            }
            Step::Full => self.hub.changed().await,
            Step::More | Step::Empty => {}
        }
    }

    /// Takes the deliveries, and brings the snapshot up to date.
    fn update(&mut self, source: Option<&Source>) {
        let mut acknowledged = 0;
        let (producer, failed) = (self.producer, &mut self.failed);
        self.hub.with(|client, _| {
            while let Some(delivery) = client.poll_delivery(producer) {
                match delivery.result {
                    Ok(_) => acknowledged += delivery.sequences.end - delivery.sequences.start,
                    Err(error) => drop(failed.get_or_insert(error)),
                }
            }
        });
        let (rows, already_there) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.already_there));
        if rows == 0 && acknowledged == 0 {
            return;
        }
        self.import.update(|snapshot| {
            snapshot.rows_read += rows;
            snapshot.already_there += already_there;
            snapshot.acknowledged += acknowledged;
            if let Some(source) = source {
                snapshot.bytes_read = source.bytes_read();
            }
        });
    }

    fn ended(&mut self) -> Option<Result<End, ErrorReport>> {
        match self.failed.take() {
            Some(error) => Some(Err(failure(error))),
            None => self.import.is_stopped().then_some(Ok(End::Stopped)),
        }
    }

    /// Waits until everything that was given to the producer is acknowledged.
    async fn settle(&mut self) -> Result<End, ErrorReport> {
        self.hub.with(|client, _| client.flush(self.producer));
        loop {
            self.update(None);
            if let Some(end) = self.ended() {
                return end;
            }
            if self.hub.with(|client, _| client.is_flushed(self.producer)) {
                return Ok(End::Done);
            }
            self.hub.changed().await;
        }
    }

    /// Gives up what is not on its way, and waits for what is: it counts.
    async fn finish(mut self, end: Result<End, ErrorReport>) -> Result<End, ErrorReport> {
        // Again and again: what was on its way and is refused would be tried again otherwise.
        while !self.hub.with(|client, _| {
            client.abort(self.producer);
            client.is_flushed(self.producer)
        }) {
            self.hub.changed().await;
        }
        self.update(None);
        self.hub.with(|client, _| client.remove_producer(self.producer));
        end
    }
}

/// A number's decimal digits.
fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[start..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn numbers_are_written_in_decimal() {
        for number in [0, 7, 10, 12_345, u64::MAX] {
            assert_eq!(decimal(number, &mut [0; 20]), number.to_string().as_bytes());
        }
    }
}
