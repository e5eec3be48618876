//! A static file server for one person on one machine.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// A request's line and headers may be this long together.
const MAX_REQUEST_BYTES: u64 = 16 * 1024;
/// A browser that opens a connection and says nothing gives its thread back after this.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Answers requests for the files of a folder, each connection in a thread of its own.
pub(crate) fn forever(listener: &TcpListener, folder: &Path) {
    let folder: Arc<Path> = folder.into();
    for connection in listener.incoming().filter_map(Result::ok) {
        let folder = Arc::clone(&folder);
        thread::spawn(move || {
            // The browser went away in the middle of an answer: nobody is left to tell.
            drop(answer(connection, &folder));
        });
    }
}

fn answer(mut connection: TcpStream, folder: &Path) -> io::Result<()> {
    connection.set_read_timeout(Some(READ_TIMEOUT))?;
    let mut lines = BufReader::new(connection.try_clone()?.take(MAX_REQUEST_BYTES)).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    // The headers say nothing that matters here, but an answer before they are read may reset the connection.
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let response = Response::to(&request, folder);
    connection.write_all(response.head().as_bytes())?;
    if response.with_body {
        connection.write_all(&response.body)?;
    }
    connection.flush()
}

struct Response {
    status: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
    with_body: bool,
}

impl Response {
    fn to(request: &str, folder: &Path) -> Self {
        let mut words = request.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let with_body = match method {
            "GET" => true,
            "HEAD" => false,
            _ => return Self::text("405 Method Not Allowed", "only GET and HEAD"),
        };
        let Some(file) = file_of(target, folder) else {
            return Self::text("400 Bad Request", "not a path of this server");
        };
        match fs::read(&file) {
            Ok(body) => Self { status: "200 OK", content_type: content_type(&file), body, with_body },
            Err(_) => Self { with_body, ..Self::text("404 Not Found", "there is no such file") },
        }
    }

    fn text(status: &'static str, text: &str) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: text.into(), with_body: true }
    }

    fn head(&self) -> String {
        format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-cache\r\n\
             X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
            self.status,
            self.content_type,
            self.body.len()
        )
    }
}

/// The file that a request's target names, if it lies in the folder.
fn file_of(target: &str, folder: &Path) -> Option<PathBuf> {
    let path = target.split(['?', '#']).next()?.strip_prefix('/')?;
    let path = PathBuf::from(percent_decoded(path)?);
    if !path.components().all(|component| matches!(component, Component::Normal(_))) {
        return None;
    }
    let file = folder.join(path);
    Some(if file.is_dir() { file.join("index.html") } else { file })
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

/// Browsers take modules and wasm only under their right types.
fn content_type(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("json") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("gz") => "application/gzip",
        Some("txt" | "md") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
