//! The keys of all objects, and nowhere else.
//!
//! ```text
//! <prefix>checkpoint                            updated by etag
//! <prefix>c/<number>                            commits, created once
//! <prefix>i/<number>/<header>                      intents, for this commit or one soon after: their names say what they are
//! <prefix>i/<number>/<id>+                         intents whose header is too long for a name: it is inside
//! <prefix>l/<version>-<nonce>                   segment lists, of a version of the checkpoint
//! <prefix>s/<version>-<nonce>                   segments, made for a version of the checkpoint
//! <prefix>o/<epoch>-<number>                    bytes of logs, written by the owner of that epoch
//! <prefix>t/<epoch>-<number>                    what all logs are, likewise
//! <prefix>p/<nonce>                             what a store was tried with, and deleted
//! ```
//! Numbers have twenty digits, so that the order of names is theirs.

use crate::append::{AppendId, Header};
use crate::config::Config;
use crate::wire::{Decoder, Encoder};

/// Base64 with letters in the order of their codes and fit for file names (as in RFC 4648, section 5, but sorted).
const LETTERS: &[u8; 64] = b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
/// What an intent's name says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum IntentName {
    Header(Header),
    /// The header is in the object.
    Inside(AppendId),
}

#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: String,
    max_header_in_name: usize,
}

impl Keys {
    pub(crate) fn new(config: &Config) -> Keys {
        Keys { prefix: config.prefix.clone(), max_header_in_name: config.max_header_in_name }
    }

    pub(crate) fn checkpoint(&self) -> String {
        format!("{}checkpoint", self.prefix)
    }

    pub(crate) fn commits(&self) -> String {
        format!("{}c/", self.prefix)
    }

    pub(crate) fn commit(&self, number: u64) -> String {
        format!("{}c/{number:020}", self.prefix)
    }

    pub(crate) fn commit_number(&self, key: &str) -> Option<u64> {
        key.strip_prefix(&self.commits())?.parse().ok()
    }

    pub(crate) fn intents(&self) -> String {
        format!("{}i/", self.prefix)
    }

    /// What stands before all intents for a commit.
    pub(crate) fn intents_for(&self, number: u64) -> String {
        format!("{}i/{number:020}/", self.prefix)
    }

    /// The number of the commit that an intent is for.
    pub(crate) fn intent_number(&self, key: &str) -> Option<u64> {
        key.strip_prefix(&self.intents())?.split_once('/')?.0.parse().ok()
    }

    /// The key of an intent, and whether its header has to be inside.
    pub(crate) fn intent(&self, number: u64, header: &Header) -> (String, bool) {
        let mut encoder = Encoder::default();
        header.encode(&mut encoder);
        let inside = encoder.0.len() > self.max_header_in_name;
        let name = if inside { letters(&header.id.0.to_be_bytes()) + "+" } else { letters(&encoder.0) };
        (self.intents_for(number) + &name, inside)
    }

    /// The number of the commit that an intent is for, and what its name says.
    pub(crate) fn intent_name(&self, key: &str) -> Option<(u64, IntentName)> {
        let (number, name) = key.strip_prefix(&self.intents())?.split_once('/')?;
        let number = number.parse().ok()?;
        if let Some(id) = name.strip_suffix('+') {
            let id = bytes(id)?.try_into().ok()?;
            return Some((number, IntentName::Inside(AppendId(u128::from_be_bytes(id)))));
        }
        let bytes = bytes(name)?;
        let mut decoder = Decoder(&bytes);
        let header = Header::decode(&mut decoder).ok()?;
        decoder.end().ok()?;
        Some((number, IntentName::Header(header)))
    }

    pub(crate) fn lists(&self) -> String {
        format!("{}l/", self.prefix)
    }

    pub(crate) fn list(&self, version: u64, nonce: u64) -> String {
        format!("{}l/{version:020}-{nonce:016x}", self.prefix)
    }

