//! The event must be JSON. The texts are those of the Java parser that the service uses.
//!
//! Source: fact sheet "Lambda invocation", section 1.

use bytes::Bytes;
use serde::de::IgnoredAny;

/// What the service prints instead of the document.
const SOURCE: &str = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)";

const EXPECTED: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

/// Passes JSON on; an empty body is an empty object. The error is the text of the answer.
pub(super) fn check(body: Bytes) -> Result<Bytes, String> {
    if body.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    match serde_json::from_slice::<IgnoredAny>(&body) {
        Ok(IgnoredAny) => match first_bad_byte(&body) {
            None => Ok(body),
            Some(at) => Err(refused(&body, at, &format!("Invalid UTF-8 start byte 0x{:x}", body[at]))),
        },
        Err(error) => Err(describe(&body, &error)),
    }
}

/// `IgnoredAny` does not look into strings, so bytes that are no UTF-8 are found apart.
fn first_bad_byte(body: &[u8]) -> Option<usize> {
    std::str::from_utf8(body).err().map(|error| error.valid_up_to())
}

fn describe(body: &[u8], error: &serde_json::Error) -> String {
    if error.is_eof() {
        return refused(body, body.len(), "Unexpected end-of-input");
    }
    let at = offset(body, error.line(), error.column());
    let byte = body.get(at).copied().unwrap_or_default();
    let message = match byte {
        0..=0x1f => format!("Unexpected character ((CTRL-CHAR, code {byte})): expected a valid value {EXPECTED}"),
        b if b.is_ascii_alphabetic() => {
            let start = body[..at].iter().rposition(|b| !b.is_ascii_alphanumeric()).map_or(0, |p| p + 1);
            let token: Vec<u8> = body[start..].iter().copied().take_while(u8::is_ascii_alphanumeric).collect();
            format!("Unrecognized token '{}': was expecting {EXPECTED}", String::from_utf8_lossy(&token))
        }
        b if b.is_ascii() => {
            format!("Unexpected character ('{}' (code {b})): expected a valid value {EXPECTED}", char::from(b))
        }
        b => match first_bad_byte(body) {
            Some(bad) if bad <= at => format!("Invalid UTF-8 start byte 0x{:x}", body[bad]),
            _ => format!("Unexpected character ((CTRL-CHAR, code {b})): expected a valid value {EXPECTED}"),
        },
    };
    refused(body, at, &message)
}

/// Line and column, both from 1, to an offset.
fn offset(body: &[u8], line: usize, column: usize) -> usize {
    let start = match line {
        0 | 1 => 0,
        n => body.iter().enumerate().filter(|(_, b)| **b == b'\n').nth(n - 2).map_or(0, |(at, _)| at + 1),
    };
    (start + column.saturating_sub(1)).min(body.len().saturating_sub(1))
}

fn refused(body: &[u8], at: usize, message: &str) -> String {
    let before = &body[..at.min(body.len())];
    let line = before.iter().filter(|b| **b == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|b| **b != b'\n').count() + 1;
    format!(
        "Could not parse request body into json: Could not parse payload into json: {message}\n at {SOURCE}; line: \
         {line}, column: {column}]"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(body: &'static [u8], message: &str) {
        match check(Bytes::from_static(body)) {
            Err(text) => assert!(text.contains(message), "{text}"),
            Ok(_) => panic!("expected a refusal"),
        }
    }

    #[test]
    fn json_passes_and_nothing_is_an_object() {
        for good in ["null", "1", "\"x\"", " {\"a\": [1, 2]} ", "true"] {
            assert_eq!(check(Bytes::from(good)).ok(), Some(Bytes::from(good)));
        }
        assert_eq!(check(Bytes::new()).ok(), Some(Bytes::from_static(b"{}")));
    }

    #[test]
    fn anything_else_is_refused_in_the_parsers_words() {
        check_refused(b"hello", "Unrecognized token 'hello': was expecting (JSON String");
        check_refused(b"{\"a\":", "Unexpected end-of-input");
        check_refused(b"\x99", "line: 1, column: 1]");
        check_refused(b"\"\x87\"", "Invalid UTF-8 start byte 0x87");
        check_refused(b"{}}", "Unexpected character ('}' (code 125))");
        check_refused(b"[1,\n 2,\n ?]", "line: 3, column: 2]");
    }
}
