//! What is asked of the operating system, so that tests can have it go wrong at any step.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A file or folder in a folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) is_folder: bool,
    /// In bytes.
    pub(crate) size: u64,
}

pub(crate) trait Files: Send + Sync {
    /// What is in a folder, but for names that are not Unicode, which are nobody's here.
    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>>;
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// A file with this content, in place of one that may be there; on the medium if `sync`.
    fn write(&self, path: &Path, content: &[u8], sync: bool) -> io::Result<()>;
    /// Opens a file to read it and to append to it; makes it if `create`.
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn LogFile>>;
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file; one that is not there is removed.
    fn remove(&self, path: &Path) -> io::Result<()>;
    fn remove_folder(&self, path: &Path) -> io::Result<()>;
    /// Puts the names in a folder on the medium.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
}

/// An open file that grows at its end.
pub(crate) trait LogFile: Send + Sync {
    /// Appends some bytes from the front of the slices, and tells how many.
    fn append(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
    /// Fills the buffer from a position on, as far as the file goes; tells how many bytes.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;
    fn truncate(&self, size: u64) -> io::Result<()>;
    /// Puts what was written on the medium.
    fn sync(&self) -> io::Result<()>;
}

/// The operating system itself.
pub(crate) struct OsFiles;

impl Files for OsFiles {
    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if let Ok(name) = entry.file_name().into_string() {
                entries.push(Entry { name, is_folder: metadata.is_dir(), size: metadata.len() });
            }
        }
        Ok(entries)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn write(&self, path: &Path, content: &[u8], sync: bool) -> io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(content)?;
        if sync { file.sync_data() } else { Ok(()) }
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn LogFile>> {
        let file = OpenOptions::new().read(true).append(true).create(create).open(path)?;
        Ok(Box::new(file))
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

impl LogFile for File {
    fn append(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut file: &File = self;
        file.write_vectored(slices)
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            match FileExt::read_at(self, &mut buffer[read..], position + read as u64) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.set_len(size)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
