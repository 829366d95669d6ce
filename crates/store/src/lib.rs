//! Durable state: documents with compare-and-swap, work queues with leases and delays, blobs by
//! SHA-256.
//!
//! Invariants: what a method has answered is on disk; nothing above this crate may assume one
//! process. Two backends are held to one conformance suite.
#![forbid(unsafe_code)]

pub mod traits;

pub use traits::{
    BlobId, Blobs, Change, Document, Documents, Expect, Key, Lease, Queue, QueueItem, Queues, StoreError, Write,
};
