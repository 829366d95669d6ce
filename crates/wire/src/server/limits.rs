//! What one client, or all together, may take of the server.

use std::time::Duration;

/// Bounds of the front door. The defaults suit a small server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time. Beyond it a connection is answered 503 once and closed; beyond 64
    /// such answers at a time it is closed at once.
    pub connections: usize,
    /// Bytes of a request's line and headers; more is a 431. At least 8 KiB.
    pub header_bytes: usize,
    /// Headers of a request; more is a 431.
    pub header_count: usize,
    /// From a request's first byte to the end of its headers. A slower client is cut off.
    pub header_time: Duration,
    /// How long a connection may stand without a request, or without taking any of its answer.
    pub idle_time: Duration,
    /// How long a body may take in any case ...
    pub body_time: Duration,
    /// ... and how much longer for its size: a second for each so many bytes. Slower is a 408.
    pub body_bytes_per_s: u64,
    /// Request bodies of over 256 KiB in memory at a time; a request that waits too long for its
    /// share is a 503.
    pub body_memory_bytes: usize,
    /// How much of a refused request's body is read, so that its client gets to read the refusal.
    pub discard_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            header_bytes: 64 * 1024,
            header_count: 100,
            header_time: Duration::from_secs(15),
            idle_time: Duration::from_secs(180),
            body_time: Duration::from_secs(20),
            body_bytes_per_s: 16 * 1024,
            body_memory_bytes: 512 * 1024 * 1024,
            discard_bytes: 96 * 1024 * 1024,
        }
    }
}
