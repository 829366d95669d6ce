//! Errors of REST-JSON and AWS-JSON.
//!
//! Source: fact sheets "Lambda control-plane API" section 1.1 and "Neighbouring services" 0.2.

use http::HeaderValue;
use serde_json::{Map, Value};

use crate::aws_json::JsonVersion;
use crate::error::{ApiError, Fault, MessageKey};
use crate::response::Response;

/// The code in `x-amzn-ErrorType`; the body has the message, then further members, then `Type`.
pub(super) fn rest(error: &ApiError) -> Response {
    let mut body = Map::new();
    put_message(&mut body, error);
    put_members(&mut body, error);
    match error.fault {
        Fault::User => drop(body.insert("Type".to_owned(), "User".into())),
        Fault::Service => drop(body.insert("Type".to_owned(), "Service".into())),
        Fault::Unsaid => {}
    }
    answer(error, body, "application/json")
}

/// The code in `__type`, and in the header too for clients that look there first.
pub(super) fn rpc(error: &ApiError, version: JsonVersion) -> Response {
    let mut body = Map::new();
    body.insert("__type".to_owned(), Value::from(error.code.as_ref()));
    put_message(&mut body, error);
    put_members(&mut body, error);
    answer(error, body, version.content_type())
}

fn put_message(body: &mut Map<String, Value>, error: &ApiError) {
    let key = match error.key {
        MessageKey::Lower => "message",
        MessageKey::Upper => "Message",
    };
    body.insert(key.to_owned(), error.message.as_deref().into());
}

fn put_members(body: &mut Map<String, Value>, error: &ApiError) {
    for (name, value) in &error.members {
        body.insert((*name).to_owned(), value.clone());
    }
}

fn answer(error: &ApiError, body: Map<String, Value>, content_type: &'static str) -> Response {
    let body = Value::Object(body).to_string();
    let mut response = Response::bytes(error.status, content_type, body.into());
    if let Ok(code) = HeaderValue::from_str(&error.code) {
        response.headers.insert("x-amzn-errortype", code);
    }
    response
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[track_caller]
    fn check(response: &Response, status: u16, header: &str, body: &str) {
        assert_eq!(response.status.as_u16(), status);
        assert_eq!(response.headers["x-amzn-errortype"], header);
        assert_eq!(response.body, body);
    }

    #[test]
    fn rest_json() {
        let missing =
            ApiError::user(StatusCode::NOT_FOUND, "ResourceNotFoundException", "Function not found: x").upper();
        check(
            &rest(&missing),
            404,
            "ResourceNotFoundException",
            r#"{"Message":"Function not found: x","Type":"User"}"#,
        );
        let throttled = ApiError::user(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", "Rate Exceeded.")
            .with("Reason", "ReservedFunctionConcurrentInvocationLimitExceeded");
        check(
            &rest(&throttled),
            429,
            "TooManyRequestsException",
            r#"{"message":"Rate Exceeded.","Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User"}"#,
        );
        let mut denied = ApiError::user(StatusCode::FORBIDDEN, "AccessDeniedException", "").upper().untyped();
        denied.message = None;
        check(&rest(&denied), 403, "AccessDeniedException", r#"{"Message":null}"#);
    }

    #[test]
    fn what_is_internal_stays_inside() {
        let response = rest(&ApiError::internal("the secret cause"));
        assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!String::from_utf8_lossy(&response.body).contains("secret cause"));
    }

    #[test]
    fn aws_json() {
        let missing = ApiError::user(
            StatusCode::BAD_REQUEST,
            "ResourceNotFoundException",
            "The specified log group does not exist.",
        );
        let response = rpc(&missing, JsonVersion::V1_1);
        check(
            &response,
            400,
            "ResourceNotFoundException",
            r#"{"__type":"ResourceNotFoundException","message":"The specified log group does not exist."}"#,
        );
        assert_eq!(response.headers["content-type"], "application/x-amz-json-1.1");
    }
}
