//! What is answered when the function is not run, or gives nothing to answer with.

use hearth_model::InvokeError;
use hearth_wire::{ApiError, Protocol, Response, render};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};

const FORBIDDEN: &str = "Forbidden. For troubleshooting Function URL authorization issues, see: \
                         https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html";

/// No such URL.
pub(super) fn unknown() -> ApiError {
    ApiError { message: None, ..forbidden() }
}

/// No policy admits the caller, or what the URL led to is gone.
pub(super) fn forbidden() -> ApiError {
    error(StatusCode::FORBIDDEN, "AccessDeniedException", FORBIDDEN)
}

/// What is recorded is that throttling is a 429; the texts are unverified.
pub(super) fn not_run(cause: InvokeError) -> ApiError {
    match cause {
        // The alias went between the two looks at it.
        InvokeError::NotFound { .. } => forbidden(),
        InvokeError::Throttled(_) => {
            error(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", "Too Many Requests")
        }
        InvokeError::NotReady { state, .. } => error(
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailableException",
            &format!("The function is currently in the following state: {state}"),
        ),
        InvokeError::RuntimeUnavailable(text) => error(StatusCode::BAD_GATEWAY, "InvalidRuntimeException", &text),
        InvokeError::KeyUnusable(_) => error(
            StatusCode::BAD_GATEWAY,
            "KMSInvalidStateException",
            "Lambda was unable to decrypt the environment variables. Please check the function's KMS key settings.",
        ),
        InvokeError::FileSystemUnavailable(text) => error(StatusCode::FORBIDDEN, "EFSMountFailureException", &text),
        InvokeError::Recursive => error(
            StatusCode::BAD_REQUEST,
            "RecursiveInvocationException",
            "The function is invoked in a recursive loop, and this invocation was stopped.",
        ),
        InvokeError::Sandbox(detail) | InvokeError::NotWritten(detail) => ApiError::internal(detail),
        InvokeError::ShuttingDown => error(
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailableException",
            "Hearth is shutting down; try again when it is back.",
        ),
    }
}

fn error(status: StatusCode, code: &'static str, text: &str) -> ApiError {
    ApiError::user(status, code, text).upper().untyped()
}

/// A refusal as the client gets it.
pub(super) fn answer(error: &ApiError) -> Response {
    if let Some(detail) = &error.internal {
        tracing::error!(detail, "a function URL could not be served");
    }
    // No body of this protocol carries the request's id.
    render::error(Protocol::RestJson, error, "")
}

/// The function failed, or its result is no answer.
pub(super) fn failed() -> Response {
    let mut response = Response::empty(StatusCode::BAD_GATEWAY);
    response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response.body = "Internal Server Error".into();
    response
}
