//! The two ways in which a signature's time is written.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::TimeZone;

/// Reads `20130524T000000Z`, or the RFC 2822 form of the `Date` header. Unix seconds.
pub(super) fn parse(text: &str) -> Option<i64> {
    parse_compact(text).or_else(|| Some(DateTimeParser::new().parse_timestamp(text).ok()?.as_second()))
}

fn parse_compact(text: &str) -> Option<i64> {
    let digits = text.as_bytes();
    if digits.len() != 16 || digits[8] != b'T' || digits[15] != b'Z' {
        return None;
    }
    let number = |from: usize, to: usize| {
        let part = &digits[from..to];
        let all_digits = part.iter().all(u8::is_ascii_digit);
        all_digits.then(|| part.iter().fold(0_i16, |sum, digit| sum * 10 + i16::from(digit - b'0')))
    };
    let small = |from| i8::try_from(number(from, from + 2)?).ok();
    let civil = DateTime::new(number(0, 4)?, small(4)?, small(6)?, small(9)?, small(11)?, small(13)?, 0).ok()?;
    Some(TimeZone::UTC.to_timestamp(civil).ok()?.as_second())
}

/// Writes Unix seconds as `20130524T000000Z`.
pub(super) fn compact(second: i64) -> String {
    let civil = TimeZone::UTC.to_datetime(Timestamp::from_second(second).unwrap_or_default());
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        civil.year(),
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute(),
        civil.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(parse(text), expected, "{text}");
    }

    #[test]
    fn both_forms() {
        check("20130524T000000Z", Some(1_369_353_600));
        check("Fri, 24 May 2013 00:00:00 GMT", Some(1_369_353_600));
        for bad in ["", "20130524", "20130524T000000", "20131324T000000Z", "2013052\u{e9}T00000Z", "+0130524T000000Z"] {
            check(bad, None);
        }
        assert_eq!(compact(1_369_353_600), "20130524T000000Z");
    }

    proptest::proptest! {
        #[test]
        fn compact_times_come_back(second in 0_i64..253_402_300_799) {
            proptest::prop_assert_eq!(parse(&compact(second)), Some(second));
        }

        #[test]
        fn arbitrary_text_never_panics(text in ".*") {
            let _ = parse(&text);
        }
    }
}
