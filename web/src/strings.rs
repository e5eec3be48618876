//! Every word that a person sees, in English. Another language is another file of this shape.

use headwater_worker_protocol::ErrorReport;

use crate::state::Missing;

pub(crate) const TAGLINE: &str = "A Kafka log engine that runs in this tab";
pub(crate) const SKIP: &str = "Skip to the playground";

pub(crate) const PRODUCE: &str = "Produce";
pub(crate) const PRODUCE_INTRO: &str =
    "Real readings as Kafka record batches, into a log that this tab keeps.";
pub(crate) const SOURCE: &str = "Source";
pub(crate) const SOURCE_VEHICLES: &str = "Connected vehicles (56,899 readings)";
pub(crate) const SOURCE_FILE: &str = "A file of your own";
pub(crate) const SOURCE_SYNTHETIC: &str = "Synthetic load";
pub(crate) const FILE: &str = "CSV or NDJSON file";
pub(crate) const FILE_HINT: &str =
    "Plain or gzip. Or drop it anywhere on this page: it stays on this computer.";
pub(crate) const DROP_HERE: &str = "Drop the file to look at it";
pub(crate) const TOPIC: &str = "Topic";
pub(crate) const PARTITIONS: &str = "Partitions";
pub(crate) const PARTITIONS_HINT: &str = "If the topic has to be made";
pub(crate) const KEY: &str = "Key";
pub(crate) const NO_KEY: &str = "no key";
pub(crate) const RATE_LIMIT: &str = "Rate limit (records/s)";
pub(crate) const RATE_LIMIT_HINT: &str = "Empty: as fast as it goes";
pub(crate) const STRICT: &str = "Wait for strict durability";
pub(crate) const STRICT_HINT: &str = "flush.messages=1, if the topic has to be made";
pub(crate) const SYNTHETIC_RECORDS: &str = "Records";
pub(crate) const SYNTHETIC_VALUE_SIZE: &str = "Bytes a value";
pub(crate) const STOP: &str = "Stop";
pub(crate) const PRODUCE_AGAIN: &str = "Produce all again";
pub(crate) const PREVIEW: &str = "First rows";
pub(crate) const PREVIEW_LOADING: &str = "Looking at the source …";
pub(crate) const BROKEN_ROWS: &str = "Broken rows";
pub(crate) const LINE: &str = "Line";
pub(crate) const REASON: &str = "What is wrong";
pub(crate) const ACKNOWLEDGED: &str = "Acknowledged";
pub(crate) const ALREADY_THERE: &str = "Already there";
pub(crate) const BROKEN: &str = "Broken";
pub(crate) const RATE: &str = "Records/s";
pub(crate) const ELAPSED: &str = "Elapsed";
pub(crate) const PROGRESS: &str = "How much of the source is read";
pub(crate) const ALL_THERE: &str =
    "Every row of this source is in the topic already, so nothing was produced.";

pub(crate) const RESUMING: &str = "Looking for what the topic already has …";
pub(crate) const RUNNING: &str = "Producing …";
pub(crate) const DONE: &str = "Done";
pub(crate) const STOPPED: &str = "Stopped. Produce goes on from here.";
pub(crate) const FAILED: &str = "Failed";

pub(crate) const TOPICS: &str = "Topics";
pub(crate) const NO_TOPICS: &str = "No topics yet. Produce something, or create one below.";
pub(crate) const TOPICS_UNKNOWN: &str = "The broker has not said yet.";
pub(crate) const PARTITION: &str = "Partition";
pub(crate) const RECORDS: &str = "Records";
pub(crate) const BYTES: &str = "Bytes";
pub(crate) const START_OFFSET: &str = "Start";
pub(crate) const END_OFFSET: &str = "End";
pub(crate) const TOTAL: &str = "Total";
pub(crate) const DELETE: &str = "Delete";
pub(crate) const CREATE_TOPIC: &str = "Create a topic";
pub(crate) const CREATE: &str = "Create";
pub(crate) const NAME: &str = "Name";
pub(crate) const ADD_PARTITIONS: &str = "Add partitions";
pub(crate) const NEW_COUNT: &str = "Partitions afterwards";
pub(crate) const DEFAULT: &str = "default";
pub(crate) const SET: &str = "Add";

