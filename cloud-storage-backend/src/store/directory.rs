//! A directory as a store: what object_store's does not have.
//!
//! Creating is atomic there: a file is written under another name, flushed, and linked to the one it is for, which fails
//! if there is one. There is no update by etag. Here it is made of a lock: who holds it looks at the etag, and renames. The
//! system takes the lock from a process that dies. So all that use a directory have to be on one machine, or on a file
//! system whose locks hold between machines. Files whose names end in `#` and digits are locks, and what was being written
//! when a process died; they are no objects.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error, ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions};

use crate::runtime;

/// An etag is made of inode, time and size. Between two versions is more than a tick of the file system's clock, so
/// that none ever has the etag of an earlier one.
const BETWEEN_UPDATES: Duration = Duration::from_millis(20);

/// A directory.
#[derive(Clone)]
pub(super) struct Directory(Arc<LocalFileSystem>);

impl Directory {
    pub(super) fn open(root: &FilePath) -> object_store::Result<Directory> {
        let objects = LocalFileSystem::new_with_prefix(root)?;
        Ok(Directory(Arc::new(objects.with_fsync(true).with_automatic_cleanup(true))))
    }

    pub(super) fn objects(&self) -> Arc<LocalFileSystem> {
        Arc::clone(&self.0)
    }

    /// Replaces a file that has this etag.
    pub(super) async fn update(&self, path: Path, bytes: Bytes, etag: String) -> object_store::Result<()> {
        let directory = self.clone();
        // Not to be dropped half-way: the lock would be gone, and the renaming might still come.
        runtime::uninterrupted(async move { directory.update_locked(&path, bytes, &etag).await })
            .await
            .unwrap_or_else(|error| Err(generic(error)))
    }

    async fn update_locked(&self, path: &Path, bytes: Bytes, etag: &str) -> object_store::Result<()> {
        let lock = lock_file(self.0.path_to_filesystem(path)?);
        let held = runtime::blocking(move || lock_exclusively(&lock)).await;
        let held = held.and_then(|locked| locked).map_err(generic)?;
        let meta = self.0.head(path).await?;
        if meta.e_tag.as_deref() != Some(etag) {
            let source = format!("it is {} now, not {etag}", meta.e_tag.unwrap_or_default()).into();
            return Err(Error::Precondition { path: path.to_string(), source });
        }
        runtime::sleep(BETWEEN_UPDATES).await;
        self.0.put_opts(path, bytes.into(), PutOptions::from(PutMode::Overwrite)).await?;
        drop(held);
        Ok(())
    }
}

fn lock_file(path: PathBuf) -> PathBuf {
    let mut name = path.into_os_string();
    // object_store's own unfinished files have numbers from 1.
    name.push("#0");
    PathBuf::from(name)
}

/// The lock is held until the file is closed.
fn lock_exclusively(path: &FilePath) -> io::Result<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    file.lock()?;
    Ok(file)
}

fn generic(source: io::Error) -> Error {
    Error::Generic { store: "directory", source: Box::new(source) }
}
