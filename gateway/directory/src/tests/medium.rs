//! What is on the medium, and what only the operating system has yet: whatever a power cut may leave can be made of it.
//!
//! # What a power cut does
//!
//! * A file's bytes and its length are safe once the file was synced, the names in a folder once the folder was. Neither
//!   takes the other along.
//! * Of what was not synced, any part is lost and any kept, whatever was asked for first. Of a write each sector of
//!   512 bytes is lost or kept by itself; where a later one is kept, a lost one reads as zeros, and a file may have
//!   grown without any of its bytes.
//! * Renaming within a folder is one step: both names change or none. A sector is whole, and what was once synced stays.

use std::collections::BTreeSet;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use headwater_engine::random::SplitMix64;

use crate::files::{Entry, Files, LogFile, OsFiles};
use crate::shared::lock;

mod tree;

pub(super) use tree::Tree;
use tree::{Node, ROOT};

/// What was asked of the operating system.
#[derive(Clone, Debug)]
enum Step {
    Link {
        folder: Node,
        name: String,
        node: Node,
        is_folder: bool,
    },
    Unlink {
        folder: Node,
        name: String,
        node: Node,
    },
    Rename {
        folder: Node,
        from: String,
        to: String,
        node: Node,
    },
    Write {
        file: Node,
        position: usize,
        bytes: Vec<u8>,
    },
    Resize {
        file: Node,
        size: usize,
    },
    /// What was asked for before of this file, or of the names in this folder, is on the medium. With its path, for people.
    Sync {
        node: Node,
        path: String,
    },
    /// Whoever uses the storage was told something.
    Told,
}

impl Step {
    /// Whose sync it waits for.
    fn of(&self) -> Option<Node> {
        match self {
            Step::Link { folder: node, .. }
            | Step::Unlink { folder: node, .. }
            | Step::Rename { folder: node, .. }
            | Step::Write { file: node, .. }
            | Step::Resize { file: node, .. } => Some(*node),
            Step::Sync { .. } | Step::Told => None,
        }
    }
}

/// Which of the steps that no sync has made safe are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Loss {
    /// None: the worst of all media.
    All,
    /// All: as when only the process ends.
    Nothing,
    /// Names, and no bytes.
    Bytes,
    /// Bytes, and no names.
    Names,
    /// Only the latest of each file and folder.
    Earlier,
    /// Whatever a seed chooses, sector by sector.
    Some(u64),
}

/// What was asked for so far, and what there was before.
#[derive(Clone)]
pub(super) struct Recording {
    root: PathBuf,
    before: Tree,
    now: Tree,
    steps: Vec<Step>,
}