pub(crate) const GROUPS: &str = "Consumer groups";
pub(crate) const START_CONSUMERS: &str = "Start consumers";
pub(crate) const NO_GROUPS: &str = "No groups yet. Start some consumers: they share the topic's partitions.";
pub(crate) const GROUPS_UNKNOWN: &str = "The coordinators have not said yet.";
pub(crate) const GROUP: &str = "Group";
pub(crate) const CONSUMERS: &str = "Consumers";
pub(crate) const ASSIGNOR: &str = "Assignor";
pub(crate) const CONSUME_FROM: &str = "Start from";
pub(crate) const CONSUME_RATE: &str = "Records/s each";
pub(crate) const NO_LIMIT: &str = "no limit";
pub(crate) const INSTANCE_ID: &str = "Static member id";
pub(crate) const DYNAMIC: &str = "none";
pub(crate) const START: &str = "Start";
pub(crate) const ADD_CONSUMER: &str = "Add a consumer";
pub(crate) const RESET_EARLIEST: &str = "Offsets to the start";
pub(crate) const RESET_LATEST: &str = "Offsets to the end";
pub(crate) const DELETE_GROUP: &str = "Delete";
pub(crate) const GROUP_IN_USE: &str =
    "When its consumers are gone, its offsets can be set and it can be deleted.";
pub(crate) const KILL: &str = "Kill";
pub(crate) const LAG: &str = "records behind";
pub(crate) const LAG_NONE: &str = "behind: all is read";
pub(crate) const LAG_HEAD: &str = "Lag";
pub(crate) const COMMITTED: &str = "Committed";
pub(crate) const MEMBER: &str = "Member";
pub(crate) const LAST_RECORDS: &str = "Last records read";
pub(crate) const STATE_JOINING: &str = "joining";
pub(crate) const STATE_ASSIGNED: &str = "reading";
pub(crate) const STATE_LEAVING: &str = "leaving";
pub(crate) const STATE_LEFT: &str = "left";
pub(crate) const STATE_KILLED_AWAITED: &str = "killed; the group waits until its session is over";
pub(crate) const STATE_KILLED: &str = "killed";
pub(crate) const STATE_ELSEWHERE: &str = "not of this page";

pub(crate) const READ: &str = "Read";
pub(crate) const FROM: &str = "From";
pub(crate) const FROM_START: &str = "the start";
pub(crate) const FROM_OFFSET: &str = "an offset";
pub(crate) const FROM_TIMESTAMP: &str = "a time";
pub(crate) const FROM_LAST: &str = "the last records";
pub(crate) const OFFSET: &str = "Offset";
pub(crate) const TIME: &str = "Time";
pub(crate) const READ_GO: &str = "Read";
pub(crate) const NEXT: &str = "Next";
pub(crate) const PREVIOUS: &str = "Previous";
pub(crate) const TIMESTAMP: &str = "Timestamp";
pub(crate) const VALUE: &str = "Value";
pub(crate) const HEADERS: &str = "Headers";
pub(crate) const NULL: &str = "null";
pub(crate) const HEX: &str = "hex";
pub(crate) const SHOW_LESS: &str = "Less";
pub(crate) const READ_NOTHING_YET: &str = "Choose a partition and where to begin, then Read.";
pub(crate) const READ_NO_TOPICS: &str = "There is no topic to read yet.";
pub(crate) const READ_EMPTY_PARTITION: &str = "This partition has no records.";
pub(crate) const READING: &str = "Reading …";

