//! `leader-epoch-checkpoint`: from which offset on which leader epoch, as Kafka writes it (KIP-101). It says nothing that the
//! batches do not say, so it may be lost.

use std::fmt::Write;
use std::path::Path;

use headwater_engine::Offset;
use headwater_engine::record::RecordBatch;

use crate::files::Files;
use crate::names;

#[derive(Debug, Default)]
pub(crate) struct LeaderEpochs {
    /// Rising epochs and the offsets at which they begin.
    epochs: Vec<(i32, Offset)>,
}

/// Epochs that are remembered; a file with more is cut off at its front.
const MAX_EPOCHS: usize = 10_000;

impl LeaderEpochs {
    /// Those of a folder; none where the file is missing or makes no sense.
    pub(crate) fn open(files: &dyn Files, folder: &Path) -> LeaderEpochs {
        let content = files.read(&folder.join(names::LEADER_EPOCHS)).unwrap_or_default();
        String::from_utf8(content).ok().and_then(|text| parse(&text)).unwrap_or_default()
    }

    /// Takes batches in; the file's new content if it changes.
    pub(crate) fn appended(&mut self, batches: &[u8]) -> Option<String> {
        let batch = RecordBatch::parse(batches).ok()?;
        let epoch = batch.partition_leader_epoch();
        if epoch < 0 || self.epochs.last().is_some_and(|(last, _)| *last >= epoch) {
            return None;
        }
        self.epochs.push((epoch, batch.base_offset()));
        if self.epochs.len() > MAX_EPOCHS {
            self.epochs.remove(0);
        }
        Some(self.content())
    }

    /// The log ends at `offset` now; the file's new content if it changes.
    pub(crate) fn truncated(&mut self, offset: Offset) -> Option<String> {
        let before = self.epochs.len();
        self.epochs.retain(|(_, from)| *from < offset);
        (self.epochs.len() < before).then(|| self.content())
    }

    fn content(&self) -> String {
        let mut content = format!("0\n{}\n", self.epochs.len());
        for (epoch, offset) in &self.epochs {
            // Writing to a string does not fail.
            let _written = writeln!(content, "{epoch} {offset}");
        }
        content
    }
}

fn parse(text: &str) -> Option<LeaderEpochs> {
    let mut lines = text.lines();
    let version = lines.next()?;
    let count: usize = lines.next()?.parse().ok()?;
    let mut epochs = Vec::new();
    for line in lines {
        let (epoch, offset) = line.split_once(' ')?;
        epochs.push((epoch.parse().ok()?, offset.parse().ok()?));
    }
    (version == "0" && count == epochs.len() && count <= MAX_EPOCHS).then_some(LeaderEpochs { epochs })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let epochs = parse("0\n2\n0 0\n3 17\n").unwrap();
        assert_eq!(epochs.epochs, [(0, 0), (3, 17)]);
        assert_eq!(epochs.content(), "0\n2\n0 0\n3 17\n");
        for wrong in ["", "1\n0\n", "0\n2\n0 0\n", "0\nx\n", "0\n1\nzero 0\n"] {
            assert!(parse(wrong).is_none(), "{wrong:?}");
        }
    }
}
