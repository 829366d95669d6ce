//! Times as the API writes them. Source: fact sheet "Lambda control-plane API", section 1.3.

use jiff::Timestamp;

/// `YYYY-MM-DDThh:mm:ss.mmm+0000` of Unix milliseconds.
pub(crate) fn milliseconds(unix_ms: i64) -> String {
    // A timestamp is shown in UTC.
    let time = Timestamp::from_millisecond(unix_ms).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string()
}

/// `YYYY-MM-DDThh:mm:ss.mmmZ` of Unix milliseconds.
pub(crate) fn milliseconds_utc(unix_ms: i64) -> String {
    let time = Timestamp::from_millisecond(unix_ms).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// `YYYY-MM-DDThh:mm:ss+0000` of Unix milliseconds.
pub(crate) fn seconds(unix_ms: i64) -> String {
    let time = Timestamp::from_millisecond(unix_ms).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string()
}

/// Seconds with a fraction of Unix milliseconds.
#[allow(clippy::cast_precision_loss)] // A double holds the milliseconds of 285,000 years.
pub(crate) fn epoch_seconds(unix_ms: i64) -> f64 {
    unix_ms as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_and_no_colon_in_the_offset() {
        assert_eq!(milliseconds(0), "1970-01-01T00:00:00.000+0000");
        assert_eq!(milliseconds(1_700_000_000_120), "2023-11-14T22:13:20.120+0000");
        assert_eq!(milliseconds_utc(1_700_000_000_120), "2023-11-14T22:13:20.120Z");
        assert_eq!(seconds(1_700_000_000_120), "2023-11-14T22:13:20+0000");
    }
}