impl Recording {
    fn new(root: &Path) -> Recording {
        let mut tree = Tree::default();
        tree.take_in(root);
        Recording { root: root.to_owned(), before: tree.clone(), now: tree, steps: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// How often somebody was told something in the first so many steps.
    pub(super) fn told(&self, steps: usize) -> usize {
        self.steps[..steps].iter().filter(|step| matches!(step, Step::Told)).count()
    }

    /// The syncs, each with what was synced.
    pub(super) fn syncs(&self) -> impl Iterator<Item = (usize, &str)> {
        self.steps.iter().enumerate().filter_map(|(at, step)| match step {
            Step::Sync { path, .. } => Some((at, path.as_str())),
            _ => None,
        })
    }

    /// The step behind which a sync is made up for: the next one of the same file or folder.
    pub(super) fn next_sync(&self, sync: usize) -> usize {
        let node_of = |step: &Step| match step {
            Step::Sync { node, .. } => Some(*node),
            _ => None,
        };
        let node = node_of(&self.steps[sync]);
        let next = self.steps[sync + 1..].iter().position(|step| node.is_some() && node_of(step) == node);
        next.map_or(self.len(), |next| sync + 1 + next)
    }

    /// Whether the last write of just these bytes is behind a sync of its file.
    pub(super) fn has_synced(&self, written: &[u8]) -> bool {
        let writes = |step: &Step| matches!(step, Step::Write { bytes, .. } if bytes == written);
        let Some(at) = self.steps.iter().rposition(writes) else { return false };
        let is_sync =
            |step: &Step| matches!(step, Step::Sync { node, .. } if self.steps[at].of() == Some(*node));
        self.steps[at..].iter().any(is_sync)
    }

    /// What is found when the power is cut after so many steps. A sync that was `forgotten` is as if nobody had asked for it.
    pub(super) fn cut(&self, steps: usize, loss: Loss, forgotten: Option<usize>) -> Tree {
        let mut tree = self.before.clone();
        let mut unsafe_yet: Vec<&Step> = Vec::new();
        for (at, step) in self.steps[..steps].iter().enumerate() {
            match step {
                Step::Told => {}
                Step::Sync { .. } if Some(at) == forgotten => {}
                Step::Sync { node, .. } => unsafe_yet.retain(|step| {
                    let is_other = step.of() != Some(*node);
                    if !is_other {
                        tree.apply(step);
                    }
                    is_other
                }),
                // That a folder is there is its name's to say.
                Step::Link { node, is_folder, .. } => {
                    tree.make(*node, *is_folder);
                    unsafe_yet.push(step);
                }
                _ => unsafe_yet.push(step),
            }
        }
        let mut latest = BTreeSet::new();
        let is_latest: Vec<bool> = unsafe_yet.iter().rev().map(|step| latest.insert(step.of())).collect();
        let mut random = SplitMix64::new(if let Loss::Some(seed) = loss { seed } else { 0 });
        for (step, is_latest) in unsafe_yet.into_iter().zip(is_latest.into_iter().rev()) {
            let is_of_bytes = matches!(step, Step::Write { .. } | Step::Resize { .. });
            match loss {
                Loss::All => {}
                Loss::Nothing => tree.apply(step),
                Loss::Bytes if is_of_bytes => {}
                Loss::Names if !is_of_bytes => {}
                Loss::Earlier if !is_latest => {}
                Loss::Bytes | Loss::Names | Loss::Earlier => tree.apply(step),
                Loss::Some(_) => tree.apply_in_part(step, &mut random),
            }
        }
        tree
    }

    /// The folder of a path that lies in the root, and the name in it.
    fn place(&self, path: &Path) -> (Node, String) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (self.node(path.parent().unwrap()), name)
    }

    fn node(&self, path: &Path) -> Node {
        self.find(path).unwrap_or_else(|| panic!("{} is not there", path.display()))
    }

    fn find(&self, path: &Path) -> Option<Node> {
        path.strip_prefix(&self.root).ok()?.iter().try_fold(ROOT, |folder, name| {
            self.now.folders.get(&folder)?.get(name.to_str().unwrap()).copied()
        })
    }

    fn step(&mut self, step: Step) {
        self.now.apply(&step);
        self.steps.push(step);
    }

    /// A file or folder that is there from now on.
    fn made(&mut self, path: &Path, is_folder: bool) -> Node {
        if let Some(node) = self.find(path) {
            return node;
        }
        let (folder, name) = self.place(path);
        let node = self.now.next();
        self.now.make(node, is_folder);
        self.step(Step::Link { folder, name, node, is_folder });
        node
    }

    fn wrote(&mut self, file: Node, bytes: &[u8]) {
        let position = self.now.files[&file].len();
        self.step(Step::Write { file, position, bytes: bytes.to_owned() });
    }

    fn removed(&mut self, path: &Path) {
        if let Some(node) = self.find(path) {
            let (folder, name) = self.place(path);
            self.step(Step::Unlink { folder, name, node });
        }
    }

    fn synced(&mut self, node: Node, path: &Path) {
        let path = path.strip_prefix(&self.root).unwrap().display().to_string();
        self.step(Step::Sync { node, path });
    }
}

/// The operating system, which is never really asked to sync, and of which may be recorded what is asked.
#[derive(Clone, Default)]
pub(super) struct Medium(Arc<Mutex<Option<Recording>>>);

impl Medium {
    /// Records from now on: what lies in the folder is on the medium.
    pub(super) fn record(&self, root: &Path) {
        *lock(&self.0) = Some(Recording::new(&root.canonicalize().unwrap()));
    }

