//! Every word that a person sees.
//!
//! The words are not in the code: `web/strings/` has a table for each language, `boot.js` loads the one that is wanted
//! beside the code, and this finds them by their place in it. A string without anything to fill in is a function of its
//! key's name; one with places (`{name}`) is filled by a function here. English is what stands where a table has less.

use std::cell::RefCell;

use headwater_worker_protocol::ErrorReport;

use crate::state::Missing;

mod table {
    include!(concat!(env!("OUT_DIR"), "/table.rs"));
}
pub(crate) use table::*;

thread_local! {
    /// By place. The strings are never given back: there is a handful of languages, and each is loaded once.
    static WORDS: RefCell<Vec<&'static str>> = RefCell::new(first_words());
}

/// Uses other words from now on; what is on the page already has to be shown anew. False, and nothing is changed, when
/// the table has another number of strings: it is of another version.
pub(crate) fn set_words(words: impl Iterator<Item = String>) -> bool {
    let words: Vec<&'static str> = words.map(|text| &*text.leak()).collect();
    let fits = words.len() == table::COUNT;
    if fits {
        WORDS.set(words);
    }
    fits
}

fn text(index: usize) -> &'static str {
    WORDS.with_borrow(|words| words.get(index).copied().unwrap_or_default())
}

#[cfg(not(test))]
fn first_words() -> Vec<&'static str> {
    Vec::new()
}

#[cfg(test)]
fn first_words() -> Vec<&'static str> {
    tests::words(tests::ENGLISH)
}

/// The string with its places filled in.
fn fill(index: usize, places: &[(&str, &str)]) -> String {
    let mut rest = text(index);
    let mut filled = String::with_capacity(rest.len() + 16 * places.len());
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        filled.push_str(before);
        filled.push_str(places.iter().find(|(place, _)| *place == name).map_or("", |(_, value)| value));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// The same with a number in its only place.
fn fill_number(index: usize, name: &str, number: impl Into<i64>) -> String {
    fill(index, &[(name, &number.into().to_string())])
}

pub(crate) fn missing(missing: Missing) -> &'static str {
    match missing {
        Missing::ModuleWorkers => missing_module_workers(),
        Missing::IndexedDb => missing_indexed_db(),
        Missing::WebLocks => missing_web_locks(),
    }
}

pub(crate) fn state_running(took: &str) -> String {
    fill(STATE_RUNNING, &[("took", took)])
}

pub(crate) fn some_running(running: usize, all: usize) -> String {
    fill(SOME_RUNNING, &[("running", &running.to_string()), ("all", &all.to_string())])
}

pub(crate) fn broker_says(node_id: i32, message: &str) -> String {
    fill(BROKER_SAYS, &[("node_id", &node_id.to_string()), ("message", message)])
}

pub(crate) fn broker_stopped(node_id: i32, message: &str) -> String {
    fill(BROKER_STOPPED, &[("node_id", &node_id.to_string()), ("message", message)])
}

pub(crate) fn worker_stopped(host: u32, message: &str) -> String {
    fill(WORKER_STOPPED, &[("host", &host.to_string()), ("message", message)])
}

pub(crate) fn worker_terminated(host: u32) -> String {
    fill_number(WORKER_TERMINATED, "host", host)
}

pub(crate) fn terminate_worker(host: u32) -> String {
    fill_number(TERMINATE_WORKER, "host", host)
}

pub(crate) fn start_worker(host: u32) -> String {
    fill_number(START_WORKER, "host", host)
}

pub(crate) fn logs_found(logs: u32) -> String {
    if logs == 1 { logs_found_one().to_owned() } else { fill_number(LOGS_FOUND, "logs", logs) }
}

pub(crate) fn worker_failed(message: &str) -> String {
    fill(WORKER_FAILED, &[("message", message.trim_end_matches('.'))])
}

pub(crate) fn error(report: &ErrorReport) -> String {
    fill(ERROR, &[("message", &report.message), ("kind", &report.kind)])
}

pub(crate) fn file_chosen(name: &str, size: &str) -> String {
    fill(FILE_CHOSEN, &[("name", name), ("size", size)])
}

pub(crate) fn preview_shown(format: &str, fields: &str) -> String {
    fill(PREVIEW_SHOWN, &[("format", format), ("fields", fields)])
}

pub(crate) fn import_ended(stopped: bool, acknowledged: &str, already_there: &str, broken: &str) -> String {
    let places = [("acknowledged", acknowledged), ("already_there", already_there), ("broken", broken)];
    fill(if stopped { IMPORT_STOPPED } else { IMPORT_DONE }, &places)
}

pub(crate) fn broken_rows_more(shown: usize, all: &str) -> String {
    fill(BROKEN_ROWS_MORE, &[("shown", &shown.to_string()), ("all", all)])
}

pub(crate) fn topic_created(name: &str) -> String {
    fill(TOPIC_CREATED, &[("name", name)])
}

pub(crate) fn topic_deleted(name: &str) -> String {
    fill(TOPIC_DELETED, &[("name", name)])
}

pub(crate) fn partitions_set(name: &str, count: i32) -> String {
    fill(PARTITIONS_SET, &[("name", name), ("count", &count.to_string())])
}

