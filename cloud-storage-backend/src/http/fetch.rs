//! HTTP over `fetch`, as there is in browsers, workers, Node, Deno and workerd.

use std::fmt;

use async_trait::async_trait;
use futures_channel::oneshot;
use http_body_util::BodyExt as _;
use js_sys::{Promise, Uint8Array};
use object_store::client::{HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{AbortController, Headers, Request, RequestInit, Response};

#[wasm_bindgen]
extern "C" {
    /// It is a method of different objects, but a function everywhere.
    fn fetch(request: &Request) -> Promise;
}

/// Sends requests with `fetch`.
#[derive(Debug)]
pub(super) struct Fetch;

#[async_trait]
impl HttpService for Fetch {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        // What belongs to JavaScript stays in its own task; object_store wants futures that could go to other threads.
        let (sender, answer) = oneshot::channel();
        spawn_local(exchange(request, sender));
        let gone = || failed(HttpErrorKind::Interrupted, "the request was given up");
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}

async fn exchange(request: HttpRequest, mut answer: oneshot::Sender<Result<HttpResponse, HttpError>>) {
    let controller = AbortController::new().ok();
    let result = {
        let sent = std::pin::pin!(send(request, controller.as_ref()));
        match futures_util::future::select(sent, answer.cancellation()).await {
            futures_util::future::Either::Left((result, _)) => Some(result),
            futures_util::future::Either::Right(_) => None,
        }
    };
    match (result, controller) {
        (Some(result), _) => {
            // Who asked may be gone by now.
            drop(answer.send(result.map_err(|error| failed(HttpErrorKind::Request, error))));
        }
        (None, Some(controller)) => controller.abort(),
        (None, None) => {}
    }
}

async fn send(request: HttpRequest, controller: Option<&AbortController>) -> Result<HttpResponse, JsValue> {
    let (parts, body) = request.into_parts();
    let init = RequestInit::new();
    init.set_method(parts.method.as_str());
    let headers = Headers::new()?;
    for (name, value) in &parts.headers {
        // JavaScript says itself whom it talks to, and how long the body is.
        if name != http::header::HOST && name != http::header::CONTENT_LENGTH {
            let value = value.to_str().map_err(|error| JsValue::from_str(&error.to_string()))?;
            headers.append(name.as_str(), value)?;
        }
    }
    init.set_headers(&headers);
    // Not asked with `is_empty`, which object_store 0.14 answers the wrong way round.
    if body.content_length() > 0 {
        let body = body.collect().await.map_err(|error| JsValue::from_str(&error.to_string()))?;
        init.set_body(&Uint8Array::from(body.to_bytes().as_ref()));
    }
    if let Some(controller) = controller {
        init.set_signal(Some(&controller.signal()));
    }
    let request = Request::new_with_str_and_init(&parts.uri.to_string(), &init)?;
    let response: Response = JsFuture::from(fetch(&request)).await?.dyn_into()?;
    let bytes = Uint8Array::new(&JsFuture::from(response.array_buffer()?).await?).to_vec();
    answered(&response, bytes)
}

fn answered(response: &Response, bytes: Vec<u8>) -> Result<HttpResponse, JsValue> {
    let mut builder = http::Response::builder().status(response.status());
    for entry in response.headers().entries() {
        let pair = js_sys::Array::from(&entry?);
        if let (Some(name), Some(value)) = (pair.get(0).as_string(), pair.get(1).as_string()) {
            // It is here as a whole, and no longer compressed.
            if !matches!(name.as_str(), "content-encoding" | "transfer-encoding") {
                builder = builder.header(name, value);
            }
        }
    }
    builder.body(bytes.into()).map_err(|error| JsValue::from_str(&error.to_string()))
}

/// What JavaScript threw, as an error that can go to other threads.
#[derive(Debug)]
struct Thrown(String);

impl fmt::Display for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Thrown {}

fn failed(kind: HttpErrorKind, thrown: impl Into<JsValue>) -> HttpError {
    let thrown = thrown.into();
    let text = match thrown.dyn_ref::<js_sys::Error>() {
        Some(error) => String::from(error.message()),
        None => thrown.as_string().unwrap_or_else(|| format!("{thrown:?}")),
    };
    HttpError::new(kind, Thrown(text))
}
