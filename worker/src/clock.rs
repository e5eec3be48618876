//! The clocks and the entropy of a worker.

use headwater_engine::Now;
use js_sys::{Date, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Crypto, Performance};

/// Milliseconds since the worker started, with fractions; never goes back.
#[must_use]
pub(crate) fn monotonic_ms() -> f64 {
    property::<Performance>("performance").map_or_else(Date::now, |performance| performance.now())
}

/// Milliseconds since 1970, with fractions.
#[must_use]
pub(crate) fn wall_ms() -> f64 {
    Date::now()
}

/// Both clocks, as the broker and the clients want them.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times are positive and far below 2^53"
)]
pub(crate) fn now() -> Now {
    Now { monotonic_ms: monotonic_ms() as u64, wall_ms: Date::now() as i64 }
}

/// A random number from the platform's generator.
///
/// # Errors
///
/// When the platform has none.
pub(crate) fn entropy() -> Result<u64, JsValue> {
    let crypto = property::<Crypto>("crypto").ok_or("there is no source of entropy")?;
    let mut bytes = [0; 8];
    crypto.get_random_values_with_u8_array(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

fn property<T: JsCast>(name: &str) -> Option<T> {
    Reflect::get(&js_sys::global(), &name.into()).ok()?.dyn_into().ok()
}
