//! Figures as text.
//!
//! By integers only: the formatting of floats would be a tenth of the page.

/// A count with its thousands apart: `56,899`.
pub(crate) fn integer(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An offset with its thousands apart.
pub(crate) fn offset(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}", integer(value.unsigned_abs()))
}

/// A size in decimal units, with one decimal below ten: `431 B`, `1.5 kB`, `64 MB`.
pub(crate) fn bytes(value: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if value < 1000 {
        return format!("{value} B");
    }
    let (mut tenths, mut unit) = (round_div(value, 100), 0);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths = round_div(tenths, 1000);
        unit += 1;
    }
    format!("{} {}", one_decimal(tenths), UNITS[unit])
}

/// A number of things a second; one decimal below ten: `1,234`, `3.5`, `0`.
pub(crate) fn rate(per_second: f64) -> String {
    one_decimal(whole(per_second * 10.0))
}

/// A duration: `850 ms`, `12.3 s`, `2 min 5 s`.
pub(crate) fn duration(ms: f64) -> String {
    let ms = whole(ms);
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..60_000 => {
            let tenths = ms / 100;
            format!("{}.{} s", tenths / 10, tenths % 10)
        }
        _ => format!("{} min {} s", integer(ms / 60_000), ms % 60_000 / 1000),
    }
}

/// A time in ISO 8601 (with the space that RFC 3339 allows, where a line can break) with milliseconds,
/// `2026-03-01 13:05:00.250+01:00`.
///
/// `wall_ms` counts from 1970 in UTC, `offset_minutes` is how far local time is ahead of UTC.
pub(crate) fn iso_time(wall_ms: i64, offset_minutes: i32) -> String {
    let local = wall_ms.saturating_add(i64::from(offset_minutes) * 60_000);
    let (year, month, day) = civil(local.div_euclid(86_400_000));
    let (hour, minute, second, ms) = time_of_day(local);
    let sign = if offset_minutes < 0 { '-' } else { '+' };
    let ahead = offset_minutes.unsigned_abs();
    format!(
        "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{ms:03}{sign}{:02}:{:02}",
        ahead / 60,
        ahead % 60
    )
}

/// The time of day alone, `13:05:00`.
pub(crate) fn clock_time(wall_ms: i64, offset_minutes: i32) -> String {
    let (hour, minute, second, _) = time_of_day(wall_ms.saturating_add(i64::from(offset_minutes) * 60_000));
    format!("{hour:02}:{minute:02}:{second:02}")
}

fn time_of_day(local_ms: i64) -> (i64, i64, i64, i64) {
    let ms = local_ms.rem_euclid(86_400_000);
    (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
///
/// Years are counted from March, so that the leap day is the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_IN_400_YEARS: i64 = 146_097;
    let since_march_0 = days + 719_468;
    let era = since_march_0.div_euclid(DAYS_IN_400_YEARS);
    let day_of_era = since_march_0.rem_euclid(DAYS_IN_400_YEARS);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn one_decimal(tenths: u64) -> String {
    if tenths < 100 && !tenths.is_multiple_of(10) {
        format!("{}.{}", tenths / 10, tenths % 10)
    } else {
        integer(round_div(tenths, 10))
    }
}

fn round_div(value: u64, by: u64) -> u64 {
    (value + by / 2) / by
}

/// The nearest whole number; what is negative or no number counts as 0.
fn whole(value: f64) -> u64 {
    value.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_their_thousands_apart() {
        assert_eq!(integer(0), "0");
        assert_eq!(integer(999), "999");
        assert_eq!(integer(56_899), "56,899");
        assert_eq!(integer(1_000_000), "1,000,000");
        assert_eq!(offset(-1234), "-1,234");
    }

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_500), "1.5 kB");
        assert_eq!(bytes(64_000_000), "64 MB");
        assert_eq!(bytes(999_999), "1 MB");
        assert!(bytes(u64::MAX - 100).ends_with("PB"));
    }

    #[test]
    fn rates_and_durations_are_short() {
        assert_eq!(rate(0.0), "0");
        assert_eq!(rate(3.52), "3.5");
        assert_eq!(rate(1234.4), "1,234");
        assert_eq!(rate(f64::NAN), "0");
        assert_eq!(duration(850.2), "850 ms");
        assert_eq!(duration(12_345.0), "12.3 s");
        assert_eq!(duration(125_000.0), "2 min 5 s");
    }

    #[test]
    fn times_are_iso_8601_in_local_time() {
        assert_eq!(iso_time(0, 0), "1970-01-01 00:00:00.000+00:00");
        assert_eq!(iso_time(951_782_400_250, 60), "2000-02-29 01:00:00.250+01:00");
        assert_eq!(iso_time(-1, -330), "1969-12-31 18:29:59.999-05:30");
        assert_eq!(clock_time(3_661_000, 0), "01:01:01");
        assert!(!iso_time(i64::MAX, 0).is_empty());
        assert!(!iso_time(i64::MIN, -60).is_empty());
    }
}
