//! A message as a JavaScript value: a two-element array, the message and its attachment (`undefined` when none).

use js_sys::Array;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;

/// What a `postMessage` carries.
///
/// 64-bit integers become `bigint`s.
///
/// # Errors
///
/// When the message holds something that has no form in JavaScript; no message of this crate does.
pub fn encode<T: Serialize>(message: &T, attachment: &JsValue) -> Result<JsValue, JsValue> {
    let serializer = serde_wasm_bindgen::Serializer::new().serialize_large_number_types_as_bigints(true);
    Ok(Array::of2(&message.serialize(&serializer)?, attachment).into())
}

/// The inverse of [`encode`].
///
/// # Errors
///
/// When the value is not such a message.
pub fn decode<T: DeserializeOwned>(value: JsValue) -> Result<(T, JsValue), JsValue> {
    let array: Array = wasm_bindgen::JsCast::dyn_into(value)?;
    Ok((serde_wasm_bindgen::from_value(array.get(0))?, array.get(1)))
}
