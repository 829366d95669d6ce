//! The seam through which the control plane asks for, and hears of, what is initialised ahead of
//! demand.

use std::sync::Arc;

use thiserror::Error;

use crate::BoxFuture;
use crate::catalog::FunctionKey;
use crate::function::{FunctionSpec, Version};

/// Initialises ahead of demand. Implemented by the data plane, which learns what to keep from
/// [`crate::FunctionCatalog::ahead`].
pub trait Preparation: Send + Sync + 'static {
    /// How far the environments provisioned for a version have come. `None` when none are asked
    /// for, as far as the data plane has heard.
    fn provisioned(&self, key: &FunctionKey, version: Version) -> Option<Provisioned>;

    /// Makes the first snapshot of a version that is being published: its init runs once, with the
    /// hooks before the snapshot. The version need not be in the catalog yet.
    ///
    /// # Errors
    /// When the init fails; the version is then not to be published.
    fn snapshot(&self, spec: Arc<FunctionSpec>) -> BoxFuture<'_, Result<(), SnapshotError>>;
}

/// The state of a version's provisioned environments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provisioned {
    pub requested: u32,
    /// Made, initialised or not yet.
    pub allocated: u32,
    /// Initialised: idle or at work.
    pub available: u32,
    /// Why initialising was given up, as in the API's `StatusReason`: `FUNCTION_ERROR_INIT_FAILURE`.
    pub failure: Option<String>,
}

/// Why there is no snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind}: {message}")]
pub struct SnapshotError {
    /// E.g. `Runtime.BeforeSnapshotError`, `Sandbox.Timedout`.
    pub kind: String,
    pub message: String,
}
