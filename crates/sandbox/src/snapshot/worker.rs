//! The short-lived process that copies or restores: forked by the helper, which must not wait.

use std::fs::File;
use std::io::{PipeReader, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use super::error::{SnapshotError, Step};
use crate::sys::{self, Fork};

/// The least that copying may take; a machine may be busy.
const LEAST_SECONDS: u32 = 15;
const BYTES_PER_SECOND: u64 = 128 << 20;

/// One that has been started.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) pid: i32,
    report: PipeReader,
    seconds: u32,
}

impl Worker {
    /// Forks it with nothing open but the mount namespace and the snapshot, to end in time and with the helper.
    pub(super) fn start(
        bytes: u64,
        keep: [BorrowedFd<'_>; 2],
        work: impl FnOnce() -> Result<(), SnapshotError>,
    ) -> Result<Self, SnapshotError> {
        let seconds = LEAST_SECONDS.saturating_add(u32::try_from(bytes / BYTES_PER_SECOND).unwrap_or(u32::MAX));
        let (report, failure) = std::io::pipe().step("make a pipe")?;
        match sys::fork(0, None).step("start a process that copies")? {
            Fork::Child => sys::run_child(|| {
                let mut failure = File::from(OwnedFd::from(failure));
                let mut keep = keep.map(|fd| fd.as_raw_fd()).to_vec();
                keep.push(failure.as_raw_fd());
                let prepared = prepare(&keep, seconds);
                let outcome = prepared.and_then(|()| work());
                if let Err(error) = &outcome {
                    let _ = failure.write_all(&postcard::to_stdvec(error).unwrap_or_default());
                }
                i32::from(outcome.is_err())
            }),
            Fork::Parent { pid } => Ok(Self { pid, report, seconds }),
        }
    }

    /// How it went, by its raw status.
    pub(crate) fn outcome(mut self, status: i32) -> Result<(), SnapshotError> {
        if libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0 {
            return Ok(());
        }
        if libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGALRM {
            return Err(SnapshotError::TimedOut { seconds: self.seconds });
        }
        let mut bytes = Vec::new();
        let read = self.report.read_to_end(&mut bytes);
        Err(read.ok().and_then(|_| postcard::from_bytes(&bytes).ok()).unwrap_or(SnapshotError::WorkerDied))
    }
}

fn prepare(keep: &[i32], seconds: u32) -> Result<(), SnapshotError> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .step("tie the process that copies to the helper")?;
    sys::close_all_except(keep).step("close inherited descriptors")?;
    sys::end_after(seconds);
    Ok(())
}
