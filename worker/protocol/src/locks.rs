//! The browser's locks (`navigator.locks`), which `web-sys` has as an unstable interface only.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::{Closure, wasm_bindgen};
use wasm_bindgen::{JsCast, JsValue};

#[wasm_bindgen]
extern "C" {
    type LockManager;

    #[wasm_bindgen(method)]
    fn request(this: &LockManager, name: &str, options: &JsValue, on_given: &Function) -> Promise;
}

/// How a lock is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ask {
    /// If nobody has it.
    IfAvailable,
    /// Wait until nobody has it.
    Wait,
    /// Wait until nobody has it, and let it go at once.
    Pass,
    /// Take it from whoever has it.
    Steal,
}

/// What becomes of a lock.
#[derive(Clone, PartialEq, Debug)]
pub enum LockNews {
    /// It is given, and kept until the page or worker ends or it is stolen.
    Given,
    /// Somebody else has it; only for [`Ask::IfAvailable`].
    Taken,
    /// It was given, and then stolen.
    Stolen,
    /// The browser refuses.
    Refused(JsValue),
}

/// Asks for a lock. `tell` hears what becomes of it: one of given, taken or refused, and stolen after given.
///
/// # Errors
///
/// When the browser has no locks: the page does not come over HTTPS or from this computer.
pub fn request(name: &str, ask: Ask, tell: impl Fn(LockNews) + 'static) -> Result<(), JsValue> {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into())?;
    let locks = Reflect::get(&navigator, &"locks".into())?;
    if locks.is_undefined() {
        return Err(
            "This browser has no Web Locks here; the page must come over https or from localhost.".into()
        );
    }
    let options = Object::new();
    match ask {
        Ask::IfAvailable => drop(Reflect::set(&options, &"ifAvailable".into(), &JsValue::TRUE)?),
        Ask::Steal => drop(Reflect::set(&options, &"steal".into(), &JsValue::TRUE)?),
        Ask::Wait | Ask::Pass => {}
    }
    let tell = Rc::new(tell);
    let is_given = Rc::new(Cell::new(false));
    let (given, on_given) = (is_given.clone(), tell.clone());
    // The lock is held until the promise that is returned here is settled: it never is.
    let on_given = Closure::once_into_js(move |lock: JsValue| {
        if lock.is_null() {
            on_given(LockNews::Taken);
            return JsValue::UNDEFINED;
        }
        given.set(true);
        on_given(LockNews::Given);
        if ask == Ask::Pass {
            return JsValue::UNDEFINED;
        }
        Promise::new(&mut |_, _| {}).into()
    });
    let locks: LockManager = locks.unchecked_into();
    let promise = locks.request(name, &options, on_given.unchecked_ref());
    let on_ended = Closure::once(move |error: JsValue| {
        tell(if is_given.get() { LockNews::Stolen } else { LockNews::Refused(error) });
    });
    let _ = promise.catch(&on_ended);
    // The callback lives as long as the lock.
    on_ended.forget();
    Ok(())
}
