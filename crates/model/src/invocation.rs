//! The seam between whoever wants a function run and the data plane that runs it.

use bytes::Bytes;
use thiserror::Error;

use crate::BoxFuture;
use crate::catalog::FunctionKey;
use crate::function::Version;
use crate::name::Qualifier;
use crate::variable_keys::KeyProblem;

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

/// A run whose answer is passed on while the function still makes it.
pub struct Streamed {
    pub executed_version: Version,
    /// The trace header that the function saw.
    pub trace_header: String,
    /// What the runtime says of its answer, e.g. `application/vnd.awslambda.http-integration-response`.
    pub content_type: Option<String>,
    pub answer: Box<dyn AnswerStream>,
}

/// The answer of a streamed run, piece by piece. Dropping it does not end the run.
pub trait AnswerStream: Send {
    /// The next piece; nothing is asked for after [`Piece::End`]. Cancel-safe.
    fn next(&mut self) -> BoxFuture<'_, Piece>;
}

/// Some of a streamed answer.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Never empty.
    Chunk(Bytes),
    End(StreamEnd),
}

/// How a streamed run ended. Chunks that came before stay valid.
#[derive(Clone, Debug, Default)]
pub struct StreamEnd {
    /// With the error document, when the function failed before or while it answered.
    pub error: Option<(FunctionError, Bytes)>,
    /// As in [`Outcome::log_tail`].
    pub log_tail: Option<Vec<u8>>,
}

/// The answer of a function that does not stream: its payload in one piece, or its error at the
/// end.
impl From<Outcome> for Streamed {
    fn from(outcome: Outcome) -> Self {
        let Outcome {
            executed_version,
            payload,
            error,
            log_tail,
            trace_header,
        } = outcome;
        let (chunk, error) = match error {
            Some(error) => (None, Some((error, payload))),
            None => (Some(payload).filter(|payload| !payload.is_empty()), None),
        };
        Self {
            executed_version,
            trace_header,
            content_type: None,
            answer: Box::new(OnePiece {
                chunk,
                end: StreamEnd { error, log_tail },
            }),
        }
    }
}

struct OnePiece {
    chunk: Option<Bytes>,
    end: StreamEnd,
}

impl AnswerStream for OnePiece {
    fn next(&mut self) -> BoxFuture<'_, Piece> {
        let piece = match self.chunk.take() {
            Some(chunk) => Piece::Chunk(chunk),
            None => Piece::End(std::mem::take(&mut self.end)),
        };
        Box::pin(std::future::ready(piece))
    }
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
    /// The function called itself, through others or not, too often in one chain of invocations.
    #[error("the function was invoked in a loop")]
    Recursive,
    /// The function's runtime is not on this host; the text says what would install it.
    #[error("{0}")]
    RuntimeUnavailable(String),
    /// The function's variables are encrypted with a key that cannot be used.
    #[error("the variables cannot be decrypted: {0:?}")]
    KeyUnusable(KeyProblem),
    /// What the function mounts is not on this host; the text says what to do.
    #[error("{0}")]
    FileSystemUnavailable(String),
    /// The host could not make an execution environment.
    #[error("failed to start an execution environment: {0}")]
    Sandbox(String),
    /// An event could not be put on disk.
    #[error("failed to write the event down: {0}")]
    NotWritten(String),
    #[error("the server is shutting down")]
    ShuttingDown,
}

/// Runs functions. Implemented by `invoke`.
pub trait Invoke: Send + Sync + 'static {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<Outcome, InvokeError>>;

    /// [`Invoke::invoke`], answering as soon as the function begins to. A function that does not
    /// stream gives its answer as one piece.
    fn invoke_streamed(&self, invocation: Invocation) -> BoxFuture<'_, Result<Streamed, InvokeError>>;

    /// Whether the caller could run it: the checks of [`Invoke::invoke`] without the run.
    ///
    /// # Errors
    /// As [`Invoke::invoke`], save for throttling.
    fn dry_run(&self, function: &FunctionKey, qualifier: Option<&Qualifier>) -> Result<Version, InvokeError>;
}
