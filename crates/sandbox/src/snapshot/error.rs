//! What can go wrong when a process is copied.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::error::Errno;

/// Why a snapshot could not be taken or restored.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum SnapshotError {
    /// The process is one that no faithful copy can be made of, or not into this sandbox. It goes on as before.
    #[error("the process cannot be copied: {0}")]
    Refused(String),
    #[error("failed to {step}: {errno}")]
    Step { step: String, errno: Errno },
    /// The code that was running is no longer what was copied: another file lies at the path.
    #[error("expected {path} to be the file that the copied process had mapped, found another one or a changed one")]
    FileChanged { path: String },
    #[error("the process ended while it was being copied, or while a copy was put into it")]
    Ended,
    #[error("copying took longer than {seconds} s")]
    TimedOut { seconds: u32 },
    #[error("the process that copies ended before it was done")]
    WorkerDied,
    #[error("expected a snapshot as it was taken, found {0}")]
    Damaged(String),
}

impl SnapshotError {
    /// Reasons name what is found in a sandbox: no control characters, and not much of it.
    pub(crate) fn refused(reason: impl AsRef<str>) -> Self {
        const MOST_CHARACTERS: usize = 600;
        Self::Refused(reason.as_ref().escape_debug().take(MOST_CHARACTERS).collect())
    }
}

/// Names a step for its error.
pub(super) trait Step<T> {
    fn step(self, step: impl Into<String>) -> Result<T, SnapshotError>;
}

impl<T, E: Into<Errno>> Step<T> for Result<T, E> {
    fn step(self, step: impl Into<String>) -> Result<T, SnapshotError> {
        self.map_err(|cause| match cause.into() {
            Errno(libc::ESRCH) => SnapshotError::Ended,
            errno => SnapshotError::Step { step: step.into(), errno },
        })
    }
}
