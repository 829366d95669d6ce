//! Logs, with the CloudWatch Logs API.
//!
//! ```text
//! invoke -> LogSink -> inbox (bounded, fair) -> one writer thread -> logs.db (chunks) <- readers <- API
//! ```
//!
//! Invariants: nothing on the invocation's path touches the disk; a flood of one function fills
//! that function's budget and nothing else ([`inbox`]); an operation sees whatever was appended
//! before it; memory is bounded whatever is written or asked; an idle store uses no CPU, for it
//! has no timers. Events a killed server had committed are there at the next start; the last
//! moment (at most about 100 ms) is not.
#![forbid(unsafe_code)]

mod api;
mod db;
mod error;
mod inbox;
mod ops;
mod pattern;
mod service;
mod sink;
mod store;

pub use error::OpenError;
pub use service::{MAX_BYTES, Observe, Options};
