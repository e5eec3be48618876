//! Kafka's frames: which requests there are, whether bytes are one, and how an answer becomes bytes.

mod frame;
mod peer;
#[cfg(feature = "server")]
mod server;
mod shape;
#[cfg(test)]
mod tests;
mod versions;

pub use frame::request_client_id;
pub(crate) use frame::{FrameError, Header, Request, decode_request, encode_response};
pub(crate) use peer::{decode_answer, encode_request};
#[cfg(feature = "server")]
pub(crate) use server::ServerRequest;
pub(crate) use versions::{Supported, all_supported};
