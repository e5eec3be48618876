//! Local time.

use js_sys::Date;
use wasm_bindgen::JsValue;

use crate::format;

/// A time with date and offset from UTC, in the zone of this computer.
pub(super) fn local_iso(wall_ms: i64) -> String {
    format::iso_time(wall_ms, offset_minutes(wall_ms))
}

/// The time of day, in the zone of this computer.
pub(super) fn local_clock(wall_ms: i64) -> String {
    format::clock_time(wall_ms, offset_minutes(wall_ms))
}

/// How far local time is ahead of UTC then; 0 outside the dates that JavaScript has.
fn offset_minutes(wall_ms: i64) -> i32 {
    let behind = Date::new(&JsValue::from_f64(wall_ms as f64)).get_timezone_offset();
    if behind.is_finite() { -(behind as i32) } else { 0 }
}
