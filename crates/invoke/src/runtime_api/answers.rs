//! The API's answers, byte for byte as AWS's daemon gives them.

use std::borrow::Cow;
use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;

use super::Delivery;
use super::state::Refusal;
use crate::RESPONSE_BYTES_MAX;

pub(crate) type Answer = Response<Full<Bytes>>;

/// `next`: the event, with its headers. Empty ones are left out.
pub(super) fn event(delivery: &Delivery) -> Answer {
    // Ruby's client parses the event only when the content type is exactly this.
    let mut answer = json(StatusCode::OK, delivery.event.clone());
    let headers = answer.headers_mut();
    let mut put = |name: &'static str, value: &str| {
        if let (false, Ok(value)) = (value.is_empty(), HeaderValue::from_bytes(value.as_bytes())) {
            headers.insert(name, value);
        }
    };
    put("lambda-runtime-aws-request-id", &delivery.request_id);
    put("lambda-runtime-deadline-ms", &delivery.deadline_ms.to_string());
    put("lambda-runtime-invoked-function-arn", &delivery.invoked_arn);
    put("lambda-runtime-trace-id", &delivery.trace_header);
    put("lambda-runtime-client-context", &in_ascii(delivery.client_context.as_deref().unwrap_or_default()));
    put("lambda-runtime-cognito-identity", delivery.cognito_identity.as_deref().unwrap_or_default());
    answer
}

/// A JSON document with escapes for all that is not ASCII. Clients differ in what they take other bytes of a header for:
/// UTF-8, Latin-1, or (that of Rust) a reason to give up.
fn in_ascii(json: &str) -> Cow<'_, str> {
    if json.is_ascii() {
        return json.into();
    }
    let mut escaped = String::with_capacity(json.len() * 2);
    for c in json.chars() {
        if c.is_ascii() {
            escaped.push(c);
        } else {
            // Infallible: a String takes all that is written.
            let _ = c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(escaped, "\\u{unit:04x}"));
        }
    }
    escaped.into()
}

/// `restore/next`.
pub(super) fn restored() -> Answer {
    json(StatusCode::OK, Bytes::new())
}

/// 202.
pub(crate) fn accepted() -> Answer {
    json(StatusCode::ACCEPTED, Bytes::from_static(b"{\"status\":\"OK\"}\n"))
}

pub(super) fn pong() -> Answer {
    let mut answer = json(StatusCode::OK, Bytes::from_static(b"pong"));
    answer.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    answer
}

pub(super) fn refused(refusal: Refusal) -> Answer {
    match refusal {
        Refusal::RequestId => error(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID"),
        Refusal::Transition { from, to } => {
            let message = format!(
                "State transition from {} to {} failed for runtime. Error: State transition is not allowed",
                from.as_str(),
                to.as_str()
            );
            error(StatusCode::FORBIDDEN, "InvalidStateTransition", &message)
        }
    }
}

pub(super) fn too_large() -> Answer {
    let message = format!("Exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes).");
    error(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
}

pub(super) fn truncated() -> Answer {
    error(StatusCode::BAD_REQUEST, "TruncatedHTTPRequest", "HTTP request detected as truncated")
}

pub(super) fn bad_response_mode() -> Answer {
    error(StatusCode::BAD_REQUEST, "InvalidFunctionResponseMode", "Invalid function response mode")
}

pub(crate) fn not_found(path: &str) -> Answer {
    let message = format!("{path} is not a call that this environment serves");
    error(StatusCode::NOT_FOUND, "NotFound", &message)
}

pub(crate) fn error(status: StatusCode, kind: &str, message: &str) -> Answer {
    json(status, serde_json::json!({"errorMessage": message, "errorType": kind}).to_string().into())
}

/// With the content type that Ruby's client wants exactly so.
pub(crate) fn json(status: StatusCode, bytes: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(bytes));
    *answer.status_mut() = status;
    answer.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: &str) {
        assert_eq!(in_ascii(json), expected);
    }

    #[test]
    fn a_header_takes_json_in_ascii() {
        check(r#"{"a":"b\u00e4"}"#, r#"{"a":"b\u00e4"}"#);
        check(r#"{"ä":"😀","b":"\n"}"#, r#"{"\u00e4":"\ud83d\ude00","b":"\n"}"#);
    }
}
