//! The calls a runtime makes.

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};

use super::answers::{self, Answer};
use super::state::{Phase, Shared, Turn};
use super::streamed;
use crate::RESPONSE_BYTES_MAX;
use crate::environment::{Said, TRUNCATED};

/// An error document larger than this is cut off: it is a function's own, and goes to a caller.
const ERROR_BYTES_MAX: usize = RESPONSE_BYTES_MAX;

/// Answers what stands under `/2018-06-01/`; `call` is the rest of the path.
pub(super) async fn serve(shared: &Shared, call: &str, request: Request<Incoming>) -> Answer {
    let parts: Vec<&str> = call.split('/').collect();
    match (request.method(), parts.as_slice()) {
        (&Method::GET, ["runtime", "invocation", "next"]) => match shared.next().await {
            Ok(delivery) => answers::event(&delivery),
            Err(refusal) => answers::refused(refusal),
        },
        (&Method::POST, ["runtime", "invocation", id, "response"]) => response(shared, id, request).await,
        (&Method::POST, ["runtime", "invocation", id, "error"]) => error(shared, id, request).await,
        (&Method::POST, ["runtime", "init", "error"]) => init_error(shared, request).await,
        (&Method::GET, ["runtime", "restore", "next"]) if shared.snap_start => match shared.restore_next().await {
            Ok(()) => answers::restored(),
            Err(refusal) => answers::refused(refusal),
        },
        (&Method::POST, ["runtime", "restore", "error"]) if shared.snap_start => restore_error(shared, request).await,
        (&Method::GET, ["ping"]) => answers::pong(),
        _ => answers::not_found(request.uri().path()),
    }
}

async fn response(shared: &Shared, id: &str, request: Request<Incoming>) -> Answer {
    let turn = match shared.begin_answer(id, Phase::InvocationResponse) {
        Ok(turn) => turn,
        Err(refusal) => return answers::refused(refusal),
    };
    match header(request.headers(), "lambda-runtime-function-response-mode").as_deref() {
        // A client that never says so (Go's) streams if its caller does: the length is not known ahead.
        None if request.body().size_hint().exact().is_some() || !shared.wants_stream(id) => {
            whole_response(shared, turn, id, request).await
        }
        None | Some("streaming") => streamed::response(shared, turn, id, request).await,
        Some(_) => {
            let body = platform_document(id, "Runtime.InvalidResponseModeHeader", "Invalid function response mode");
            finish(shared, turn, id, "Runtime.InvalidResponseModeHeader".into(), body).await;
            answers::bad_response_mode()
        }
    }
}

async fn whole_response(shared: &Shared, turn: Turn, id: &str, request: Request<Incoming>) -> Answer {
    let collected = collect(request.into_body(), RESPONSE_BYTES_MAX).await;
    shared.end_answer(turn);
    let (word, answer) = match collected {
        Ok(body) => {
            let request_id = id.to_owned();
            (Said::Response { request_id, body }, answers::accepted())
        }
        Err(Broken::TooLarge) => (Said::Oversized { request_id: id.to_owned() }, answers::too_large()),
        Err(Broken::Truncated) => {
            let body = platform_document(id, TRUNCATED, "Response body was cut off");
            (error_word(id, TRUNCATED.into(), body), answers::truncated())
        }
    };
    shared.say_in(turn, word).await;
    answer
}

async fn error(shared: &Shared, id: &str, request: Request<Incoming>) -> Answer {
    let turn = match shared.begin_answer(id, Phase::InvocationErrorResponse) {
        Ok(turn) => turn,
        Err(refusal) => return answers::refused(refusal),
    };
    let error_type = error_type(request.headers());
    let with_cause = header(request.headers(), "content-type").is_some_and(|t| t == ERROR_CAUSE_TYPE);
    let collected = collect(request.into_body(), ERROR_BYTES_MAX).await;
    let (body, answer) = match collected {
        Ok(body) if with_cause => (without_cause(&body), answers::accepted()),
        Ok(body) => (body, answers::accepted()),
        Err(Broken::TooLarge) => (crate::payload::response_too_large(ERROR_BYTES_MAX), answers::too_large()),
        Err(Broken::Truncated) => (Bytes::from_static(b"{}"), answers::truncated()),
    };
    finish(shared, turn, id, error_type, body).await;
    answer
}

