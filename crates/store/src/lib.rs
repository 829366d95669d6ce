//! Durable state: documents with compare-and-swap, work queues with leases and delays, blobs by
//! SHA-256.
//!
//! Invariants: what a method has answered is on disk; nothing above this crate may assume one
//! process. Every backend is held to one suite, [`conformance`].
#![forbid(unsafe_code)]

pub mod conformance;
pub mod embedded;
pub mod faults;
pub mod memory;
pub mod traits;

mod watchers;

pub use embedded::Embedded;
pub use memory::Memory;
pub use traits::{
    BlobId, Blobs, Change, Document, Documents, Expect, Key, Lease, Queue, QueueItem, Queues, StoreError,
    WATCH_CAPACITY, Write,
};
