//! The bytes of a data set or a file, unpacked, chunk by chunk: never more of them in memory than a chunk or two.

use std::cell::Cell;
use std::rc::Rc;

use headwater_worker_protocol::{ErrorReport, ImportSource};
use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    Blob, DedicatedWorkerGlobalScope, ReadableStream, ReadableStreamDefaultReader, Response, WritableStream,
    WritableStreamDefaultWriter,
};

use super::rows::GZIP_MAGIC;
use super::{describe, refusal};

#[wasm_bindgen]
extern "C" {
    /// The platform's own, which `web-sys` has as an unstable interface only.
    type DecompressionStream;

    #[wasm_bindgen(constructor, catch)]
    fn new(format: &str) -> Result<DecompressionStream, JsValue>;

    #[wasm_bindgen(method, getter)]
    fn readable(this: &DecompressionStream) -> ReadableStream;

    #[wasm_bindgen(method, getter)]
    fn writable(this: &DecompressionStream) -> WritableStream;
}

/// An open source.
pub(crate) struct Source {
    reader: ReadableStreamDefaultReader,
    /// A chunk that was taken to look at.
    first: Option<Vec<u8>>,
    packed: bool,
    /// Bytes of the source itself that were read, as it lies there: packed.
    bytes_read: Rc<Cell<u64>>,
    bytes_total: Option<u64>,
}

impl Source {
    /// Opens a data set or the file that is the message's attachment.
    pub(crate) async fn open(source: &ImportSource, attachment: &JsValue) -> Result<Source, ErrorReport> {
        let (stream, bytes_total) = match source {
            ImportSource::DataSet { url, .. } => fetch(url).await?,
            ImportSource::File { name } => {
                let blob: &Blob = attachment
                    .dyn_ref()
                    .ok_or_else(|| refusal("NO_FILE", format!("The file {name} did not come along.")))?;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a file's size is positive and far below 2^53"
                )]
                (blob.stream(), Some(blob.size() as u64))
            }
            ImportSource::Synthetic { .. } => {
                return Err(refusal("NO_FILE", "Records made up on the spot have no file."));
            }
        };
        let raw = reader(&stream)?;
        let bytes_read = Rc::new(Cell::new(0));
        let Some(first) = read(&raw).await.map_err(|error| unreadable(&error))? else {
            return Err(refusal("UNREADABLE_FILE", "The file is empty."));
        };
        bytes_read.set(first.len() as u64);
        if !first.starts_with(&GZIP_MAGIC) {
            return Ok(Source { reader: raw, first: Some(first), packed: false, bytes_read, bytes_total });
        }
        let unpacker = DecompressionStream::new("gzip").map_err(|error| unreadable(&error))?;
        let writer = unpacker.writable().get_writer().map_err(|error| unreadable(&error))?;
        spawn_local(feed(raw, writer, first, bytes_read.clone()));
        Ok(Source {
            reader: reader(&unpacker.readable())?,
            first: None,
            packed: true,
            bytes_read,
            bytes_total,
        })
    }

    /// The next bytes, unpacked; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, ErrorReport> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let chunk = read(&self.reader).await.map_err(|error| {
            if self.packed {
                let why = describe(&error);
                refusal(
                    "UNREADABLE_FILE",
                    format!("The file is damaged and cannot be unpacked further: {why}."),
                )
            } else {
                unreadable(&error)
            }
        })?;
        if let Some(chunk) = chunk.as_ref().filter(|_| !self.packed) {
            self.bytes_read.set(self.bytes_read.get() + chunk.len() as u64);
        }
        Ok(chunk)
    }

    /// Bytes of the source that were read, as it lies there.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read.get()
    }

    /// The source's length in bytes, where it is known.
    pub(crate) fn bytes_total(&self) -> Option<u64> {
        self.bytes_total
    }

    /// Nothing more is read.
    pub(crate) fn cancel(&self) {
        // Whether this works makes no difference to anybody.
        let _ = self.reader.cancel();
    }
}

async fn fetch(url: &str) -> Result<(ReadableStream, Option<u64>), ErrorReport> {
    let failed = |why: String| refusal("UNREADABLE_FILE", format!("{url} could not be loaded: {why}."));
    let scope: DedicatedWorkerGlobalScope =
        js_sys::global().dyn_into().map_err(|_| failed("there is no worker".to_owned()))?;
    let response =
        JsFuture::from(scope.fetch_with_str(url)).await.map_err(|error| failed(describe(&error)))?;
    let response: Response = response.dyn_into().map_err(|_| failed("no answer".to_owned()))?;
    if !response.ok() {
        return Err(failed(format!("status {}", response.status())));
    }
    let header = |name: &str| response.headers().get(name).ok().flatten();
    // What the browser unpacks by itself has another length than the header says.
    let total = match header("content-encoding") {
        Some(_) => None,
        None => header("content-length").and_then(|length| length.parse().ok()),
    };
    let body = response.body().ok_or_else(|| failed("it is empty".to_owned()))?;
    Ok((body, total))
}

fn reader(stream: &ReadableStream) -> Result<ReadableStreamDefaultReader, ErrorReport> {
    stream.get_reader().dyn_into().map_err(|_| refusal("UNREADABLE_FILE", "It cannot be read as a stream."))
}

/// Puts a packed source through the unpacker, at the speed at which that is read. What goes wrong is seen by whoever
/// reads there.
async fn feed(
    raw: ReadableStreamDefaultReader,
    writer: WritableStreamDefaultWriter,
    first: Vec<u8>,
    bytes_read: Rc<Cell<u64>>,
) {
    let mut chunk = first;
    loop {
        let bytes = Uint8Array::from(&chunk[..]);
        if JsFuture::from(writer.write_with_chunk(&bytes)).await.is_err() {
            let _ = raw.cancel();
            return;
        }
        chunk = match read(&raw).await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => {
                let _ = JsFuture::from(writer.close()).await;
                return;
            }
            Err(error) => {
                let _ = JsFuture::from(writer.abort_with_reason(&error)).await;
                return;
            }
        };
        bytes_read.set(bytes_read.get() + chunk.len() as u64);
    }
}

async fn read(reader: &ReadableStreamDefaultReader) -> Result<Option<Vec<u8>>, JsValue> {
    let result = JsFuture::from(reader.read()).await?;
    if Reflect::get(&result, &"done".into())?.is_truthy() {
        return Ok(None);
    }
    let chunk: Uint8Array = Reflect::get(&result, &"value".into())?.dyn_into()?;
    Ok(Some(chunk.to_vec()))
}

fn unreadable(error: &JsValue) -> ErrorReport {
    refusal("UNREADABLE_FILE", format!("The file cannot be read: {}.", describe(error)))
}
