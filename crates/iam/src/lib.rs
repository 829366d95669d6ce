//! Identity and keys: who an access key belongs to, the temporary keys of sessions, and IAM's roles, users
//! and policies with the APIs of IAM and STS.
//!
//! Invariants: secrets are nowhere in the store. Keys of users are configured, or their secrets
//! follow from the server's own; sessions are signed by it, so that any server that holds it knows
//! them, and a restart keeps them valid. Secrets are compared in constant time and never appear in
//! messages. Verifying a signature reads no disk.
//!
//! Not there yet: the evaluation of policies on every call, groups, and instance profiles.
#![forbid(unsafe_code)]

mod api;
mod authorizer;
mod db;
mod directory;
mod document;
mod error;
mod follow;
mod function_roles;
mod ids;
mod keys;
mod kms;
mod managed;
mod ops;
mod record;
mod session;
#[cfg(test)]
mod testing;
mod trust;

use std::sync::Arc;

use hearth_wire::query::Operation;

pub use authorizer::{Action, Decision};
pub use keys::{ConfiguredKey, Iam, IamError, Mode, Options, VerifiedKeys};
pub use kms::{KMS_TARGET, Kms, KmsOptions, OperatorKeys};

/// The version that forms for IAM name.
pub const IAM_VERSION: &str = "2010-05-08";
/// The version that forms for STS name.
pub const STS_VERSION: &str = "2011-06-15";

impl Iam {
    /// The operations of IAM.
    #[must_use]
    pub fn iam_operations(self: &Arc<Self>) -> Vec<Operation> {
        api::iam_operations(self)
    }

    /// The operations of STS.
    #[must_use]
    pub fn sts_operations(self: &Arc<Self>) -> Vec<Operation> {
        api::sts_operations(self)
    }
}
