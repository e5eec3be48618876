//! Names for topics.

/// The longest name that Kafka takes.
const MAX_LENGTH: usize = 249;
/// Endings of files that say nothing about what is in them.
const ENDINGS: [&str; 7] = [".gz", ".csv", ".tsv", ".ndjson", ".jsonl", ".json", ".txt"];

/// A legal topic name out of a file's name: its endings gone, other characters than `a-zA-Z0-9._-` as one `-`.
///
/// Leading underscores go, because Kafka's own topics begin so.
pub(crate) fn from_file_name(file_name: &str) -> String {
    let mut name = String::new();
    for character in without_endings(file_name).chars() {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' => name.push(character),
            _ if name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    let legal = name.trim_start_matches(['_', '-', '.']).trim_end_matches(['-', '.']);
    let legal = &legal[..legal.len().min(MAX_LENGTH)];
    if legal.is_empty() { "file".to_owned() } else { legal.to_owned() }
}

fn without_endings(mut file_name: &str) -> &str {
    loop {
        let before = file_name;
        for ending in ENDINGS {
            let at = file_name.len().saturating_sub(ending.len());
            if at > 0 && file_name.get(at..).is_some_and(|tail| tail.eq_ignore_ascii_case(ending)) {
                file_name = &file_name[..at];
            }
        }
        if before == file_name {
            return file_name;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_become_legal() {
        assert_eq!(from_file_name("orders.csv"), "orders");
        assert_eq!(from_file_name("Orders 2024 (final).NDJSON.gz"), "Orders-2024-final");
        assert_eq!(from_file_name("__consumer_offsets.csv"), "consumer_offsets");
        assert_eq!(from_file_name("v1.2-data_set.json"), "v1.2-data_set");
        assert_eq!(from_file_name("数据.csv"), "file");
        assert_eq!(from_file_name(".csv"), "csv");
        assert_eq!(from_file_name(".."), "file");
        assert_eq!(from_file_name(""), "file");
        assert_eq!(from_file_name(&"a".repeat(400)).len(), 249);
    }
}