async fn finish(shared: &Shared, turn: Turn, id: &str, error_type: String, body: Bytes) {
    shared.end_answer(turn);
    shared.say_in(turn, error_word(id, error_type, body)).await;
}

async fn init_error(shared: &Shared, request: Request<Incoming>) -> Answer {
    match shared.fail_init() {
        Ok(()) => failed_init(shared, request).await,
        Err(refusal) => answers::refused(refusal),
    }
}

async fn restore_error(shared: &Shared, request: Request<Incoming>) -> Answer {
    match shared.fail_restore() {
        Ok(()) => failed_init(shared, request).await,
        Err(refusal) => answers::refused(refusal),
    }
}

/// The environment hears of both in the same way: there will be no runtime that takes events.
async fn failed_init(shared: &Shared, request: Request<Incoming>) -> Answer {
    let error_type = error_type(request.headers());
    let body = match collect(request.into_body(), ERROR_BYTES_MAX).await {
        Ok(body) => body,
        Err(_) => Bytes::from_static(b"{}"),
    };
    shared.say(Said::InitError { error_type, body }).await;
    answers::accepted()
}

/// The error type that goes with an inline X-Ray cause.
const ERROR_CAUSE_TYPE: &str = "application/vnd.aws.lambda.error.cause+json";

/// The caller gets the first three members of such a document.
fn without_cause(body: &[u8]) -> Bytes {
    let Ok(serde_json::Value::Object(mut document)) = serde_json::from_slice(body) else {
        return Bytes::from_static(b"\"Invalid error body\"");
    };
    document.retain(|key, _| matches!(key.as_str(), "errorMessage" | "errorType" | "stackTrace"));
    serde_json::Value::Object(document).to_string().into()
}

fn error_word(id: &str, error_type: String, body: Bytes) -> Said {
    Said::Error {
        request_id: id.to_owned(),
        error_type,
        body,
    }
}

pub(super) fn platform_document(id: &str, kind: &str, text: &str) -> Bytes {
    crate::payload::PlatformError::new(kind, text).document(id)
}

/// The header as it may be used for events: kept when it contains `Runtime.X` or `Function.X`.
pub(super) fn error_type(headers: &HeaderMap) -> String {
    let given = header(headers, "lambda-runtime-function-error-type").unwrap_or_default();
    let named = |category: &str| {
        given.match_indices(category).any(|(at, _)| {
            let mut rest = given[at + category.len()..].chars();
            rest.next().is_some_and(|c| c.is_ascii_uppercase()) && rest.next().is_some_and(|c| c.is_ascii_alphabetic())
        })
    };
    if named("Runtime.") || named("Function.") {
        given
    } else if given.starts_with("Function.") {
        "Function.Unknown".to_owned()
    } else {
        "Runtime.Unknown".to_owned()
    }
}

pub(super) fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

enum Broken {
    TooLarge,
    Truncated,
}

async fn collect(body: Incoming, limit: usize) -> Result<Bytes, Broken> {
    let collected = Limited::new(body, limit)
        .collect()
        .await
        .map_err(|error| if error.is::<LengthLimitError>() { Broken::TooLarge } else { Broken::Truncated })?;
    Ok(collected.to_bytes())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(given: &'static str, expected: &str) {
        let mut headers = HeaderMap::new();
        headers.insert("lambda-runtime-function-error-type", HeaderValue::from_static(given));
        assert_eq!(error_type(&headers), expected);
    }

    #[test]
    fn error_types_are_kept_or_replaced() {
        check("Runtime.ImportModuleError", "Runtime.ImportModuleError");
        check("x Runtime.Yz", "x Runtime.Yz");
        check("Function.", "Function.Unknown");
        check("Function.lower", "Function.Unknown");
        check("unhandled", "Runtime.Unknown");
        check("", "Runtime.Unknown");
    }

    #[test]
    fn the_cause_does_not_reach_the_caller() {
        let given = br#"{"errorMessage":"m","errorType":"t","stackTrace":[],"errorCause":{"a":1}}"#;
        assert_eq!(without_cause(given), r#"{"errorMessage":"m","errorType":"t","stackTrace":[]}"#);
        assert_eq!(without_cause(b"nonsense"), "\"Invalid error body\"");
    }
}
