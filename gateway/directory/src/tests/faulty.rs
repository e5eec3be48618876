//! The operating system, as far as it works.
//!
//! # What can go wrong
//!
//! * There is room for so many bytes more; a write that needs more writes what fits and then fails.
//! * After so many steps that change something the process ends: that step and all behind it do nothing. A write of batches
//!   that it ends in has written a part of its bytes.
//! * Syncing fails, once or for good.

use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::medium::Medium;
use crate::files::{Entry, Files, LogFile};
use crate::shared::lock;

#[derive(Clone, Default)]
pub(super) struct Faulty {
    world: Arc<Mutex<World>>,
    pub(super) medium: Medium,
}

#[derive(Default)]
struct World {
    /// Bytes that there is room for.
    room: Option<u64>,
    /// Steps until the end.
    steps: Option<u64>,
    fails_to_sync: bool,
    /// The files that were synced after they were opened, one entry each time.
    synced: Vec<PathBuf>,
}

/// How far a step goes.
enum Step {
    Whole,
    /// A part of it, then the process ends.
    Part,
    /// The process has ended before.
    None,
}

impl Faulty {
    pub(super) fn limit_room(&self, bytes: Option<u64>) {
        lock(&self.world).room = bytes;
    }

    /// The process ends in the step after so many.
    pub(super) fn end_after(&self, steps: u64) {
        lock(&self.world).steps = Some(steps + 1);
    }

    pub(super) fn has_ended(&self) -> bool {
        lock(&self.world).steps == Some(0)
    }

    /// The next process has nothing to fear.
    pub(super) fn work_again(&self) {
        *lock(&self.world) = World::default();
    }

    pub(super) fn fail_to_sync(&self, fails: bool) {
        lock(&self.world).fails_to_sync = fails;
    }

    /// How often a file was synced.
    pub(super) fn syncs_of(&self, path: &Path) -> usize {
        lock(&self.world).synced.iter().filter(|synced| *synced == path).count()
    }

    fn step(&self) -> Step {
        match &mut lock(&self.world).steps {
            None => Step::Whole,
            Some(0) => Step::None,
            Some(left) => {
                *left -= 1;
                if *left == 0 { Step::Part } else { Step::Whole }
            }
        }
    }

    /// A step that is taken or not.
    fn whole_step(&self) -> io::Result<()> {
        match self.step() {
            Step::Whole => Ok(()),
            Step::Part | Step::None => Err(io::Error::other("the process has ended")),
        }
    }

    /// A step that writes: how many of so many bytes, and how it ends then.
    fn write_step(&self, bytes: usize) -> (usize, io::Result<()>) {
        let over = || Err(io::Error::other("the process has ended"));
        match self.step() {
            Step::Whole => {
                let fits = self.take_room(bytes);
                (fits, if fits < bytes { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) })
            }
            Step::Part => (bytes / 2, over()),
            Step::None => (0, over()),
        }
    }

    /// How many of so many bytes there is room for; they are taken.
    fn take_room(&self, bytes: usize) -> usize {
        match &mut lock(&self.world).room {
            Some(room) => {
                let fits = usize::try_from(*room).unwrap_or(usize::MAX).min(bytes);
                *room -= fits as u64;
                fits
            }
            None => bytes,
        }
    }

    fn sync(&self) -> io::Result<()> {
        if lock(&self.world).fails_to_sync { Err(io::Error::other("the medium is broken")) } else { Ok(()) }
    }
}

impl Files for Faulty {
    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        self.medium.list(folder)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.medium.read(path)
    }

    fn write(&self, path: &Path, content: &[u8], sync: bool) -> io::Result<()> {
        let (fits, ended) = self.write_step(content.len());
        let ended = ended.and_then(|()| self.sync());
        if fits > 0 || ended.is_ok() {
            self.medium.write(path, &content[..fits], sync && ended.is_ok())?;
        }
        ended
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn LogFile>> {
        if create {
            self.whole_step()?;
        }
        let (file, path) = (self.medium.open(path, create)?, path.to_owned());
        Ok(Box::new(FaultyFile { file, path, faulty: self.clone() }))
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.whole_step()?;
        self.medium.create_folder(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.whole_step()?;
        self.medium.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.whole_step()?;
        self.medium.remove(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        for entry in self.medium.list(path)? {
            self.remove(&path.join(entry.name))?;
        }
        self.whole_step()?;
        self.medium.remove_folder(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.whole_step()?;
        self.sync()?;
        self.medium.sync_folder(path)
    }
}

struct FaultyFile {
    file: Box<dyn LogFile>,
    path: PathBuf,
    faulty: Faulty,
}

impl LogFile for FaultyFile {
    fn append(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let (fits, ended) = self.faulty.write_step(bytes.len());
        if fits == 0 {
            return ended.map(|()| 0);
        }
        // What is written in part tells so; the next write tells why.
        self.file.append(&[IoSlice::new(&bytes[..fits])])
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.file.read_at(buffer, position)
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.faulty.whole_step()?;
        self.file.truncate(size)
    }

    fn sync(&self) -> io::Result<()> {
        self.faulty.whole_step()?;
        self.faulty.sync()?;
        self.file.sync()?;
        lock(&self.faulty.world).synced.push(self.path.clone());
        Ok(())
    }
}
