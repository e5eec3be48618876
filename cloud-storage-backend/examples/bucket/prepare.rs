//! Makes a bucket, which the library does not: that is for whoever pays for it.

use anyhow::{Context as _, Result, bail};
use object_store::ClientOptions;
use object_store::azure::{AzureAuthorizer, AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::{HttpConnector as _, HttpRequest, HttpRequestBody, ReqwestConnector};
use url::Url;

pub(crate) async fn run(url: &str) -> Result<()> {
    let url = Url::parse(url)?;
    // Of several in this process, the first is taken.
    drop(rustls::crypto::ring::default_provider().install_default());
    let option =
        |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let endpoint = option("endpoint").context("without an endpoint this would be a real cloud")?;
    let bucket = url.host_str().context("the URL names no bucket")?;
    let request = match url.scheme() {
        "s3" => http::Request::put(format!("{endpoint}/{bucket}")).body(HttpRequestBody::empty())?,
        "az" => {
            let account = option("account_name").context("no account_name")?;
            let mut builder = MicrosoftAzureBuilder::new().with_container_name(bucket);
            for (key, value) in url.query_pairs() {
                builder = builder.with_config(key.parse::<AzureConfigKey>()?, value);
            }
            let credential = builder.build()?.credentials().get_credential().await?;
            let uri = format!("{endpoint}/{bucket}?restype=container");
            let mut request: HttpRequest =
                http::Request::put(uri).header("content-length", "0").body(HttpRequestBody::empty())?;
            AzureAuthorizer::new(&credential, &account).try_authorize(&mut request)?;
            request
        }
        other => bail!("{other}: has no bucket to be made"),
    };
    let client = ReqwestConnector::default().connect(&ClientOptions::new().with_allow_http(true))?;
    let response = client.execute(request).await?;
    let status = response.status();
    if !status.is_success() && status != http::StatusCode::CONFLICT {
        bail!("{bucket} was not made: {status}");
    }
    Ok(())
}
