//! `Invoke`, `InvokeWithResponseStream` and `InvokeAsync`: from the request's headers and payload to an [`Invocation`], and from its outcome to
//! the answer.
//!
//! Source: fact sheet "Lambda invocation", sections 1 to 3. The run itself is behind the
//! [`Invoke`] seam.

mod later;
mod payload;
mod streamed;

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hearth_model::{
    FunctionError, FunctionKey, FunctionName, Invocation, Invoke, InvokeError, InvokeLater, Outcome, Qualifier,
    ThrottleReason,
};
use hearth_wire::rest_json::{Oversize, Route};
use hearth_wire::validation::Violations;
use hearth_wire::{ApiError, Fault, Request, Response, handler};
use http::{Method, StatusCode};

use crate::error::Error;
use crate::target::{self, Use};

/// The largest event of a synchronous invocation, in bytes.
const EVENT_BYTES_MAX: usize = 6 * 1024 * 1024;

/// The largest client context, in bytes of base64.
const CLIENT_CONTEXT_MAX: usize = 3_583;

const OPERATION: &str = "Invoke";

/// As the service names it where a request is too large.
const LIMITED: &str = "InvokeFunction";

/// The routes that run functions through `invoke`.
pub(crate) fn routes(invoke: Arc<dyn Invoke>, later: Arc<dyn InvokeLater>) -> [Route; 3] {
    [route(Arc::clone(&invoke), Arc::clone(&later)), streamed::route(invoke), later::route(later)]
}

fn route(invoke: Arc<dyn Invoke>, later: Arc<dyn InvokeLater>) -> Route {
    Route::new(
        Method::POST,
        "/2015-03-31/functions/{FunctionName}/invocations",
        OPERATION,
        handler(Arc::new((invoke, later)), |planes, request| async move { run(&*planes.0, &*planes.1, request).await }),
    )
    .with_body_limit(EVENT_BYTES_MAX, Oversize::Named(LIMITED))
}

/// What a caller asks for.
enum Wish {
    Run(Invocation),
    RunLater(Invocation),
    DryRun(FunctionKey, Option<Qualifier>),
}

impl Wish {
    /// `kinds`: the values of `X-Amz-Invocation-Type` that the operation knows.
    fn of(request: Request, kinds: &[&str]) -> Result<Self, ApiError> {
        let called = function(&request)?;
        let kind = kind(&request, kinds)?;
        let wants_log_tail = wants_log_tail(&request)?;
        let client_context = client_context(&request)?;
        refuse_unavailable(&request)?;
        if kind == Kind::Event {
            later::check_size(&request.body, later::EVENT_BYTES_MAX, LIMITED)?;
        }
        let invocation = Invocation {
            client_context,
            wants_log_tail,
            ..invocation(called, request)?
        };
        Ok(match kind {
            Kind::Wait => Self::Run(invocation),
            Kind::Event => Self::RunLater(invocation),
            Kind::DryRun => Self::DryRun(invocation.function, invocation.qualifier),
        })
    }
}

/// What every way to call a function says: whom, and with what.
fn invocation(called: (FunctionKey, Option<Qualifier>), request: Request) -> Result<Invocation, ApiError> {
    let (function, qualifier) = called;
    let trace_header = request.header("x-amzn-trace-id").map(ToOwned::to_owned);
    Ok(Invocation {
        function,
        qualifier,
        request_id: request.request_id,
        payload: payload::check(request.body).map_err(invalid_content)?,
        client_context: None,
        cognito_identity: None,
        trace_header,
        wants_log_tail: false,
    })
}

async fn run(invoke: &dyn Invoke, later: &dyn InvokeLater, request: Request) -> Result<Response, ApiError> {
    match Wish::of(request, &["Event", "RequestResponse", "DryRun"])? {
        Wish::RunLater(invocation) => later::accept(later, invocation).await,
        Wish::Run(invocation) => Ok(answer(invoke.invoke(invocation).await.map_err(refusal)?)),
        Wish::DryRun(function, qualifier) => dry_run(invoke, &function, qualifier.as_ref()),
    }
}

fn dry_run(invoke: &dyn Invoke, function: &FunctionKey, qualifier: Option<&Qualifier>) -> Result<Response, ApiError> {
    invoke.dry_run(function, qualifier).map_err(refusal)?;
    Ok(Response::empty(StatusCode::NO_CONTENT))
}

fn function(request: &Request) -> Result<(FunctionKey, Option<Qualifier>), Error> {
    let (name, qualifier) = (request.label("FunctionName"), request.query("Qualifier"));
    // Nearly every call: a bare name. It needs no pattern.
    if qualifier.is_none()
        && name.len() <= 64
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        && let Some(name) = FunctionName::parse(name)
    {
        let (account, region) = (request.caller.account.clone(), request.caller.region.clone());
        return Ok((FunctionKey { account, region, name }, None));
    }
    let mut violations = Violations::new();
    target::check(&mut violations, Use::Read, Some(name), qualifier);
    violations.finish_with(Error::Constraint)?;
    let target = target::resolve(&request.caller, Use::Read, name, qualifier, "InvokeFunction")?;
    let qualifier = target.parsed_qualifier();
    Ok((target.key, qualifier))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Wait,
    Event,
    DryRun,
}

