//! Files and folders, and what steps make of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use headwater_engine::random::SplitMix64;

use super::Step;

/// What a medium writes whole or not at all, in bytes.
const SECTOR: usize = 512;

/// A file or a folder, whatever it is called.
pub(super) type Node = usize;
pub(super) const ROOT: Node = 0;

/// Files and folders as they are found.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::tests) struct Tree {
    pub(super) files: BTreeMap<Node, Vec<u8>>,
    pub(super) folders: BTreeMap<Node, BTreeMap<String, Node>>,
}

impl Tree {
    pub(super) fn next(&self) -> Node {
        self.files.len() + self.folders.len()
    }

    pub(super) fn make(&mut self, node: Node, is_folder: bool) {
        if is_folder {
            self.folders.entry(node).or_default();
        } else {
            self.files.entry(node).or_default();
        }
    }

    /// Takes in what lies in a folder.
    pub(super) fn take_in(&mut self, path: &Path) -> Node {
        let node = self.next();
        self.make(node, true);
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            let inner = if path.is_dir() {
                self.take_in(&path)
            } else {
                let inner = self.next();
                self.files.insert(inner, fs::read(&path).unwrap());
                inner
            };
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            self.folders.entry(node).or_default().insert(name, inner);
        }
        node
    }

    /// Puts files and folders where somebody can open them. The folder is made.
    pub(in crate::tests) fn put(&self, path: &Path) {
        self.put_folder(ROOT, path);
    }

    fn put_folder(&self, folder: Node, path: &Path) {
        fs::create_dir(path).unwrap();
        for (name, node) in &self.folders[&folder] {
            match self.files.get(node) {
                Some(content) => fs::write(path.join(name), content).unwrap(),
                None => self.put_folder(*node, &path.join(name)),
            }
        }
    }

    /// The same without what has no name, to tell whether two look alike.
    pub(in crate::tests) fn named(&self) -> Tree {
        let mut named = Tree::default();
        let mut open = vec![ROOT];
        while let Some(folder) = open.pop() {
            let entries = self.folders[&folder].clone();
            for node in entries.values() {
                match self.files.get(node) {
                    Some(content) => drop(named.files.insert(*node, content.clone())),
                    None => open.push(*node),
                }
            }
            named.folders.insert(folder, entries);
        }
        named
    }

    fn entries(&mut self, folder: Node) -> &mut BTreeMap<String, Node> {
        self.folders.get_mut(&folder).unwrap()
    }

    pub(super) fn apply(&mut self, step: &Step) {
        match step {
            Step::Link { folder, name, node, .. } => drop(self.entries(*folder).insert(name.clone(), *node)),
            Step::Unlink { folder, name, node } => self.forget(*folder, name, *node),
            Step::Rename { folder, from, to, node } => {
                self.forget(*folder, from, *node);
                self.entries(*folder).insert(to.clone(), *node);
            }
            Step::Write { file, position, bytes } => self.write(*file, *position, bytes),
            Step::Resize { file, size } => self.files.get_mut(file).unwrap().resize(*size, 0),
            Step::Sync { .. } | Step::Told => {}
        }
    }

    /// What a name stood for is not to be found by it any more; another that has it meanwhile is.
    fn forget(&mut self, folder: Node, name: &str, node: Node) {
        let entries = self.entries(folder);
        if entries.get(name) == Some(&node) {
            entries.remove(name);
        }
    }

    fn write(&mut self, file: Node, position: usize, bytes: &[u8]) {
        let content = self.files.get_mut(&file).unwrap();
        let end = position + bytes.len();
        content.resize(content.len().max(end), 0);
        content[position..end].copy_from_slice(bytes);
    }

    pub(super) fn apply_in_part(&mut self, step: &Step, random: &mut SplitMix64) {
        let Step::Write { file, position, bytes } = step else {
            if random.next_u64().is_multiple_of(2) {
                self.apply(step);
            }
            return;
        };
        let end = position + bytes.len();
        let mut from = *position;
        while from < end {
            let to = end.min((from / SECTOR + 1) * SECTOR);
            if random.next_u64().is_multiple_of(2) {
                self.write(*file, from, &bytes[from - position..to - position]);
            }
            from = to;
        }
        if random.next_u64().is_multiple_of(4) {
            // It has grown, and the bytes are still to come.
            let content = self.files.get_mut(file).unwrap();
            content.resize(content.len().max(end), 0);
        }
    }
}
