//! How much the browser stores for this page, and whether it promised to keep it.

use js_sys::Reflect;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::StorageManager;
use yew::Callback;

use crate::state::{Action, StorageFigures};

/// Asks the browser not to throw the storage away, and tells how it stands then.
pub(super) fn persist(emit: Callback<Action>) {
    spawn_local(async move {
        let Some(manager) = manager() else { return };
        if let Ok(promise) = manager.persist() {
            // A refusal changes nothing; what counts is asked for next.
            let _refused = JsFuture::from(promise).await.is_err();
        }
        emit.emit(Action::Storage(figures(&manager).await));
    });
}

/// Tells how much is stored.
pub(super) fn estimate(emit: Callback<Action>) {
    spawn_local(async move {
        if let Some(manager) = manager() {
            emit.emit(Action::Storage(figures(&manager).await));
        }
    });
}

async fn figures(manager: &StorageManager) -> StorageFigures {
    let mut figures = StorageFigures::default();
    if let Ok(promise) = manager.estimate()
        && let Ok(estimate) = JsFuture::from(promise).await
    {
        figures.usage_bytes = number(&estimate, "usage");
        figures.quota_bytes = number(&estimate, "quota");
    }
    if let Ok(promise) = manager.persisted()
        && let Ok(persisted) = JsFuture::from(promise).await
    {
        figures.persisted = persisted.as_bool();
    }
    figures
}

/// None where the page is not in a secure context.
fn manager() -> Option<StorageManager> {
    let manager = web_sys::window()?.navigator().storage();
    (!JsValue::is_undefined(&manager)).then_some(manager)
}

fn number(object: &JsValue, property: &str) -> Option<u64> {
    let number = Reflect::get(object, &property.into()).ok()?.as_f64()?;
    Some(number as u64)
}
