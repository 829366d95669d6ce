//! Identity: who an access key belongs to, and the temporary keys of functions.
//!
//! Invariants: no store and no state that grows. Keys of users are configured; keys of functions
//! are signed by a master secret, so that any server that holds it knows them, and a restart keeps
//! them valid. Secrets are compared in constant time and never appear in messages.
//!
//! Not there yet: roles, users and policies as resources, and the IAM and STS APIs.
#![forbid(unsafe_code)]

mod authorizer;
mod keys;
mod session;

pub use authorizer::{Action, Decision};
pub use keys::{ConfiguredKey, Iam, IamError, Mode, Options};
