//! Logs, with the CloudWatch Logs API.
//!
//! ```text
//! invoke -> LogSink -> inbox (bounded, fair) -> one writer thread -> logs.db (chunks) <- readers <- API
//! ```
//!
//! Invariants: nothing on the invocation's path touches the disk; a flood of one function fills
//! that function's budget and nothing else (module `inbox`); an operation sees whatever was appended
//! before it; memory is bounded whatever is written or asked; an idle store uses no CPU, for it
//! has no timers. Events a killed server had committed are there at the next start; the last
//! moment (at most about 100 ms) is not.
//!
//! What differs from CloudWatch Logs:
//!
//! - Beside retention there is a limit to the size of all logs ([`Options::max_bytes`]). Beyond it
//!   the oldest events go, whatever their group's retention, and streams left empty go with them.
//! - A stream's new events are seen at once, and `PutLogEvents` is not throttled but slowed.
//! - Log groups have the class `STANDARD` and no encryption key of their own; asking for another
//!   is refused. There are no linked accounts and no data protection policies.
//! - An event that a function prints is cut at 1 MiB; one without text is left out.
//! - Tokens of `GetLogEvents` do not expire.
//! - Operations on queries, metric and subscription filters, deliveries and so on answer with an
//!   error that names them.
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
