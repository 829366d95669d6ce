//! The seam between event source mappings and those who have what they read from.

use crate::BoxFuture;

/// What is known of a queue, a stream or a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceLookup {
    Found {
        /// Of a queue.
        visibility_timeout_s: Option<u32>,
    },
    Absent,
    /// Nobody here has sources of that kind.
    Unserved,
}

/// Knows the sources of event source mappings. Implemented by the services that have them.
pub trait EventSources: Send + Sync + 'static {
    /// Looks for the source of a well-formed ARN.
    fn find<'a>(&'a self, arn: &'a str) -> BoxFuture<'a, SourceLookup>;
}
