//! Where a page ended, as clients carry it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::identifier::digits;
use crate::db::scan::{Direction, Key};
use crate::error::{LogsError, Result};

/// Source: recorded (fact sheet "Neighbouring services", section 1).
fn invalid() -> LogsError {
    LogsError::invalid("The specified nextToken is invalid.")
}

/// A position in a list of names.
pub(super) fn of_text(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Reads [`of_text`].
pub(super) fn text(token: &str) -> Result<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
    String::from_utf8(bytes).map_err(|_| invalid())
}

/// A position in a list of streams by time: `(time, name)`.
pub(super) fn of_time_and_name(time_ms: i64, name: &str) -> String {
    of_text(&format!("{time_ms}:{name}"))
}

/// Reads [`of_time_and_name`].
pub(super) fn time_and_name(token: &str) -> Result<(i64, String)> {
    let text = text(token)?;
    let (time, name) = text.split_once(':').ok_or_else(invalid)?;
    Ok((time.parse().map_err(|_| invalid())?, name.to_owned()))
}

/// 56 digits that sort as events do: 20 of the time, 18 of the stream, 18 of the number in it.
pub(super) fn of_key(key: Key) -> String {
    digits([key.timestamp_ms, key.stream_id, key.seq])
}

/// Reads [`of_key`].
pub(super) fn key(token: &str) -> Result<Key> {
    let plain = token.len() == 56 && token.bytes().all(|b| b.is_ascii_digit());
    let number = |from: usize, to: usize| {
        token.get(from..to).filter(|_| plain).and_then(|digits| digits.parse().ok()).ok_or_else(invalid)
    };
    Ok(Key {
        timestamp_ms: number(0, 20)?,
        stream_id: number(20, 38)?,
        seq: number(38, 56)?,
    })
}

/// A token of `GetLogEvents`: `f/<position>/s` goes on forward, `b/<position>/s` backward.
pub(super) fn of_direction(direction: Direction, key: Key) -> String {
    let letter = match direction {
        Direction::Forward => 'f',
        Direction::Backward => 'b',
    };
    format!("{letter}/{}/s", of_key(key))
}

/// Reads [`of_direction`].
pub(super) fn direction(token: &str) -> Result<(Direction, Key)> {
    let (letter, rest) = token.split_once('/').ok_or_else(invalid)?;
    let direction = match letter {
        "f" => Direction::Forward,
        "b" => Direction::Backward,
        _ => return Err(invalid()),
    };
    Ok((direction, key(rest.strip_suffix("/s").ok_or_else(invalid)?)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::db::scan::MAX_ID;

    proptest! {
        #[test]
        fn tokens_come_back(timestamp_ms in 0..i64::MAX, stream_id in 0..=MAX_ID, seq in 0..=MAX_ID, name: String) {
            let position = Key { timestamp_ms, stream_id, seq };
            prop_assert_eq!(key(&of_key(position)).unwrap(), position);
            for way in [Direction::Forward, Direction::Backward] {
                prop_assert_eq!(direction(&of_direction(way, position)).unwrap(), (way, position));
            }
            let back = time_and_name(&of_time_and_name(timestamp_ms, &name)).unwrap();
            prop_assert_eq!(back, (timestamp_ms, name.clone()));
            prop_assert_eq!(text(&of_text(&name)).unwrap(), name);
        }

        #[test]
        fn what_is_no_token_is_refused(text in "[fbx]?/?[0-9a]{0,60}(/s)?|\\PC{0,20}") {
            for result in [direction(&text).map(|_| ()), key(&text).map(|_| ()), time_and_name(&text).map(|_| ())] {
                if let Err(error) = result {
                    prop_assert_eq!(error.to_string(), "The specified nextToken is invalid.");
                }
            }
        }
    }
}