    pub(crate) fn segments(&self) -> String {
        format!("{}s/", self.prefix)
    }

    pub(crate) fn segment(&self, version: u64, nonce: u64) -> String {
        format!("{}s/{version:020}-{nonce:016x}", self.prefix)
    }

    pub(crate) fn log_objects(&self) -> [String; 2] {
        [format!("{}o/", self.prefix), format!("{}t/", self.prefix)]
    }

    pub(crate) fn log_object(&self, epoch: u32, number: u64) -> String {
        format!("{}o/{epoch:020}-{number:020}", self.prefix)
    }

    pub(crate) fn log_state(&self, epoch: u32, number: u64) -> String {
        format!("{}t/{epoch:020}-{number:020}", self.prefix)
    }

    /// The epoch and number of an object of logs.
    pub(crate) fn log_object_name(&self, key: &str) -> Option<(u32, u64)> {
        let [objects, states] = self.log_objects();
        let (epoch, number) =
            key.strip_prefix(&objects).or_else(|| key.strip_prefix(&states))?.split_once('-')?;
        Some((epoch.parse().ok()?, number.parse().ok()?))
    }

    pub(crate) fn probe(&self, nonce: u64) -> String {
        format!("{}p/{nonce:016x}", self.prefix)
    }

    /// The version that a list or segment was made for.
    pub(crate) fn made_for(&self, key: &str) -> Option<u64> {
        let name = key.strip_prefix(&self.lists()).or_else(|| key.strip_prefix(&self.segments()))?;
        name.split_once('-')?.0.parse().ok()
    }
}

fn letters(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 4 / 3 + 1);
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        let bits = three.len() * 8;
        let padded = word << (24 - bits);
        for index in 0..=three.len() {
            let letter = padded >> (18 - 6 * index) & 63;
            text.push(char::from(LETTERS[letter as usize]));
        }
    }
    text
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for four in text.as_bytes().chunks(4) {
        let mut word = 0_u32;
        for letter in four {
            word = word << 6 | u32::try_from(LETTERS.binary_search(letter).ok()?).ok()?;
        }
        let padded = word << (24 - 6 * four.len());
        bytes.extend_from_slice(padded.to_be_bytes().get(1..four.len())?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::append::{Fence, Part, ProducerBatch};

    fn keys(prefix: &str) -> Keys {
        Keys::new(&Config { prefix: prefix.to_owned(), ..Config::default() })
    }

    fn header(parts: u32) -> Header {
        let part = |partition| Part {
            partition,
            records: 7,
            length: 1_000_000,
            crc: 0xdead_beef,
            producer: Some(ProducerBatch { producer_id: 4_000, epoch: 3, base_sequence: 70_000 }),
        };
        let fences = vec![Fence { resource: u64::MAX, epoch: 9, claims: true }];
        Header {
            id: AppendId(u128::MAX / 3),
            fences,
            starts: vec![(3, 1 << 40)],
            parts: (0..parts).map(part).collect(),
        }
    }

    #[test]
    fn a_header_stands_in_a_name_or_its_id_does() {
        let keys = keys("p/");
        for parts in 0..40 {
            let header = header(parts);
            let (key, inside) = keys.intent(17, &header);
            let name = if inside { IntentName::Inside(header.id) } else { IntentName::Header(header) };
            assert_eq!(keys.intent_name(&key), Some((17, name)));
            assert!(key.rsplit('/').all(|name| name.len() <= 255));
        }
        assert!(!keys.intent(0, &header(8)).1);
        assert!(keys.intent(0, &header(30)).1);
    }

    #[test]
    fn names_that_are_not_ours_are_none() {
        let keys = keys("");
        for key in ["i/1/", "i/1/abc", "i/x/--", "i/00000000000000000001", "c/1", "i/1/~~~", "i/1/-+"] {
            assert_eq!(keys.intent_name(key), None, "{key}");
        }
        assert_eq!(keys.commit_number("c/x"), None);
    }
}
