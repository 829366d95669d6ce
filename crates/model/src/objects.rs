//! The seam through which the control plane reads objects of a bucket service: deployment packages.

use bytes::Bytes;
use thiserror::Error;

use crate::BoxFuture;
use crate::account::{AccountId, Region};

/// Names an object, and who asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRequest {
    pub account: AccountId,
    pub region: Region,
    pub bucket: String,
    pub key: String,
    /// Without one, the newest.
    pub version: Option<String>,
    /// A longer object is [`ObjectError::TooLarge`], without being read as a whole.
    pub bytes_max: u64,
}

/// Gives out objects. Implemented by the bucket service.
pub trait Objects: Send + Sync + 'static {
    fn get(&self, request: ObjectRequest) -> BoxFuture<'_, Result<Bytes, ObjectError>>;
}

/// Why there is no object, in the bucket service's own code and words.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ObjectError {
    /// E.g. `NoSuchKey` and `The specified key does not exist.`
    #[error("{code}: {message}")]
    Refused { code: String, message: String },
    #[error("expected an object of at most {limit} bytes")]
    TooLarge { limit: u64 },
    /// The service's own failure, for the server's log.
    #[error("the bucket service failed: {0}")]
    Failed(String),
}

impl ObjectError {
    /// What S3 says of a bucket that is not there.
    /// Source: fact sheet "Lambda control-plane API", section 4, CreateFunction.
    #[must_use]
    pub fn no_such_bucket() -> Self {
        Self::Refused {
            code: "NoSuchBucket".to_owned(),
            message: "The specified bucket does not exist".to_owned(),
        }
    }
}
