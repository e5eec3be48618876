//! The page's files. All of them are read when the server starts, so no path that a request names ever reaches the file
//! system.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// More than this is not the page.
const MAX_BYTES: u64 = 64 << 20;
const MAX_FILES: usize = 2_000;
/// Where the page is told whose it is.
const HEAD: &str = "<head>";

/// A folder of files.
#[derive(Debug)]
pub(crate) struct Page {
    files: HashMap<String, File>,
}

/// A file with its type.
#[derive(Debug)]
pub(super) struct File {
    kind: &'static str,
    body: Vec<u8>,
}

impl Page {
    /// Reads a folder. Its `index.html` gets an element that says how many brokers are here, by which the page knows that
    /// they are not its own.
    ///
    /// # Errors
    ///
    /// A sentence, when it is not the page.
    pub(crate) fn read(folder: &Path, brokers: usize) -> Result<Page, String> {
        let mut reading = Reading { page: Page { files: HashMap::new() }, bytes: 0 };
        reading.folder(folder, "").map_err(|why| format!("--ui-files {}: {why}", folder.display()))?;
        let mut page = reading.page;
        let index = page.files.get_mut("index.html").and_then(|index| {
            let html = std::str::from_utf8(&index.body).ok()?;
            let (before, after) = html.split_once(HEAD)?;
            let meta = format!("<meta name=\"headwater-gateway\" content=\"{brokers}\">");
            index.body = [before, HEAD, &meta, after].concat().into_bytes();
            Some(())
        });
        if index.is_none() {
            let folder = folder.display();
            return Err(format!(
                "--ui-files {folder}: the page is not there (index.html); `cargo xtask build` makes it in dist/"
            ));
        }
        Ok(page)
    }

    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.get(if path.is_empty() { "index.html" } else { path })
    }
}

impl File {
    pub(super) fn head(&self) -> String {
        head(self.kind, self.body.len())
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }
}

/// The headers of a body.
pub(super) fn head(kind: &str, length: usize) -> String {
    format!("Content-Type: {kind}\r\nContent-Length: {length}\r\n")
}

struct Reading {
    page: Page,
    bytes: u64,
}

impl Reading {
    fn folder(&mut self, folder: &Path, prefix: &str) -> Result<(), String> {
        for entry in fs::read_dir(folder).map_err(|error| error.to_string())? {
            let entry = entry.map_err(|error| error.to_string())?;
            // Names that are no text are none that a page asks for.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = format!("{prefix}{name}");
            let kind = entry.metadata().map_err(|error| format!("{path}: {error}"))?;
            if kind.is_dir() {
                self.folder(&entry.path(), &format!("{path}/"))?;
            } else if kind.is_file() {
                self.bytes += kind.len();
                if self.bytes > MAX_BYTES || self.page.files.len() == MAX_FILES {
                    return Err(format!(
                        "this is not the page: more than {MAX_FILES} files or {MAX_BYTES} bytes"
                    ));
                }
                let body = fs::read(entry.path()).map_err(|error| format!("{path}: {error}"))?;
                self.page.files.insert(path, File { kind: content_type(&name), body });
            }
        }
        Ok(())
    }
}

/// Browsers take modules and wasm only under their right types.
fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("json") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("gz") => "application/gzip",
        Some("txt" | "md") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