fn kind(request: &Request, kinds: &[&str]) -> Result<Kind, ApiError> {
    match request.header("x-amz-invocation-type") {
        None | Some("RequestResponse") => Ok(Kind::Wait),
        Some("DryRun") => Ok(Kind::DryRun),
        Some("Event") if kinds.contains(&"Event") => Ok(Kind::Event),
        Some(other) => {
            let mut violations = Violations::new();
            violations.enum_set("invocationType", other, kinds);
            violations.finish().map(|()| Kind::Wait)
        }
    }
}

fn wants_log_tail(request: &Request) -> Result<bool, Error> {
    match request.header("x-amz-log-type") {
        None | Some("None") => Ok(false),
        Some("Tail") => Ok(true),
        Some(other) => {
            let mut violations = Violations::new();
            violations.enum_set("logType", other, &["None", "Tail"]);
            violations.finish_with(Error::Constraint).map(|()| false)
        }
    }
}

/// What the service knows and Hearth cannot honour yet is not ignored.
fn refuse_unavailable(request: &Request) -> Result<(), Error> {
    let members = [
        ("x-amz-tenant-id", "TenantId", "no function has tenant isolation"),
        ("x-amz-durable-execution-name", "DurableExecutionName", "no function is durable"),
    ];
    let found = members.into_iter().find(|(header, ..)| request.header(header).is_some());
    found.map_or(Ok(()), |(_, member, hint)| {
        Err(Error::NotAvailable {
            member,
            hint: hint.to_owned(),
        })
    })
}

/// Base64 of a JSON document; the runtime gets the document.
fn client_context(request: &Request) -> Result<Option<String>, ApiError> {
    let Some(encoded) = request.header("x-amz-client-context").filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if encoded.len() > CLIENT_CONTEXT_MAX {
        return Err(invalid_content(format!("Client context must be no more than {CLIENT_CONTEXT_MAX} bytes.")));
    }
    let decoded = BASE64_STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = decoded.filter(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
    match decoded {
        // A header cannot carry line breaks; JSON does not need them.
        Some(text) => Ok(Some(text.replace(['\r', '\n'], " "))),
        None => Err(invalid_content("Client context must be a valid Base64-encoded JSON object.".to_owned())),
    }
}

fn answer(outcome: Outcome) -> Response {
    let mut response = Response::bytes(StatusCode::OK, "application/json", outcome.payload)
        .with_header("x-amz-executed-version", &outcome.executed_version.to_string())
        .with_header("x-amzn-trace-id", &outcome.trace_header)
        .with_header("x-amzn-remapped-content-length", "0");
    match outcome.error {
        Some(FunctionError::Unhandled) => response = response.with_header("x-amz-function-error", "Unhandled"),
        None => {}
    }
    if let Some(tail) = outcome.log_tail {
        response = response.with_header("x-amz-log-result", &BASE64_STANDARD.encode(tail));
    }
    response
}

/// The function was not run.
fn refusal(error: InvokeError) -> ApiError {
    let service = |status, code: &'static str, message: String| ApiError {
        fault: Fault::Service,
        ..ApiError::user(status, code, message).upper()
    };
    match error {
        InvokeError::NotFound { arn } => Error::FunctionNotFound { arn }.into(),
        // The service says no more than the state; what can be done about it is not left out here.
        InvokeError::NotReady { state, reason: Some(reason) } => {
            Error::Conflict(format!("{}: {reason}", Error::not_active(state))).into()
        }
        InvokeError::NotReady { state, reason: None } => Error::NotActive { state }.into(),
        InvokeError::Throttled(reason) => {
            let reason = match reason {
                ThrottleReason::Account => "ConcurrentInvocationLimitExceeded",
                ThrottleReason::Reserved => "ReservedFunctionConcurrentInvocationLimitExceeded",
            };
            ApiError::user(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", "Rate Exceeded.")
                .with("Reason", reason)
        }
        InvokeError::Recursive => ApiError::user(
            StatusCode::BAD_REQUEST,
            "RecursiveInvocationException",
            "Lambda has detected that this function is invoked in a recursive loop, and has stopped the invocation.",
        )
        .upper(),
        InvokeError::RuntimeUnavailable(text) => service(StatusCode::BAD_GATEWAY, "InvalidRuntimeException", text),
        InvokeError::KeyUnusable(problem) => Error::Key(problem).into(),
        InvokeError::FileSystemUnavailable(text) => {
            ApiError::user(StatusCode::FORBIDDEN, "EFSMountFailureException", text).upper()
        }
        InvokeError::Sandbox(detail) | InvokeError::NotWritten(detail) => ApiError::internal(detail),
        // The one error of the service's own that the model declares; SDKs try again after it.
        InvokeError::ShuttingDown => service(
            StatusCode::INTERNAL_SERVER_ERROR,
            "ServiceException",
            "Hearth is shutting down; try again when it is back.".to_owned(),
        ),
    }
}

fn invalid_content(message: String) -> ApiError {
    ApiError::user(StatusCode::BAD_REQUEST, "InvalidRequestContentException", message)
}
