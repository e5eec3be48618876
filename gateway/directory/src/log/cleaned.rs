//! The cleaned copy of a segment, which compaction writes, and how it takes the place of what it was made of.
//!
//! The copy is a file of its own, `BASE.log.cleaned`. When it is whole and on the medium, the change is begun
//! ([`Change::Swap`]); from then on it happens, whatever else does.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::sync::atomic::AtomicU64;

use headwater_engine::{Offset, SnapshotKind};

use super::Log;
use crate::error::Failure;
use crate::files::{Files, LogFile};
use crate::names::{self, Change, State};
use crate::shared::{Shared, read};

/// A copy under way.
pub(super) struct Copy {
    segment: Offset,
    size: u64,
    /// None if it was whole already when the folder was opened.
    file: Option<Box<dyn LogFile>>,
}

impl Log {
    /// What is in a folder of copies: one that a swap was begun with is needed, others were given up.
    pub(super) fn take_up_copies(&mut self, files: &dyn Files, copies: &[(Offset, u64)]) -> io::Result<()> {
        for &(segment, size) in copies {
            match self.state.begun {
                Some(Change::Swap { start, .. }) if start == segment => {
                    self.copy = Some(Copy { segment, size, file: None });
                }
                _ => files.remove(&self.path(&names::cleaned(segment)))?,
            }
        }
        Ok(())
    }

    pub(crate) fn append_cleaned(
        &mut self,
        shared: &Shared,
        segment: Offset,
        position: u64,
        batches: &[u8],
    ) -> Result<(), Failure> {
        let refused = |error: io::Error| Failure::refused("writing the copy of a segment", &error);
        if position == 0 {
            if let Some(dropped) = self.copy.take() {
                shared.files.remove(&self.path(&names::cleaned(dropped.segment))).map_err(refused)?;
            }
            if batches.is_empty() {
                return Ok(());
            }
            let path = self.path(&names::cleaned(segment));
            // One that could not be removed must not be written on.
            shared.files.remove(&path).map_err(refused)?;
            let file = shared.files.open(&path, true).map_err(refused)?;
            self.copy = Some(Copy { segment, size: 0, file: Some(file) });
        }
        let copy = self.copy.as_mut().filter(|copy| (copy.segment, copy.size) == (segment, position));
        let Some(Copy { size, file: Some(file), .. }) = copy else {
            return Err(Failure::out_of_sequence("the copy does not end there"));
        };
        if let Err(error) = append_all(&**file, batches) {
            return match file.truncate(position) {
                Ok(()) => Err(refused(error)),
                Err(second) => Err(Failure::unknown("taking back a part of a copy", &second)),
            };
        }
        *size += batches.len() as u64;
        Ok(())
    }

    pub(crate) fn replace_segments(
        &mut self,
        shared: &Shared,
        offsets: &Range<Offset>,
        size: u64,
    ) -> Result<(), Failure> {
        let stays = self.view.last().is_some_and(|(last, _)| last >= offsets.end);
        if !stays || !read(&self.view.segments).contains_key(&offsets.start) {
            return Err(Failure::out_of_sequence("there are no such segments, or the last is among them"));
        }
        let is_whole = |copy: &&Copy| (copy.segment, copy.size) == (offsets.start, size) && size > 0;
        let Some(file) = self.copy.as_ref().filter(is_whole).and_then(|copy| copy.file.as_ref()) else {
            return Err(Failure::out_of_sequence("there is no such copy"));
        };
        // The copy and its name: what is begun happens, and a power cut may keep that it was begun and nothing else.
        file.sync()
            .and_then(|()| shared.files.sync_folder(&self.view.folder))
            .map_err(|error| Failure::refused("syncing the copy of a segment", &error))?;
        let begun = Some(Change::Swap { start: offsets.start, end: offsets.end });
        self.change(shared, State { begun, ..self.state })
    }

    /// Makes a swap that was begun. Without a copy it was made already as far as that goes.
    pub(super) fn swap(
        &mut self,
        shared: &Shared,
        segments: &mut BTreeMap<Offset, AtomicU64>,
        offsets: Range<Offset>,
    ) -> io::Result<()> {
        let files = &*shared.files;
        if let Some(copy) = &self.copy {
            shared.handles.close(self.id, |base| base == offsets.start);
            files.rename(
                &self.path(&names::cleaned(offsets.start)),
                &self.path(&names::segment(offsets.start)),
            )?;
            segments.insert(offsets.start, AtomicU64::new(copy.size));
            self.copy = None;
        }
        self.remove_kafka_indexes(files, offsets.start)?;
        let gone: Vec<Offset> =
            segments.range(offsets.start + 1..offsets.end).map(|(base, _)| *base).collect();
        self.remove_segments(shared, segments, &gone)?;
        self.remove_snapshots(files, |kind, offset| {
            kind == SnapshotKind::SegmentIndex && offset > offsets.start && offset <= offsets.end
        })
    }
}

fn append_all(file: &dyn LogFile, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.append(&[IoSlice::new(bytes)]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