pub(crate) const SEND: &str = "Send one record";
pub(crate) const SEND_GO: &str = "Send";
pub(crate) const SEND_NO_TOPICS: &str = "Create a topic first.";
pub(crate) const AUTO: &str = "automatic";
pub(crate) const KEY_HINT: &str = "Empty: no key";
pub(crate) const NULL_VALUE: &str = "No value (tombstone)";
pub(crate) const ADD_HEADER: &str = "Add a header";
pub(crate) const HEADER_NAME: &str = "Header name";
pub(crate) const HEADER_VALUE: &str = "Header value";
pub(crate) const REMOVE: &str = "Remove";

pub(crate) const BROKERS: &str = "Brokers";
pub(crate) const BROKER: &str = "Broker";
pub(crate) const WORKERS: &str = "Workers";
pub(crate) const WORKERS_HINT: &str =
    "Each a core's worth of work. Changing it starts all of them anew; what is stored stays.";
pub(crate) const WORKERS_HINT_GUEST: &str = "Started, terminated and cleared in the tab that has them.";
pub(crate) const WORKER: &str = "Worker";
pub(crate) const BROKER_STATE: &str = "State";
pub(crate) const LEADS: &str = "Leads";
pub(crate) const LEADER: &str = "Leader";
pub(crate) const RECOVERY: &str = "Recovery";

pub(crate) const STATUS: &str = "Status";
pub(crate) const REQUESTS: &str = "Requests";
pub(crate) const COMMITS: &str = "Commits";
pub(crate) const CONNECTIONS: &str = "Connections";
pub(crate) const MEMORY: &str = "Worker memory";
pub(crate) const STORAGE: &str = "Storage";
pub(crate) const ERRORS: &str = "Refused or failed requests";
pub(crate) const NO_ERRORS: &str = "None.";
pub(crate) const EVENTS: &str = "Events";
pub(crate) const NO_EVENTS: &str = "Nothing has happened yet.";
pub(crate) const CLEAR_ALL: &str = "Clear everything";

pub(crate) const CANCEL: &str = "Cancel";
pub(crate) const CLEAR_ALL_WARNING: &str =
    "All topics with all their records are deleted from this browser. This cannot be undone.";
pub(crate) const CLEARED: &str = "Everything is deleted.";
pub(crate) const RESTART: &str = "Restart";
pub(crate) const WAITING: &str =
    "Something else has the brokers' storage open. They start when it is let go.";
pub(crate) const GUEST: &str =
    "The brokers run in another tab. This one works through it, and takes over when it is closed.";
pub(crate) const OWNER: &str = "The brokers run in this tab.";
pub(crate) const LOST: &str = "Another tab has taken the brokers over. This one works through it.";
pub(crate) const SILENT: &str = "The tab that has the brokers does not answer; the browser may have put it to sleep. Wake it by going there, or have the brokers here: what was acknowledged is kept, and the other tab can write no more.";
pub(crate) const TAKE_OVER: &str = "Have the brokers here";
pub(crate) const UNSUPPORTED: &str = "This browser lacks something that Headwater needs:";
pub(crate) const WORKER_NOT_LOADED: &str = "The worker's code could not be loaded.";
pub(crate) const MESSAGE_NOT_READ: &str = "A worker of another version answered. Load the page again.";

pub(crate) const STATE_STARTING: &str = "starting";
pub(crate) const STATE_RECOVERING: &str = "recovering";
pub(crate) const STATE_WAITING: &str = "waiting";
pub(crate) const STATE_CLEARING: &str = "clearing";
pub(crate) const STATE_FAILED: &str = "failed";
pub(crate) const STATE_RUNNING: &str = "running";
pub(crate) const STATE_STOPPED: &str = "terminated";
pub(crate) const STATE_GUEST: &str = "runs in another tab";
pub(crate) const STATE_SILENT: &str = "does not answer";
pub(crate) const STATE_UNSUPPORTED: &str = "not possible here";

