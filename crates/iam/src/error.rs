//! What can go wrong in IAM and STS, and the one place where each becomes an answer.
//!
//! Source: fact sheet "Neighbouring services", sections 0.2 and 3; the services' models (status).

use hearth_store::StoreError;
use hearth_wire::ApiError;
use http::StatusCode;
use thiserror::Error;

/// A refusal or a failure of an operation. The texts are the answers'.
#[derive(Clone, Debug, Error)]
pub(crate) enum Error {
    /// A constraint of the service's model that does not hold.
    #[error("{0}")]
    Validation(String),
    #[error("{0}")]
    InvalidInput(String),
    #[error("{0}")]
    NoSuchEntity(String),
    #[error("{0}")]
    AlreadyExists(String),
    #[error("{0}")]
    DeleteConflict(String),
    #[error("{0}")]
    LimitExceeded(String),
    #[error("{0}")]
    MalformedPolicy(String),
    #[error("{0}")]
    AccessDenied(String),
    /// Others change the same thing all the time.
    #[error("the entity was changed by others at the same time; try again")]
    ConcurrentModification,
    /// What AWS has and Hearth has not.
    #[error("{0}")]
    NotServed(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let (status, code) = match &error {
            Error::Validation(_) => (StatusCode::BAD_REQUEST, "ValidationError"),
            Error::InvalidInput(_) => (StatusCode::BAD_REQUEST, "InvalidInput"),
            Error::NoSuchEntity(_) => (StatusCode::NOT_FOUND, "NoSuchEntity"),
            Error::AlreadyExists(_) => (StatusCode::CONFLICT, "EntityAlreadyExists"),
            Error::DeleteConflict(_) => (StatusCode::CONFLICT, "DeleteConflict"),
            Error::LimitExceeded(_) => (StatusCode::CONFLICT, "LimitExceeded"),
            Error::MalformedPolicy(_) => (StatusCode::BAD_REQUEST, "MalformedPolicyDocument"),
            Error::AccessDenied(_) => (StatusCode::FORBIDDEN, "AccessDenied"),
            Error::ConcurrentModification => (StatusCode::CONFLICT, "ConcurrentModification"),
            Error::NotServed(_) => (StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
            Error::Store(cause) => {
                let mut failure = Self::internal(cause.to_string());
                failure.code = "ServiceFailure".into();
                return failure;
            }
        };
        Self::user(status, code, error.to_string())
    }
}
