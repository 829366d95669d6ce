//! The language runtimes: the bootstraps that run a function's code, and the interpreters that run the bootstraps.
//!
//! - [`bundle`] carries the bootstrap sources (`runtimes/` at the root of the repository) inside the binary and writes
//!   them where a sandbox can mount them.
//! - [`table`] knows every runtime identifier of AWS, and what each needs.
//! - [`discover`] finds interpreters on the host; [`Runtimes`] resolves an identifier to one of them, or says how to get
//!   it.
//! - [`launch`] gives the command line and the environment of a runtime process; [`park`] those of one that is started
//!   before its function is known.
//! - [`channel`] and [`telemetry`] are the two byte formats between such a process and the server.
//!
//! What this crate never does: start a function, build a sandbox, or run anything on a request path. It runs
//! interpreters only to ask for their version, at start-up, and only those that it has reason to trust.

#![forbid(unsafe_code)]

pub mod bundle;
pub mod channel;
pub mod discover;
mod dotnet;
mod frames;
mod hints;
pub mod launch;
pub mod park;
mod registry;
pub mod table;
pub mod telemetry;

pub use bundle::{Bootstraps, NODE_PACKAGES, materialise};
pub use discover::{DiscoveryConfig, Interpreter};
pub use launch::{
    CHANNEL_FD_VARIABLE, LaunchOptions, PROVIDED_BOOTSTRAPS, ResolvedRuntime, TELEMETRY_FD_VARIABLE, provided_bootstrap,
};
pub use park::{BOOT_VARIABLES, BootVariables, PARKED_VARIABLE, ParkKey, ParkedLaunch};
pub use registry::{Idle, Listing, RuntimeUnavailable, Runtimes, State};
pub use table::{Definition, Language, definition, definitions};
