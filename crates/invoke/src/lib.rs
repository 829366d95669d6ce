//! The data plane: from an invocation to its answer.
//!
//! [`DataPlane`] faces the outside: it resolves names in the catalog, takes a concurrency permit
//! and hands the job to a pool. A pool ([`pool`]) belongs to one function version and knows which
//! of its environments are idle; an [`environment`] owns one sandbox and is the only one to touch
//! it.
//!
//! Invariants: a warm invocation reads no store and no disk. No environment serves two functions
//! or two versions, or two events at once. What a function prints reaches the log sink in order,
//! and a slow sink slows that function alone.
#![forbid(unsafe_code)]

mod concurrency;
mod demand;
mod environment;
mod extensions;
#[doc(hidden)]
pub mod fuzzing;
mod lineage;
mod parking;
mod payload;
mod pool;
mod report;
mod runtime_api;
mod service;
mod streaming;
mod telemetry;
mod trace;

pub use environment::resolver;
pub use service::{DataPlane, Limits, Options};

/// The largest answer of a function, in bytes: 6 MiB and 100.
/// Source: fact sheet "Lambda invocation", section 1.
pub const RESPONSE_BYTES_MAX: usize = 6 * 1024 * 1024 + 100;

/// The largest event of a synchronous invocation, in bytes.
pub const EVENT_BYTES_MAX: usize = 6 * 1024 * 1024;
