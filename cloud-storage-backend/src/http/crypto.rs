//! The signing of requests on wasm32, where object_store has nothing for it.

use hmac::{Hmac, KeyInit as _, Mac as _};
use object_store::client::{
    CryptoProvider, DigestAlgorithm, DigestContext, HmacContext, Signer, SigningAlgorithm,
};
use object_store::{Error, Result};
use sha2::{Digest as _, Sha256};

/// SHA-256 in plain Rust.
#[derive(Debug)]
pub(crate) struct Sha2;

impl CryptoProvider for Sha2 {
    fn digest(&self, algorithm: DigestAlgorithm) -> Result<Box<dyn DigestContext>> {
        match algorithm {
            DigestAlgorithm::Sha256 => Ok(Box::new(Digesting(Sha256::new(), Vec::new()))),
            _ => Err(not_supported()),
        }
    }

    fn hmac(&self, algorithm: DigestAlgorithm, secret: &[u8]) -> Result<Box<dyn HmacContext>> {
        let hmac = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| not_supported())?;
        match algorithm {
            DigestAlgorithm::Sha256 => Ok(Box::new(Authenticating(hmac, Vec::new()))),
            _ => Err(not_supported()),
        }
    }

    /// Only Google's service accounts ask for it, which wasm32 does not reach.
    fn sign(&self, _: SigningAlgorithm, _: &[u8]) -> Result<Box<dyn Signer>> {
        Err(not_supported())
    }
}

fn not_supported() -> Error {
    Error::NotSupported { source: "on wasm32 requests are signed with HMAC-SHA-256 only".into() }
}

struct Digesting(Sha256, Vec<u8>);

impl DigestContext for Digesting {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finish(&mut self) -> Result<&[u8]> {
        self.1 = self.0.finalize_reset().to_vec();
        Ok(&self.1)
    }
}

struct Authenticating(Hmac<Sha256>, Vec<u8>);

impl HmacContext for Authenticating {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finish(&mut self) -> Result<&[u8]> {
        self.1 = self.0.clone().finalize().into_bytes().to_vec();
        Ok(&self.1)
    }
}
