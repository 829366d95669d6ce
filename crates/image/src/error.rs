//! Why there is no image.

use thiserror::Error;

/// Messages are for the client: they name what is wrong with its image and hold nothing of the
/// server's files.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ImageError {
    /// Not a reference at all.
    #[error("{0}")]
    Malformed(String),
    /// The operator did not open it.
    #[error("{0}")]
    NotOpen(String),
    #[error("the image {0} does not exist")]
    NotFound(String),
    /// The registry wants other credentials.
    #[error("the registry refuses access to {0}")]
    Denied(String),
    #[error("expected a manifest, configuration or layer of a known media type, found {0}")]
    MediaType(String),
    #[error("expected an image for linux/{expected}, found {found}")]
    Platform { expected: &'static str, found: String },
    /// Damaged or hostile.
    #[error("{0}")]
    Invalid(String),
    #[error("the image has more than {limit} {what}")]
    TooLarge { limit: u64, what: &'static str },
    /// The registry or the way to it; another attempt may succeed.
    #[error("{0}")]
    Unreachable(String),
    /// The server's disk; another attempt may succeed.
    #[error("failed to {action}: {cause}")]
    Io { action: String, cause: String },
    /// The server stops.
    #[error("the server is stopping")]
    Stopping,
}

impl ImageError {
    pub(crate) fn io(action: impl Into<String>, cause: impl std::fmt::Display) -> Self {
        Self::Io {
            action: action.into(),
            cause: cause.to_string(),
        }
    }

    /// True for what another attempt may mend.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Io { .. })
    }
}
