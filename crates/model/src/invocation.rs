//! The seam between whoever wants a function run and the data plane that runs it.

use bytes::Bytes;
use thiserror::Error;

use crate::BoxFuture;
use crate::catalog::FunctionKey;
use crate::function::Version;
use crate::name::Qualifier;

/// A wish to run a function once.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub function: FunctionKey,
    pub qualifier: Option<Qualifier>,
    /// A UUID: the request id of the API call, of the context object and of the log lines.
    pub request_id: String,
    /// The event: JSON, already checked.
    pub payload: Bytes,
    /// JSON text, already decoded from base64.
    pub client_context: Option<String>,
    /// JSON text.
    pub cognito_identity: Option<String>,
    /// `Root=...;Parent=...;Sampled=...`, when the caller sent one.
    pub trace_header: Option<String>,
    /// The caller wants the last 4 KiB of the log.
    pub wants_log_tail: bool,
}

/// How a run that took place ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub executed_version: Version,
    /// The runtime's bytes, or the error document.
    pub payload: Bytes,
    pub error: Option<FunctionError>,
    /// The last 4,096 bytes of the invocation's log, when they were asked for.
    pub log_tail: Option<Vec<u8>>,
    /// The trace header that the function saw.
    pub trace_header: String,
}

/// The function ran and failed. The API renders it as `X-Amz-Function-Error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionError {
    Unhandled,
}

/// Which limit an invocation met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottleReason {
    /// The account's concurrency in the region.
    Account,
    /// The function's reserved concurrency.
    Reserved,
}

/// The function was not run.
#[derive(Clone, Debug, Error)]
pub enum InvokeError {
    #[error("function not found: {arn}")]
    NotFound {
        /// With the qualifier that was looked for.
        arn: String,
    },
    #[error("function is in state {state}")]
    NotReady { state: &'static str, reason: Option<String> },
    #[error("too many concurrent invocations: {0:?}")]
    Throttled(ThrottleReason),
    /// The function's runtime is not on this host; the text says what would install it.
    #[error("{0}")]
    RuntimeUnavailable(String),
    /// The host could not make an execution environment.
    #[error("failed to start an execution environment: {0}")]
    Sandbox(String),
    #[error("the server is shutting down")]
    ShuttingDown,
}

/// Runs functions. Implemented by `invoke`.
pub trait Invoke: Send + Sync + 'static {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<Outcome, InvokeError>>;

    /// Whether the caller could run it: the checks of [`Invoke::invoke`] without the run.
    ///
    /// # Errors
    /// As [`Invoke::invoke`], save for throttling.
    fn dry_run(&self, function: &FunctionKey, qualifier: Option<&Qualifier>) -> Result<Version, InvokeError>;
}
