//! What can go wrong in the control plane, in its own terms, and the one place where each becomes
//! an answer.
//!
//! Sources: fact sheet "Lambda control-plane API", sections 1.1 (codes, key case, `Type`), 2.1 and
//! 3.4 (texts).

use hearth_model::{KeyProblem, SnapshotError};
use hearth_store::StoreError;
use hearth_wire::{ApiError, Fault, MessageKey};
use http::StatusCode;
use thiserror::Error;

use crate::keys;
use crate::package::PackageError;

/// A refusal or a failure of an operation.
#[derive(Clone, Debug, Error)]
pub enum Error {
    /// The body is not JSON.
    #[error("expected a JSON body: {0}")]
    UnparsableBody(String),
    /// The body is JSON of another shape than the operation's.
    #[error("expected the operation's members: {0}")]
    WrongShape(String),
    /// Constraints of the service's model that do not hold (see [`hearth_wire::validation`]).
    #[error("{0}")]
    Constraint(String),
    /// The service code's own refusal of a value.
    #[error("{0}")]
    InvalidParameter(String),
    /// `arn` carries the qualifier when one was asked for.
    #[error("function not found: {arn}")]
    FunctionNotFound { arn: String },
    /// Another kind of resource; the text is the answer's.
    #[error("{0}")]
    ResourceNotFound(String),
    /// An alias-specific operation on an alias that is not there.
    #[error("alias not found: {arn}")]
    AliasNotFound { arn: String },
    /// The state of things does not admit the change; the text is the answer's.
    #[error("{0}")]
    Conflict(String),
    /// A limit on concurrency; the text is the answer's.
    #[error("{0}")]
    ConcurrencyLimit(String),
    /// An alias of `$LATEST` and of another version.
    #[error("expected published versions alone in an alias of two")]
    LatestInSplit,
    /// Nothing is provisioned for what was asked for.
    #[error("no provisioned concurrency")]
    NothingProvisioned,
    #[error("expected a function of region {here}, found one of {asked}")]
    OtherRegion { asked: String, here: String },
    /// Creating in a foreign account.
    #[error("expected a function of the caller's account")]
    ForeignAccount,
    /// A function with the role of another account.
    #[error("expected a role of the function's account")]
    ForeignRole,
    /// A function of a foreign account that no policy opens to the caller.
    #[error("{caller} may not {action} {resource}")]
    NotAuthorized { caller: String, action: &'static str, resource: String },
    #[error("function {name} exists")]
    AlreadyExists { name: String },
    /// An update while the function is being created.
    #[error("the function is in state {state}")]
    NotActive { state: &'static str },
    /// An update while another one is under way.
    #[error("an update of {arn} is in progress")]
    UpdateInProgress { arn: String },
    #[error("expected the latest revision id")]
    StaleRevision,
    /// A policy that is not at the revision that was named. `operation` is what the service says
    /// to call.
    #[error("expected the latest revision id of the policy")]
    StalePolicyRevision { operation: &'static str },
    #[error("statement {sid} exists")]
    StatementExists { sid: String },
    #[error("expected a policy of at most {limit} bytes, found {found}")]
    PolicyTooLong { found: usize, limit: usize },
    /// The zip in the request exceeds `limit` bytes.
    #[error("expected a zip below {limit} bytes")]
    ZipTooLarge { limit: u64 },
    /// The request itself exceeds `limit` bytes.
    #[error("expected a request below {limit} bytes for {operation}")]
    RequestTooLarge { limit: u64, operation: &'static str },
    /// The account's packages together would exceed its limit.
    #[error("expected less code in all than {limit} bytes")]
    CodeStorageExceeded { limit: u64 },
    /// A member or value that AWS knows and Hearth cannot honour yet.
    #[error("{member} is not available in Hearth yet: {hint}")]
    NotAvailable { member: &'static str, hint: String },
    /// A code signing configuration that is asked for itself.
    #[error("code signing configuration {arn} not found")]
    CodeSigningConfigAbsent { arn: String },
    /// A code signing configuration for a function.
    #[error("code signing configuration {arn} not found for a function")]
    CodeSigningConfigNotFound { arn: String },
    /// Unsigned code where signatures are enforced.
    #[error("expected signed code for {name}")]
    CodeVerificationFailed { name: String },
    /// An operation that AWS knows and Hearth does not serve yet.
    #[error("operation {0} is not served")]
    Unserved(&'static str),
    /// The link to a package has run out or was altered.
    #[error("{0}")]
    BadLink(&'static str),
    /// A version's init failed ahead of time.
    #[error(transparent)]
    Snapshot(SnapshotError),
    /// An image could not be looked at; the cause is for the server's log.
    #[error("an image could not be looked at: {0}")]
    Image(String),
    /// The bucket service failed; the cause is for the server's log.
    #[error("the bucket service failed: {0}")]
    Objects(String),
    /// The function's variables are encrypted with a key that cannot be used.
    #[error("the variables cannot be decrypted: {0:?}")]
    Key(KeyProblem),
    #[error(transparent)]
    Package(#[from] PackageError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

const STALE_REVISION: &str = "The Revision Id provided does not match the latest Revision Id. Call the \
                              GetFunction/GetAlias API to retrieve the latest Revision Id";

impl Error {
    pub(crate) fn not_active(state: &str) -> String {
        format!(
            "The operation cannot be performed at this time. The function is currently in the following state: {state}"
        )
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let bad = StatusCode::BAD_REQUEST;
        match error {
            Error::UnparsableBody(detail) => {
                user(bad, "InvalidRequestContentException", format!("Could not parse request body into json: {detail}"))
            }
            Error::WrongShape(detail) => user(bad, "SerializationException", detail).untyped(),
            Error::Constraint(text) => user(bad, "ValidationException", text).untyped(),
            Error::InvalidParameter(text) => user(bad, "InvalidParameterValueException", text),
            Error::FunctionNotFound { arn } => not_found(format!("Function not found: {arn}")),
            Error::ResourceNotFound(text) => not_found(text),
            Error::AliasNotFound { arn } => not_found(format!("Cannot find alias arn: {arn}")),
            Error::Conflict(text) => conflict(text),
            // Recorded without `Type`.
            Error::ConcurrencyLimit(text) => user(bad, "InvalidParameterValueException", text).untyped(),
            // Recorded without `Type`, too.
            Error::LatestInSplit => user(
                bad,
                "InvalidParameterValueException",
                "$LATEST is not supported for an alias pointing to more than 1 version",
            )
            .untyped(),
            Error::NothingProvisioned => user(
                StatusCode::NOT_FOUND,
                "ProvisionedConcurrencyConfigNotFoundException",
                "No Provisioned Concurrency Config found for this function",
            ),
            Error::OtherRegion { asked, here } => {
                not_found(format!("Functions from '{asked}' are not reachable in this region ('{here}')"))
            }
            Error::ForeignAccount => Self {
                message: None,
                ..access_denied(String::new())
            },
            Error::ForeignRole => access_denied("Cross-account pass role is not allowed.".to_owned()),
            Error::NotAuthorized { caller, action, resource } => access_denied(format!(
                "User: {caller} is not authorized to perform: lambda:{action} on resource: {resource} because no \
                 resource-based policy allows the lambda:{action} action"
            )),
            Error::AlreadyExists { name } => conflict(format!("Function already exist: {name}")),
            Error::NotActive { state } => conflict(Error::not_active(state)),
            Error::UpdateInProgress { arn } => conflict(format!(
                "The operation cannot be performed at this time. An update is in progress for resource: {arn}"
            )),
            Error::StaleRevision => {
                user(StatusCode::PRECONDITION_FAILED, "PreconditionFailedException", STALE_REVISION)
            }
            Error::StalePolicyRevision { operation } => user(
                StatusCode::PRECONDITION_FAILED,
                "PreconditionFailedException",
                format!(
                    "The Revision Id provided does not match the latest Revision Id. Call the {operation} API to \
                     retrieve the latest Revision Id"
                ),
            ),
            Error::StatementExists { sid } => conflict(format!(
                "The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the \
                 existing statement."
            )),
            // Text as users report it.
            Error::PolicyTooLong { found, limit } => user(
                bad,
                "PolicyLengthExceededException",
                format!("The final policy size ({found}) is bigger than the limit ({limit})."),
            ),
            Error::ZipTooLarge { limit } => entity_too_large(format!("Zipped size must be smaller than {limit} bytes")),
            Error::RequestTooLarge { limit, operation } => {
                entity_too_large(format!("Request must be smaller than {limit} bytes for the {operation} operation"))
            }
            Error::CodeStorageExceeded { .. } => {
                user(bad, "CodeStorageExceededException", "Code storage limit exceeded.")
            }
            Error::NotAvailable { member, hint } => {
                user(bad, "InvalidParameterValueException", format!("{member} is not available in Hearth yet: {hint}"))
            }
            Error::Unserved(operation) => Self {
                fault: Fault::Service,
                ..user(
                    StatusCode::NOT_IMPLEMENTED,
                    "NotImplementedException",
                    format!("Hearth does not serve {operation} yet"),
                )
            },
            // Recorded without `Type`.
            Error::CodeSigningConfigAbsent { arn } => {
                not_found(format!("The Lambda code signing configuration {arn} can not be found.")).untyped()
            }
            Error::CodeSigningConfigNotFound { arn } => user(
                StatusCode::NOT_FOUND,
                "CodeSigningConfigNotFoundException",
                format!(
                    "The code signing configuration cannot be found. Check that the provided configuration is not \
                     deleted: {arn}."
                ),
            )
            .upper(),
            Error::CodeVerificationFailed { name } => user(
                bad,
                "CodeVerificationFailedException",
                format!(
                    "Lambda cannot deploy the function. The function or layer might be signed using a signature that \
                     the client is not configured to accept. Check the provided signature for {name}."
                ),
            )
            .upper(),
            Error::Key(problem) => {
                let (code, text) = keys::described(&problem);
                Self {
                    fault: Fault::Service,
                    ..user(StatusCode::BAD_GATEWAY, code, text).upper()
                }
            }
            Error::BadLink(text) => access_denied(text.to_owned()),
            Error::Package(cause) if cause.is_clients_fault() => Self {
                internal: Some(cause.to_string()),
                ..user(bad, "InvalidParameterValueException", cause.client_message())
            },
            Error::Package(cause) => Self::internal(cause.to_string()),
            Error::Store(cause) => Self::internal(cause.to_string()),
            Error::Objects(cause) | Error::Image(cause) => Self::internal(cause),
            // Told in a version's state; no operation answers with it.
            Error::Snapshot(cause) => Self::internal(cause.to_string()),
        }
    }
}

fn user(status: StatusCode, code: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::user(status, code, message)
}

fn not_found(message: String) -> ApiError {
    user(StatusCode::NOT_FOUND, "ResourceNotFoundException", message).upper()
}

fn conflict(message: String) -> ApiError {
    user(StatusCode::CONFLICT, "ResourceConflictException", message)
}

/// Not in the service's model; publicly quoted answers have `Message` and no `Type`.
fn access_denied(message: String) -> ApiError {
    ApiError {
        key: MessageKey::Upper,
        fault: Fault::Unsaid,
        ..user(StatusCode::FORBIDDEN, "AccessDeniedException", message)
    }
}

/// Not in the service's model either.
fn entity_too_large(message: String) -> ApiError {
    user(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException", message).upper().untyped()
}
