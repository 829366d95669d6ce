//! What can go wrong, in the terms of logs.

use std::path::PathBuf;

use thiserror::Error;

/// Why the store of logs cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("failed to make the folder {} for logs: {source}", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error(
        "failed to open the log database {}: {source}; move the file away to start with empty logs",
        path.display()
    )]
    Database { path: PathBuf, source: rusqlite::Error },
    #[error(
        "the log database {} has form {found}, this version knows form {known}; run the version that wrote it",
        path.display()
    )]
    Form { path: PathBuf, found: i64, known: i64 },
    #[error("failed to start the thread that writes logs: {0}")]
    Thread(std::io::Error),
}

/// Why an operation on logs is refused. The texts are AWS's own where they are known (fact sheet
/// "Neighbouring services", section 1).
#[derive(Debug, Error)]
pub(crate) enum LogsError {
    #[error("The specified log group already exists")]
    GroupExists,
    #[error("The specified log stream already exists")]
    StreamExists,
    #[error("The specified log group does not exist.")]
    GroupMissing,
    #[error("The specified log stream does not exist.")]
    StreamMissing,
    /// A parameter that cannot be.
    #[error("{0}")]
    Invalid(String),
    /// Parameters that exclude each other, or a state that forbids the operation.
    #[error("{0}")]
    Refused(String),
    #[error("The log group has {found} tags and these; it can have at most {most}.")]
    TooManyTags { found: usize, most: usize },
    #[error("{operation} is not an operation that Hearth serves yet.")]
    NotServed { operation: &'static str },
    /// The database, or the thread that writes it.
    #[error("the log store failed: {0}")]
    Store(#[from] rusqlite::Error),
    #[error("the log store is closed")]
    Closed,
}

impl LogsError {
    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::Invalid(text.into())
    }
}

/// The usual result here.
pub(crate) type Result<T> = std::result::Result<T, LogsError>;
