//! A sandbox's main process, copied, and put into the place of another one in another sandbox.
//!
//! All of it is done from outside, by a short-lived process of the helper's that traces one process of a sandbox: the
//! traced one stays under its whole lockdown all the time, and no code of a sandbox ever runs outside of it. What has
//! been copied is data of code that may be hostile: it becomes memory, registers and signal handlers of a process with
//! the same lockdown, and nothing else. See `docs/decisions` ("SnapStart of Python copies a process image").
//!
//! [`capture`] reads, [`restore`] writes; [`maps`] and [`process`] tell what can be copied, [`image`] is what is kept.

#[cfg(target_arch = "x86_64")]
mod batch;
#[cfg(target_arch = "x86_64")]
mod capture;
mod error;
#[cfg(target_arch = "x86_64")]
mod image;
#[cfg(target_arch = "x86_64")]
mod maps;
#[cfg(target_arch = "x86_64")]
mod process;
#[cfg(target_arch = "x86_64")]
mod restore;
#[cfg(target_arch = "x86_64")]
mod tracee;
mod worker;

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

pub use error::SnapshotError;
pub(crate) use worker::Worker;

use error::Step;

/// Whose main process is to be copied.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
pub(crate) struct Source<'a> {
    /// The first process of the sandbox, by the host's number.
    pub(crate) first: i32,
    /// The sandbox's, which no other process is in.
    pub(crate) mount_namespace: BorrowedFd<'a>,
    /// What it was given beside 0, 1 and 2.
    pub(crate) descriptors: &'a [i32],
    /// The sandbox's memory limit.
    pub(crate) most_bytes: u64,
}

/// Whose main process is to become a copy.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
pub(crate) struct Place<'a> {
    pub(crate) first: i32,
    pub(crate) mount_namespace: BorrowedFd<'a>,
}

/// Begins to copy. The snapshot is in the file when the worker has ended well; it counts as shared memory of the helper.
pub(crate) fn begin_capture(source: &Source<'_>) -> Result<(Worker, OwnedFd), SnapshotError> {
    use rustix::fs::MemfdFlags;
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory = rustix::fs::memfd_create("snapshot", flags).step("make a memory file")?;
    let keep = [source.mount_namespace, memory.as_fd()];
    // The child's own copies of both, by the same numbers.
    let worker = Worker::start(source.most_bytes, keep, || run_on(memory.as_fd(), |file| capture(source, file)))?;
    Ok((worker, memory))
}

/// Begins to restore. If that fails, the process is killed.
pub(crate) fn begin_restore(place: &Place<'_>, snapshot: BorrowedFd<'_>) -> Result<Worker, SnapshotError> {
    let bytes = rustix::fs::fstat(snapshot).step("look at the snapshot")?.st_size as u64;
    let keep = [place.mount_namespace, snapshot];
    Worker::start(bytes, keep, || run_on(snapshot, |file| restore(place, file)))
}

fn run_on(memory: BorrowedFd<'_>, work: impl FnOnce(&File) -> Result<(), SnapshotError>) -> Result<(), SnapshotError> {
    let file = File::from(memory.try_clone_to_owned().step("open the memory file")?);
    work(&file)
}

#[cfg(target_arch = "x86_64")]
use {capture::capture, restore::restore};

#[cfg(not(target_arch = "x86_64"))]
fn capture(_: &Source<'_>, _: &File) -> Result<(), SnapshotError> {
    Err(elsewhere())
}

#[cfg(not(target_arch = "x86_64"))]
fn restore(_: &Place<'_>, _: &File) -> Result<(), SnapshotError> {
    Err(elsewhere())
}

#[cfg(not(target_arch = "x86_64"))]
fn elsewhere() -> SnapshotError {
    SnapshotError::refused("snapshots are taken on x86-64 only")
}
