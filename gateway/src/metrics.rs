//! What a broker counts, in Prometheus' text format (version 0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use headwater_engine::{Broker, NodeId};
use kafka_protocol::messages::ApiKey;

/// The upper bounds of the latency histogram, in microseconds.
const BOUNDS_US: [u64; 14] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 1_000_000, 10_000_000];

/// Why a connection was not taken or did not last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum ClosedFor {
    /// `max.connections`.
    TooMany,
    /// A frame with an impossible length.
    BadLength,
    /// The broker refused what came.
    Refused,
    /// `connections.max.idle.ms`.
    Idle,
    /// `headwater.connection.stall.ms`.
    Stalled,
    /// `headwater.connections.max.bytes`.
    Memory,
}

impl ClosedFor {
    fn label(self) -> &'static str {
        match self {
            ClosedFor::TooMany => "too_many",
            ClosedFor::BadLength => "bad_length",
            ClosedFor::Refused => "refused",
            ClosedFor::Idle => "idle",
            ClosedFor::Stalled => "stalled",
            ClosedFor::Memory => "memory",
        }
    }
}

#[derive(Debug, Default)]
struct ApiCounts {
    /// How many were answered within the bound of the same place and above the one before; the last is for all slower.
    buckets: [u64; BOUNDS_US.len() + 1],
    sum: Duration,
    count: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Metrics {
    apis: BTreeMap<i16, ApiCounts>,
    pub(crate) received_bytes: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) accepted: u64,
    closed: BTreeMap<ClosedFor, u64>,
}

impl Metrics {
    /// A request was answered, or done where it wants no answer.
    pub(crate) fn answered(&mut self, api: i16, after: Duration) {
        let counts = self.apis.entry(api).or_default();
        let bucket = BOUNDS_US.partition_point(|bound| u128::from(*bound) < after.as_micros());
        counts.buckets[bucket] += 1;
        counts.sum += after;
        counts.count += 1;
    }

    pub(crate) fn closed(&mut self, why: ClosedFor) {
        *self.closed.entry(why).or_default() += 1;
    }

    /// What one broker has to say, as lines by the name of their metric: those of several brokers are joined by it, as the
    /// format wants all lines of a metric together.
    pub(crate) fn report(&self, node_id: NodeId, broker: &Broker, now: Gauges, report: &mut Report) {
        let node = format!("broker=\"{node_id}\"");
        report.line("headwater_connections", &node, now.connections);
        report.line("headwater_connections_bytes", &node, now.held_bytes);
        report.line("headwater_connections_accepted_total", &node, self.accepted);
        report.line("headwater_received_bytes_total", &node, self.received_bytes);
        report.line("headwater_sent_bytes_total", &node, self.sent_bytes);
        for (why, count) in &self.closed {
            let labels = format!("{node},reason=\"{}\"", why.label());
            report.line("headwater_connections_closed_total", &labels, count);
        }
        for (api, counts) in &self.apis {
            let labels = format!("{node},api=\"{}\"", api_name(*api));
            report.line("headwater_requests_total", &labels, counts.count);
            counts.report(&labels, report);
        }
        for tally in broker.errors() {
            let labels = format!("{node},error=\"{}\"", escaped(&tally.error));
            report.line("headwater_errors_total", &labels, tally.count);
        }
        for topic in broker.topics() {
            for partition in &topic.partitions {
                let labels =
                    format!("{node},topic=\"{}\",partition=\"{}\"", escaped(topic.name), partition.partition);
                report.line("headwater_log_size_bytes", &labels, partition.size_bytes);
                report.line("headwater_log_start_offset", &labels, partition.log_start_offset);
                report.line("headwater_log_end_offset", &labels, partition.high_watermark);
                report.line("headwater_log_segments", &labels, partition.segments);
            }
        }
    }
}

impl ApiCounts {
    fn report(&self, labels: &str, report: &mut Report) {
        let name = "headwater_request_duration_seconds";
        let mut within = 0;
        for (bound, count) in BOUNDS_US.iter().zip(&self.buckets) {
            within += count;
            let seconds = Duration::from_micros(*bound).as_secs_f64();
            report.sample(name, "_bucket", &format!("{labels},le=\"{seconds}\""), within);
        }
        report.sample(name, "_bucket", &format!("{labels},le=\"+Inf\""), self.count);
        report.sample(name, "_sum", labels, self.sum.as_secs_f64());
        report.sample(name, "_count", labels, self.count);
    }
}

/// What is so at the moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gauges {
    pub(crate) connections: usize,
    pub(crate) held_bytes: usize,
}

/// Lines by the metric they belong to.
#[derive(Debug, Default)]
pub(crate) struct Report(BTreeMap<&'static str, String>);

impl Report {
    fn line(&mut self, name: &'static str, labels: &str, value: impl std::fmt::Display) {
        self.sample(name, "", labels, value);
    }

    fn sample(&mut self, name: &'static str, suffix: &str, labels: &str, value: impl std::fmt::Display) {
        let lines = self.0.entry(name).or_default();
        // Writing to a string does not fail.
        let _ = writeln!(lines, "{name}{suffix}{{{labels}}} {value}");
    }

    /// Takes in what another broker said.
    pub(crate) fn join(&mut self, other: Report) {
        for (name, lines) in other.0 {
            self.0.entry(name).or_default().push_str(&lines);
        }
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (name, lines) in &self.0 {
            let kind = match name {
                name if name.ends_with("_total") => "counter",
                name if name.ends_with("_seconds") => "histogram",
                _ => "gauge",
            };
            let _ = write!(text, "# TYPE {name} {kind}\n{lines}");
        }
        text
    }
}

pub(crate) fn api_name(api: i16) -> String {
    match ApiKey::try_from(api) {
        Ok(known) => format!("{known:?}"),
        // One name for all, so that nobody can fill the memory with numbers of their own.
        Err(()) => "unknown".to_owned(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_all_that_was_within_each_bound() {
        let mut metrics = Metrics::default();
        for micros in [10, 50, 51, 3_000, 20_000_000] {
            metrics.answered(0, Duration::from_micros(micros));
        }
        let mut report = Report::default();
        metrics.apis[&0].report("api=\"Produce\"", &mut report);
        let text = report.text();
        assert!(text.starts_with("# TYPE headwater_request_duration_seconds histogram\n"), "{text}");
        for line in [
            "le=\"0.00005\"} 2",
            "le=\"0.0001\"} 3",
            "le=\"0.005\"} 4",
            "le=\"+Inf\"} 5",
            "_count{api=\"Produce\"} 5",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn brokers_share_the_head_of_a_metric() {
        let (mut one, mut two) = (Report::default(), Report::default());
        one.line("headwater_connections", "broker=\"0\"", 1);
        two.line("headwater_connections", "broker=\"1\"", 2);
        one.join(two);
        let expected = "# TYPE headwater_connections gauge\nheadwater_connections{broker=\"0\"} 1\nheadwater_connections{broker=\"1\"} 2\n";
        assert_eq!(one.text(), expected);
        assert_eq!((api_name(0), api_name(-5)), ("Produce".to_owned(), "unknown".to_owned()));
    }
}
