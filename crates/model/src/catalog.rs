//! The seam through which the data plane sees functions, without reading the store.

use std::sync::Arc;

use crate::account::{AccountId, Region};
use crate::asynchronous::EventPolicy;
use crate::function::{FunctionSpec, Version};
use crate::name::{FunctionName, Qualifier};
use crate::variable_keys::KeyProblem;

/// Names a function across accounts and regions.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionKey {
    pub account: AccountId,
    pub region: Region,
    pub name: FunctionName,
}

/// What a name and qualifier lead to.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// A version that can be invoked.
    Ready(Arc<FunctionSpec>),
    /// It exists but cannot run now. `state` is `Pending`, `Failed` ...
    NotReady {
        state: &'static str,
        reason: Option<String>,
    },
    /// It is held to a version of its runtime that the host does not have; the text says what to do.
    NoRuntime {
        reason: String,
    },
    /// Its variables are encrypted with a key that cannot be used.
    KeyUnusable {
        problem: KeyProblem,
        spec: Arc<FunctionSpec>,
    },
    /// What it mounts is not there; the text says what to do.
    NoFileSystem {
        reason: String,
    },
    Absent,
}

/// A view of all functions, in memory. Implemented by the control plane.
pub trait FunctionCatalog: Send + Sync + 'static {
    /// On the hot path: no lock that a writer holds for long, no I/O. No qualifier means
    /// `$LATEST`.
    fn lookup(&self, key: &FunctionKey, qualifier: Option<&Qualifier>) -> Lookup;

    /// What is to become of events for a qualifier; the defaults where nothing else is set.
    fn event_policy(&self, key: &FunctionKey, qualifier: Option<&Qualifier>) -> EventPolicy;

    /// Whether the function may call itself again and again.
    fn allows_recursion(&self, key: &FunctionKey) -> bool;

    /// What is to be initialised ahead of demand for a function's versions, aliases resolved: at
    /// most one entry a version, and none for a version that needs nothing.
    fn ahead(&self, key: &FunctionKey) -> Vec<Ahead>;

    /// Every function for which [`FunctionCatalog::ahead`] has something: what a start begins with.
    fn with_ahead(&self) -> Vec<FunctionKey>;
}

/// What is to be initialised ahead of demand for one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ahead {
    pub version: Version,
    /// Provisioned concurrency: so many environments are kept initialised. 0 for none.
    pub environments: u32,
    /// SnapStart: a snapshot is kept.
    pub snap_start: bool,
}

/// Told after a change is durable and visible through [`FunctionCatalog::lookup`]. Implemented by
/// the data plane, which retires environments of older generations.
pub trait CatalogObserver: Send + Sync + 'static {
    fn function_changed(&self, key: &FunctionKey);
}