pub(crate) const NEEDS_TOPIC_NAME: &str = "A topic needs a name.";
pub(crate) const NEEDS_CONSUMERS: &str = "From 1 to 8.";
pub(crate) const NEEDS_COUNT: &str = "A whole number above 0.";
pub(crate) const NEEDS_COUNT_OR_NOTHING: &str = "A whole number above 0, or nothing.";
pub(crate) const NEEDS_VALUE_SIZE: &str = "A whole number from 1 to 1,000,000.";
pub(crate) const NEEDS_OFFSET: &str = "A whole number, 0 or above.";
pub(crate) const NEEDS_TIME: &str = "A date and a time.";

pub(crate) fn missing(missing: Missing) -> &'static str {
    match missing {
        Missing::ModuleWorkers => {
            "Workers whose script is a module. Chrome 80, Firefox 114, Safari 15 and later have them."
        }
        Missing::IndexedDb => "IndexedDB, which keeps the logs. Some private windows turn it off.",
        Missing::WebLocks => {
            "Web Locks. A page has them when it comes over HTTPS or from localhost, in Chrome 69, Firefox 96, Safari 15.4 and later."
        }
    }
}

pub(crate) fn state_running(took: &str) -> String {
    format!("running, up in {took}")
}

pub(crate) fn some_running(running: usize, all: usize) -> String {
    format!("{running} of {all} running")
}

pub(crate) fn broker_says(node_id: i32, message: &str) -> String {
    format!("Broker {node_id}: {message}")
}

pub(crate) fn broker_stopped(node_id: i32, message: &str) -> String {
    format!("Broker {node_id} stopped: {message}")
}

pub(crate) fn worker_stopped(host: u32, message: &str) -> String {
    format!("Worker {host} stopped and is replaced: {message}")
}

pub(crate) fn worker_terminated(host: u32) -> String {
    format!("Worker {host} was terminated, as a crash would end it.")
}

pub(crate) fn terminate_worker(host: u32) -> String {
    format!("Terminate worker {host}")
}

pub(crate) fn start_worker(host: u32) -> String {
    format!("Start worker {host}")
}

pub(crate) fn logs_found(logs: u32) -> String {
    if logs == 1 { "1 log found".to_owned() } else { format!("{logs} logs found") }
}

pub(crate) fn worker_failed(message: &str) -> String {
    format!("A worker stopped: {}. What was acknowledged is kept.", message.trim_end_matches('.'))
}

pub(crate) fn error(report: &ErrorReport) -> String {
    format!("{} ({})", report.message, report.kind)
}

pub(crate) fn file_chosen(name: &str, size: &str) -> String {
    format!("{name}, {size}")
}

pub(crate) fn preview_shown(format: &str, fields: &str) -> String {
    format!("{format} with the fields {fields}")
}

pub(crate) fn import_ended(stopped: bool, acknowledged: &str, already_there: &str, broken: &str) -> String {
    let how = if stopped { "Stopped" } else { "Done" };
    format!(
        "{how}: {acknowledged} records acknowledged, {already_there} already there, {broken} broken rows."
    )
}

pub(crate) fn broken_rows_more(shown: usize, all: &str) -> String {
    format!("The first {shown} of {all}.")
}

pub(crate) fn topic_created(name: &str) -> String {
    format!("Topic {name} is created.")
}

pub(crate) fn topic_deleted(name: &str) -> String {
    format!("Topic {name} is deleted.")
}

pub(crate) fn partitions_set(name: &str, count: i32) -> String {
    format!("Topic {name} has {count} partitions.")
}

pub(crate) fn delete_topic(name: &str) -> String {
    format!("Delete topic {name}")
}

pub(crate) fn delete_topic_warning(name: &str) -> String {
    format!("Topic {name} is deleted with all its records. This cannot be undone.")
}