pub(crate) fn delete_topic(name: &str) -> String {
    fill(DELETE_TOPIC, &[("name", name)])
}

pub(crate) fn delete_topic_warning(name: &str) -> String {
    fill(DELETE_TOPIC_WARNING, &[("name", name)])
}

pub(crate) fn group_summary(members: usize, assignor: &str, generation: Option<i32>) -> String {
    let mut summary = match members {
        1 => group_members_one().to_owned(),
        _ => fill(GROUP_MEMBERS, &[("members", &members.to_string())]),
    };
    if !assignor.is_empty() {
        summary.push_str(&fill(GROUP_ASSIGNOR, &[("assignor", assignor)]));
    }
    if let Some(generation) = generation {
        summary.push_str(&fill_number(GROUP_GENERATION, "generation", generation));
    }
    summary
}

pub(crate) fn records_counted(records: &str) -> String {
    if records == "1" {
        records_counted_one().to_owned()
    } else {
        fill(RECORDS_COUNTED, &[("records", records)])
    }
}

pub(crate) fn per_second(rate: &str) -> String {
    fill(PER_SECOND, &[("rate", rate)])
}

pub(crate) fn at_offset(offset: &str) -> String {
    fill(AT_OFFSET, &[("offset", offset)])
}

pub(crate) fn and_more(more: usize) -> String {
    fill(AND_MORE, &[("more", &more.to_string())])
}

pub(crate) fn record_at(partition: i32, offset: &str) -> String {
    fill(RECORD_AT, &[("partition", &partition.to_string()), ("offset", offset)])
}

pub(crate) fn offsets_of(group: &str) -> String {
    fill(OFFSETS_OF, &[("group", group)])
}

pub(crate) fn events_of(group: &str) -> String {
    fill(EVENTS_OF, &[("group", group)])
}

pub(crate) fn caught_up(group: &str) -> String {
    fill(CAUGHT_UP, &[("group", group)])
}

pub(crate) fn offsets_reset(group: &str) -> String {
    fill(OFFSETS_RESET, &[("group", group)])
}

pub(crate) fn group_deleted(group: &str) -> String {
    fill(GROUP_DELETED, &[("group", group)])
}

pub(crate) fn delete_group(name: &str) -> String {
    fill(DELETE_GROUP, &[("name", name)])
}

pub(crate) fn delete_group_warning(name: &str) -> String {
    fill(DELETE_GROUP_WARNING, &[("name", name)])
}

pub(crate) fn partitions_of(name: &str) -> String {
    fill(PARTITIONS_OF, &[("name", name)])
}

pub(crate) fn topic_summary(partitions: usize, records: &str, bytes: &str) -> String {
    let index = if partitions == 1 { TOPIC_SUMMARY_ONE } else { TOPIC_SUMMARY };
    let records = &records_counted(records);
    fill(index, &[("partitions", &partitions.to_string()), ("records", records), ("bytes", bytes)])
}

pub(crate) fn partitions_more(more: usize) -> String {
    fill(PARTITIONS_MORE, &[("more", &more.to_string())])
}

pub(crate) fn storage(usage: &str, quota: Option<&str>, persisted: Option<bool>) -> String {
    let index = if quota.is_some() { STORAGE_OF } else { STORAGE };
    let mut text = fill(index, &[("usage", usage), ("quota", quota.unwrap_or_default())]);
    text.push_str(match persisted {
        Some(true) => storage_persistent(),
        Some(false) => storage_evictable(),
        None => "",
    });
    text
}

pub(crate) fn error_count(count: &str) -> String {
    fill(ERROR_COUNT, &[("count", count)])
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const ENGLISH: &str = include_str!("../strings/en.json");
    const CHINESE: &str = include_str!("../strings/zh.json");

    type Table = serde_json::Map<String, serde_json::Value>;

    fn table(text: &str) -> Table {
        serde_json::from_str(text).expect("an object")
    }

    pub(super) fn words(text: &str) -> Vec<&'static str> {
        table(text).values().map(|word| &*word.as_str().expect("a string").to_owned().leak()).collect()
    }

    /// The places in a string, sorted.
    fn places(text: &serde_json::Value) -> Vec<&str> {
        let text = text.as_str().expect("a string");
        let mut places: Vec<_> = text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
        places.sort_unstable();
        places
    }

    #[test]
    fn every_language_has_the_same_strings_in_the_same_order_with_the_same_places() {
        let (english, chinese) = (table(ENGLISH), table(CHINESE));
        assert_eq!(english.keys().collect::<Vec<_>>(), chinese.keys().collect::<Vec<_>>());
        for (key, text) in &english {
            assert_eq!(places(text), places(&chinese[key]), "{key}");
            assert!(!text.as_str().unwrap_or_default().is_empty() && chinese[key] != "", "{key} is empty");
        }
    }

    #[test]
    fn places_are_filled_by_name() {
        assert_eq!(some_running(1, 2), "1 of 2 running");
        assert_eq!(
            broker_says(3, "{node_id}"),
            "Broker 3: {node_id}",
            "what is filled in is not filled again"
        );
    }

    #[test]
    fn a_table_of_another_version_is_refused() {
        assert!(!set_words(["one"].into_iter().map(str::to_owned)));
        assert_eq!(topic(), "Topic");
    }
}
