//! What can go wrong in KMS, and the one place where each becomes an answer.
//!
//! Source: fact sheet "Neighbouring services", section 4; the service's model.

use hearth_store::StoreError;
use hearth_wire::ApiError;
use http::StatusCode;
use thiserror::Error;

/// A refusal or a failure of an operation. The texts are the answers'.
#[derive(Clone, Debug, Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Validation(String),
    #[error("{0}")]
    NotFound(String),
    #[error("{0} is disabled.")]
    Disabled(String),
    #[error("{0}")]
    InvalidState(String),
    #[error("An alias with the name {0} already exists")]
    AliasExists(String),
    #[error("{0}")]
    InvalidAlias(String),
    #[error("{0}")]
    MalformedPolicy(String),
    #[error("{0}")]
    Tag(String),
    #[error("{0}")]
    Limit(String),
    #[error("{0}")]
    AccessDenied(String),
    #[error("{0}")]
    InvalidKeyUsage(String),
    #[error("{0}")]
    Unsupported(String),
    #[error("{0}")]
    InvalidMarker(String),
    #[error("{0}")]
    InvalidGrantToken(String),
    /// Sic: the service says nothing more.
    #[error("")]
    InvalidCiphertext,
    #[error("The key ID in the request does not identify a CMK that can perform this operation.")]
    IncorrectKey,
    #[error("The request would have succeeded, but the DryRun option is set.")]
    DryRun,
    /// What AWS has and Hearth has not.
    #[error("Hearth does not serve the operation {0} of KMS yet")]
    NotServed(&'static str),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

impl From<Error> for ApiError {
    /// All of this service's refusals are a 400, also of what is missing.
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Validation(_) => "ValidationException",
            Error::NotFound(_) => "NotFoundException",
            Error::Disabled(_) => "DisabledException",
            Error::InvalidState(_) => "KMSInvalidStateException",
            Error::AliasExists(_) => "AlreadyExistsException",
            Error::InvalidAlias(_) => "InvalidAliasNameException",
            Error::MalformedPolicy(_) => "MalformedPolicyDocumentException",
            Error::Tag(_) => "TagException",
            Error::Limit(_) => "LimitExceededException",
            Error::AccessDenied(_) => "AccessDeniedException",
            Error::InvalidKeyUsage(_) => "InvalidKeyUsageException",
            Error::Unsupported(_) => "UnsupportedOperationException",
            Error::InvalidMarker(_) => "InvalidMarkerException",
            Error::InvalidGrantToken(_) => "InvalidGrantTokenException",
            Error::InvalidCiphertext => "InvalidCiphertextException",
            Error::IncorrectKey => "IncorrectKeyException",
            Error::DryRun => "DryRunOperationException",
            Error::NotServed(_) => "UnknownOperationException",
            Error::Store(cause) => {
                let mut failed = ApiError::internal(format!("kms: {cause}")).untyped();
                failed.code = "KMSInternalException".into();
                return failed;
            }
        };
        ApiError::user(StatusCode::BAD_REQUEST, code, error.to_string()).untyped()
    }
}