pub(crate) fn group_summary(members: usize, assignor: &str, generation: Option<i32>) -> String {
    let noun = if members == 1 { "member" } else { "members" };
    let assignor = if assignor.is_empty() { String::new() } else { format!(", {assignor}") };
    let generation = generation.map_or(String::new(), |generation| format!(", generation {generation}"));
    format!("{members} {noun}{assignor}{generation}")
}

pub(crate) fn consumed(records: &str) -> String {
    format!("{records} records")
}

pub(crate) fn per_second(rate: &str) -> String {
    format!("{rate} /s")
}

pub(crate) fn at_offset(offset: &str) -> String {
    format!(" @{offset}")
}

pub(crate) fn and_more(more: usize) -> String {
    format!("and {more} more")
}

pub(crate) fn record_at(partition: i32, offset: &str) -> String {
    format!(", partition {partition}, offset {offset}: ")
}

pub(crate) fn offsets_of(group: &str) -> String {
    format!("Offsets of group {group}")
}

pub(crate) fn events_of(group: &str) -> String {
    format!("What happened in group {group}")
}

pub(crate) fn caught_up(group: &str) -> String {
    format!("Group {group} has read everything.")
}

pub(crate) fn offsets_reset(group: &str) -> String {
    format!("The offsets of group {group} are set.")
}

pub(crate) fn group_deleted(group: &str) -> String {
    format!("Group {group} is deleted.")
}

pub(crate) fn delete_group(name: &str) -> String {
    format!("Delete group {name}")
}

pub(crate) fn delete_group_warning(name: &str) -> String {
    format!("Group {name} is deleted with its committed offsets. The records stay.")
}

pub(crate) fn partitions_of(name: &str) -> String {
    format!("Partitions of topic {name}")
}

pub(crate) fn topic_summary(partitions: usize, records: &str, bytes: &str) -> String {
    let noun = if partitions == 1 { "partition" } else { "partitions" };
    format!("{partitions} {noun}, {records} records, {bytes}")
}

pub(crate) fn partitions_more(more: usize) -> String {
    format!("and {more} partitions more; the total has them all")
}

pub(crate) fn records_read(records: usize) -> String {
    if records == 1 { "1 record.".to_owned() } else { format!("{records} records.") }
}

pub(crate) fn records_shown(
    topic: &str,
    partition: i32,
    range: Option<(&str, &str)>,
    start: &str,
    end: &str,
) -> String {
    let shown = range.map_or(String::new(), |(first, last)| format!("offsets {first} to {last}, "));
    format!("{topic}, partition {partition}: {shown}the log is {start} to {end}")
}

pub(crate) fn delete_records(before: &str) -> String {
    format!("Delete the records before offset {before}")
}

pub(crate) fn delete_records_warning(partition: &str, before: &str) -> String {
    format!("{partition} then begins at offset {before}. This cannot be undone.")
}

pub(crate) fn read_empty(end: &str) -> String {
    format!("No records from there on: the partition ends at offset {end}.")
}

pub(crate) fn show_all(size: &str) -> String {
    format!("All {size}")
}

pub(crate) fn only_first_of(size: &str) -> String {
    format!("The first part of {size}.")
}

pub(crate) fn sent(topic: &str, partition: i32, offset: &str) -> String {
    format!("Acknowledged: {topic}, partition {partition}, offset {offset}.")
}

pub(crate) fn storage(usage: &str, quota: Option<&str>, persisted: Option<bool>) -> String {
    let of = quota.map_or(String::new(), |quota| format!(" of {quota}"));
    let kept = match persisted {
        Some(true) => ", persistent",
        Some(false) => ", the browser may clear it when space runs short",
        None => "",
    };
    format!("{usage}{of}{kept}")
}

pub(crate) fn storage_unknown() -> &'static str {
    "The browser does not say."
}

pub(crate) fn error_count(count: &str) -> String {
    format!("{count} ×")
}
