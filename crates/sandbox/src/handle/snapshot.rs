//! A copied process, as the server holds it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use crate::error::Errno;
use crate::snapshot::SnapshotError;

/// A copy of a sandbox's main process, to be restored any number of times. Cheap to clone; the memory goes with the last
/// clone. It is a sealed memory file: counted as shared memory of the group that the helper runs in.
#[derive(Debug, Clone)]
pub struct Snapshot {
    memory: Arc<OwnedFd>,
    bytes: u64,
}

impl Snapshot {
    pub(super) fn new(memory: OwnedFd) -> Result<Self, SnapshotError> {
        let found = rustix::fs::fstat(&memory).map_err(|errno| SnapshotError::Step {
            step: "look at the snapshot".into(),
            errno: Errno::from(errno),
        })?;
        Ok(Self {
            memory: Arc::new(memory),
            bytes: found.st_size as u64,
        })
    }

    /// The memory it takes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.memory.as_fd()
    }
}
