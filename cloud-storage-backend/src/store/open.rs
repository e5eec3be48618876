//! Stores by their URLs.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use object_store::RetryConfig;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::memory::InMemory;
use object_store::path::Path;
use url::Url;

use super::{Conditions, REQUEST_TIMEOUT, Shared, Store, StoreKind};
use crate::error::OpenError;
use crate::http::Connector;

/// What a URL and options say.
struct Wanted {
    url: Url,
    prefix: String,
    options: Vec<(String, String)>,
}

impl Store {
    /// A store by its URL, without asking it anything yet.
    ///
    /// `s3://bucket/prefix`, `az://container/prefix`, `gs://bucket/prefix`, `file:///path` of a directory that is there, or
    /// `memory:`, each of which is another one. How to reach it, and with which credentials, comes from the environment (not on wasm32, which has none), then
    /// from `options`, then from the URL's query, with the names that object_store has for them: `endpoint`, `region`,
    /// `access_key_id`, `allow_http` …
    ///
    /// # Errors
    ///
    /// When the URL or an option is not understood, or a directory is not there.
    pub fn open(url: &str, options: impl IntoIterator<Item = (String, String)>) -> Result<Store, OpenError> {
        let wanted = Wanted::new(url, options)?;
        let name = wanted.url.as_str().split('?').next().unwrap_or_default().to_owned();
        match wanted.url.scheme() {
            "s3" | "s3a" => s3(name, wanted),
            #[cfg(not(target_arch = "wasm32"))]
            "az" | "azure" | "abfs" | "abfss" => native::azure(name, wanted),
            #[cfg(not(target_arch = "wasm32"))]
            "gs" => native::google(name, wanted),
            #[cfg(not(target_arch = "wasm32"))]
            "file" => native::directory(name, &wanted),
            "memory" => Ok(memory(name, &wanted)),
            other => Err(OpenError::Options(format!("{other}: is no store that is known here: {url}"))),
        }
    }
}

impl Wanted {
    fn new(url: &str, options: impl IntoIterator<Item = (String, String)>) -> Result<Wanted, OpenError> {
        let not_understood =
            |what: &dyn Display| OpenError::Options(format!("{url} is not understood: {what}"));
        let parsed = Url::parse(url).map_err(|error| not_understood(&error))?;
        let path = Path::from_url_path(parsed.path()).map_err(|error| not_understood(&error))?;
        let mut options: Vec<_> = options.into_iter().collect();
        options.extend(parsed.query_pairs().into_owned());
        let prefix = if path.as_ref().is_empty() { String::new() } else { format!("{path}/") };
        Ok(Wanted { url: parsed, prefix, options })
    }

    /// Each option, with a key that the store knows.
    fn keys<K: FromStr>(&self) -> Result<Vec<(K, String)>, OpenError> {
        let known = |(name, value): &(String, String)| match name.to_ascii_lowercase().parse() {
            Ok(key) => Ok((key, value.clone())),
            Err(_) => Err(OpenError::Options(format!("{}: has no option {name}", self.url.scheme()))),
        };
        self.options.iter().map(known).collect()
    }

    /// The URL without what was said in its query.
    fn bare(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        url.to_string()
    }
}

/// Our own retries, by outcome: object_store's would hide what happened.
fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

fn unusable(error: &object_store::Error) -> OpenError {
    OpenError::Options(error.to_string())
}

fn store(
    name: String,
    prefix: String,
    objects: Arc<dyn object_store::ObjectStore>,
    kind: StoreKind,
) -> Store {
    let shared = Shared { name, prefix, objects, kind };
    Store { shared: Arc::new(shared), request_timeout: REQUEST_TIMEOUT }
}

fn s3(name: String, wanted: Wanted) -> Result<Store, OpenError> {
    // On wasm32 there is no environment, and asking for it panics.
    #[cfg(target_arch = "wasm32")]
    let builder = AmazonS3Builder::new();
    #[cfg(not(target_arch = "wasm32"))]
    let builder = AmazonS3Builder::from_env();
    let builder = builder.with_url(wanted.bare()).with_retry(no_retries()).with_http_connector(Connector);
    #[cfg(target_arch = "wasm32")]
    let builder = builder.with_crypto_provider(Arc::new(crate::http::Sha2));
    let builder = wanted
        .keys::<AmazonS3ConfigKey>()?
        .into_iter()
        .fold(builder, |builder, (key, value)| builder.with_config(key, value));
    let objects = Arc::new(builder.build().map_err(|error| unusable(&error))?);
    let kind = StoreKind::Remote { pages: objects.clone(), conditions: Conditions::Etag };
    Ok(store(name, wanted.prefix, objects, kind))
}

fn memory(name: String, wanted: &Wanted) -> Store {
    store(name, wanted.prefix.clone(), Arc::new(InMemory::new()), StoreKind::Memory)
}

/// The stores that only native programs reach.
#[cfg(not(target_arch = "wasm32"))]
mod native {
    use std::sync::Arc;

    use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
    use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};

    use super::super::directory::Directory;
    use super::super::failure::{Failure, Kind};
    use super::{Conditions, Connector, OpenError, Store, StoreKind, Wanted, no_retries, store, unusable};

    pub(super) fn azure(name: String, wanted: Wanted) -> Result<Store, OpenError> {
        let builder = MicrosoftAzureBuilder::from_env()
            .with_url(wanted.bare())
            .with_retry(no_retries())
            .with_http_connector(Connector);
        let builder = wanted
            .keys::<AzureConfigKey>()?
            .into_iter()
            .fold(builder, |builder, (key, value)| builder.with_config(key, value));
        let objects = Arc::new(builder.build().map_err(|error| unusable(&error))?);
        let kind = StoreKind::Remote { pages: objects.clone(), conditions: Conditions::Etag };
        Ok(store(name, wanted.prefix, objects, kind))
    }

    pub(super) fn google(name: String, wanted: Wanted) -> Result<Store, OpenError> {
        let builder = GoogleCloudStorageBuilder::from_env()
            .with_url(wanted.bare())
            .with_retry(no_retries())
            .with_http_connector(Connector);
        let builder = wanted
            .keys::<GoogleConfigKey>()?
            .into_iter()
            .fold(builder, |builder, (key, value)| builder.with_config(key, value));
        let objects = Arc::new(builder.build().map_err(|error| unusable(&error))?);
        let kind = StoreKind::Remote { pages: objects.clone(), conditions: Conditions::Generation };
        Ok(store(name, wanted.prefix, objects, kind))
    }

    pub(super) fn directory(name: String, wanted: &Wanted) -> Result<Store, OpenError> {
        if let Some((option, _)) = wanted.options.first() {
            return Err(OpenError::Options(format!("file: has no option {option}")));
        }
        let Ok(root) = wanted.url.to_file_path() else {
            return Err(OpenError::Options(format!("{name} is no path of this machine")));
        };
        let directory = Directory::open(&root).map_err(|error| {
            let Failure { kind, said } = Failure::of_machine(&error);
            match kind {
                Kind::Forbidden => OpenError::Forbidden { store: name.clone(), doing: "reading", said },
                _ => OpenError::NoSuchBucket { store: name.clone(), said },
            }
        })?;
        let objects = directory.objects();
        Ok(store(name, String::new(), objects, StoreKind::Directory(directory)))
    }
}
