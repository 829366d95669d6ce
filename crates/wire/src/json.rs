//! JSON request bodies.

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::error::ApiError;

/// Reads a request body; an empty one reads as `{}`.
///
/// # Errors
/// A 400 `SerializationException`, whose text names the token and the type that did not fit as
/// AWS's own parser does, e.g. `NUMBER_VALUE cannot be converted to String`; where that parser's
/// words are not known, the position and cause.
pub fn parse_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let body = if body.iter().all(u8::is_ascii_whitespace) { b"{}".as_slice() } else { body };
    serde_json::from_slice(body).map_err(|error| serialization_error(&error))
}

fn serialization_error(error: &serde_json::Error) -> ApiError {
    let detail = error.to_string();
    let text = match error.classify() {
        Category::Data => mismatch(&detail).unwrap_or(detail),
        Category::Syntax | Category::Eof | Category::Io => format!("could not parse request body into json: {detail}"),
    };
    ApiError::user(StatusCode::BAD_REQUEST, "SerializationException", text).untyped()
}

/// Puts "invalid type: integer `5`, expected a string at line 1 column 7" in AWS's words.
///
/// The words are those of widely quoted answers of Lambda, Logs and DynamoDB; none is documented.
fn mismatch(detail: &str) -> Option<String> {
    let (found, expected) = detail.strip_prefix("invalid type: ")?.split_once(", expected ")?;
    let token = match found.split([' ', '`']).next()? {
        "integer" | "floating" => "NUMBER_VALUE",
        "string" => "STRING_VALUE",
        "boolean" if found.contains("true") => "TRUE_VALUE",
        "boolean" => "FALSE_VALUE",
        "map" => return Some("Start of structure or map found where not expected.".to_owned()),
        "sequence" => return Some("Start of list found where not expected".to_owned()),
        _ => return None,
    };
    let expected = expected.split(" at line ").next()?;
    let wanted = match expected {
        "a string" | "a borrowed string" => "String",
        "a boolean" => "Boolean",
        "i8" | "i16" | "i32" | "u8" | "u16" | "u32" => "Integer",
        "i64" | "u64" | "usize" => "Long",
        "f32" | "f64" => "Double",
        _ => return Some(format!("Unexpected token received from parser: {token} where {expected} was expected")),
    };
    Some(format!("{token} cannot be converted to {wanted}"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(rename_all = "PascalCase", default)]
    struct Sample {
        name: Option<String>,
        timeout: Option<i32>,
        publish: Option<bool>,
        layers: Vec<String>,
    }

    #[track_caller]
    fn check(body: &str, expected: &str) {
        let error = parse_body::<Sample>(body.as_bytes()).unwrap_err();
        assert_eq!((error.status, &*error.code), (StatusCode::BAD_REQUEST, "SerializationException"));
        assert_eq!(error.message.as_deref(), Some(expected), "{body}");
    }

    #[test]
    fn an_empty_body_is_an_empty_document() {
        for body in ["", " \n", "{}"] {
            assert_eq!(parse_body::<Sample>(body.as_bytes()).unwrap(), Sample::default());
        }
    }

    #[test]
    fn type_mismatches_read_as_on_aws() {
        check(r#"{"Name": 5}"#, "NUMBER_VALUE cannot be converted to String");
        check(r#"{"Name": true}"#, "TRUE_VALUE cannot be converted to String");
        check(r#"{"Timeout": "5"}"#, "STRING_VALUE cannot be converted to Integer");
        check(r#"{"Publish": "yes"}"#, "STRING_VALUE cannot be converted to Boolean");
        check(r#"{"Name": {}}"#, "Start of structure or map found where not expected.");
        check(r#"{"Name": []}"#, "Start of list found where not expected");
        check(
            r#"{"Layers": "x"}"#,
            "Unexpected token received from parser: STRING_VALUE where a sequence was expected",
        );
    }

    #[test]
    fn malformed_documents_say_where() {
        check(r#"{"Name": "#, "could not parse request body into json: EOF while parsing a value at line 1 column 9");
        check("nope", "could not parse request body into json: expected ident at line 1 column 2");
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = parse_body::<Sample>(&bytes);
        }
    }
}
