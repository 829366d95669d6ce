//! The seam through which log events reach their store.

use std::sync::Arc;

use crate::BoxFuture;
use crate::account::{AccountId, Region};

/// A log stream, made (with its group) at its first event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogStreamId {
    pub account: AccountId,
    pub region: Region,
    pub group: String,
    pub stream: String,
}

/// One event: what CloudWatch Logs shows as one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// Unix milliseconds.
    pub timestamp_ms: i64,
    pub message: String,
}

/// Takes log events. Implemented by `observe`.
pub trait LogSink: Send + Sync + 'static {
    /// Hands over events in order. Waits while the store is behind, so that a flood slows its
    /// writer; never fails the caller (a store that cannot write says so in the server's log).
    fn append(&self, stream: Arc<LogStreamId>, events: Vec<LogEvent>) -> BoxFuture<'_, ()>;
}
