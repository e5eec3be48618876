//! One tab at a time: the browser's lock on a broker's database.

use std::cell::Cell;
use std::rc::Rc;

use futures_channel::oneshot;
use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::{Closure, wasm_bindgen};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::WorkerGlobalScope;

#[wasm_bindgen]
extern "C" {
    /// `navigator.locks`, which `web-sys` has as an unstable interface only.
    type LockManager;

    #[wasm_bindgen(method)]
    fn request(this: &LockManager, name: &str, options: &JsValue, on_given: &Function) -> Promise;
}

/// Takes a lock and keeps it until the worker ends. `wait` is called when somebody else has it.
///
/// # Errors
///
/// When the browser has no locks, or refuses.
pub(super) async fn take(name: &str, wait: impl FnOnce()) -> Result<(), JsValue> {
    let scope = js_sys::global().dyn_into::<WorkerGlobalScope>()?;
    let locks = Reflect::get(&scope.navigator(), &"locks".into())?;
    if locks.is_undefined() {
        return Err(
            "This browser has no Web Locks here; the page must come over https or from localhost.".into()
        );
    }
    let locks: LockManager = locks.unchecked_into();
    if request(&locks, name, true).await? {
        return Ok(());
    }
    wait();
    request(&locks, name, false).await.map(drop)
}

/// Asks for the lock; false when it is `if_available` and is not.
async fn request(locks: &LockManager, name: &str, if_available: bool) -> Result<bool, JsValue> {
    let (sender, given) = oneshot::channel();
    let sender = Rc::new(Cell::new(Some(sender)));
    let answer = sender.clone();
    // The lock is held until the promise that is returned here is settled: it never is.
    let on_given = Closure::once_into_js(move |lock: JsValue| {
        let have = !lock.is_null();
        tell(&answer, Ok(have));
        if have { Promise::new(&mut |_, _| {}).into() } else { JsValue::UNDEFINED }
    });
    let options = Object::new();
    Reflect::set(&options, &"ifAvailable".into(), &if_available.into())?;
    let request = locks.request(name, &options, on_given.unchecked_ref());
    let on_refused = Closure::once(move |error: JsValue| tell(&sender, Err(error)));
    let _ = request.catch(&on_refused);
    // The callback lives as long as the lock, which is as long as the worker.
    on_refused.forget();
    given.await.unwrap_or(Ok(false))
}

type Answer = Cell<Option<oneshot::Sender<Result<bool, JsValue>>>>;

fn tell(answer: &Answer, result: Result<bool, JsValue>) {
    if let Some(sender) = answer.take() {
        let _ = sender.send(result);
    }
}