    /// Whoever uses the storage was told something.
    pub(super) fn told(&self) {
        self.recorded(|recording| recording.step(Step::Told));
    }

    pub(super) fn recording(&self) -> Recording {
        lock(&self.0).clone().unwrap()
    }

    fn recorded(&self, record: impl FnOnce(&mut Recording)) {
        if let Some(recording) = &mut *lock(&self.0) {
            record(recording);
        }
    }

    /// Asks for something and records it, in one, so that all threads' steps are in their order.
    fn asked<T>(
        &self,
        ask: impl FnOnce() -> io::Result<T>,
        record: impl FnOnce(&mut Recording, &T),
    ) -> io::Result<T> {
        let mut recording = lock(&self.0);
        let answer = ask()?;
        if let Some(recording) = &mut *recording {
            record(recording, &answer);
        }
        Ok(answer)
    }
}

impl Files for Medium {
    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        OsFiles.list(folder)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        OsFiles.read(path)
    }

    fn write(&self, path: &Path, content: &[u8], sync: bool) -> io::Result<()> {
        self.asked(
            || OsFiles.write(path, content, false),
            |recording, ()| {
                let file = recording.made(path, false);
                if !recording.now.files[&file].is_empty() {
                    recording.step(Step::Resize { file, size: 0 });
                }
                if !content.is_empty() {
                    recording.wrote(file, content);
                }
                if sync {
                    recording.synced(file, path);
                }
            },
        )
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn LogFile>> {
        let mut node = None;
        let open = || OsFiles.open(path, create);
        let file = self.asked(open, |recording, _| node = Some(recording.made(path, false)))?;
        Ok(Box::new(MediumFile { file, node, path: path.to_owned(), medium: self.clone() }))
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.asked(
            || OsFiles.create_folder(path),
            |recording, ()| {
                recording.made(path, true);
            },
        )
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.asked(
            || OsFiles.rename(from, to),
            |recording, ()| {
                let node = recording.node(from);
                let ((folder, from), (other, to)) = (recording.place(from), recording.place(to));
                assert_eq!(folder, other, "renaming from folder to folder is not one step for a medium");
                recording.step(Step::Rename { folder, from, to, node });
            },
        )
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.asked(|| OsFiles.remove(path), |recording, ()| recording.removed(path))
    }

    /// The folder is empty.
    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.asked(|| OsFiles.remove_folder(path), |recording, ()| recording.removed(path))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.recorded(|recording| {
            // What lies above the root is not looked at.
            if let Some(node) = recording.find(path) {
                recording.synced(node, path);
            }
        });
        Ok(())
    }
}

struct MediumFile {
    file: Box<dyn LogFile>,
    /// None where nothing is recorded.
    node: Option<Node>,
    /// What it was called when it was opened.
    path: PathBuf,
    medium: Medium,
}

impl LogFile for MediumFile {
    fn append(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.medium.asked(
            || self.file.append(slices),
            |recording, count| {
                let mut bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
                bytes.truncate(*count);
                if let Some(node) = self.node {
                    recording.wrote(node, &bytes);
                }
            },
        )
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.file.read_at(buffer, position)
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.medium.asked(
            || self.file.truncate(size),
            |recording, ()| {
                if let Some(file) = self.node {
                    recording.step(Step::Resize { file, size: usize::try_from(size).unwrap() });
                }
            },
        )
    }

    fn sync(&self) -> io::Result<()> {
        self.medium.recorded(|recording| {
            if let Some(node) = self.node {
                recording.synced(node, &self.path);
            }
        });
        Ok(())
    }
}
