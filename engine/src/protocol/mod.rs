//! Kafka's frames: which requests there are, whether bytes are one, and how an answer becomes bytes.

mod frame;
mod shape;
#[cfg(test)]
mod tests;
mod versions;

pub(crate) use frame::{FrameError, Header, Request, decode_request, encode_response};
pub(crate) use versions::SUPPORTED;
