//! Sending and receiving without blocking the runtime, what is checked before, and the form in which a process travels.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::net::RecvFlags;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::error::SandboxError;
use crate::protocol::{self, MAX_FDS, MAX_FDS_FROM_SLOT, ProcessPlan};
use crate::spec::{Bind, Process, SandboxSpec, is_plain_absolute};

pub(super) async fn send(
    socket: &AsyncFd<OwnedFd>,
    message: &impl Serialize,
    fds: &[BorrowedFd<'_>],
) -> io::Result<()> {
    socket.async_io(Interest::WRITABLE, |socket| protocol::send(socket.as_fd(), message, fds)).await
}

/// The next message, or `None` when the other end is closed. Safe to cancel: a message is taken whole or not at all.
/// `SPACE` bounds the descriptors that may come with it.
pub(super) async fn receive<T: DeserializeOwned, const SPACE: usize>(
    socket: &AsyncFd<OwnedFd>,
) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let take = |socket: &OwnedFd| protocol::receive_inline::<T, SPACE>(socket.as_fd(), RecvFlags::DONTWAIT);
    socket.async_io(Interest::READABLE, take).await
}

/// Mistakes of the caller, told before anything is done.
pub(super) fn check_spec(spec: &SandboxSpec) -> Result<(), SandboxError> {
    let paths = spec
        .binds
        .iter()
        .map(|bind| &bind.target)
        .chain(spec.files.iter().map(|file| &file.path))
        .chain(spec.links.iter().map(|link| &link.path))
        .chain(&spec.dirs);
    for path in paths {
        check_path(path)?;
    }
    let ports = spec.listen.len();
    if ports > MAX_FDS_FROM_SLOT {
        return Err(SandboxError::InvalidSpec(format!("{ports} listeners, expected at most {MAX_FDS_FROM_SLOT}")));
    }
    spec.process.as_ref().map_or(Ok(()), check_process)
}

/// What may be mounted into a sandbox that runs already.
pub(super) fn check_late_binds(binds: &[Bind]) -> Result<(), SandboxError> {
    for bind in binds {
        check_path(&bind.target)?;
        if !bind.read_only {
            let target = bind.target.display();
            return Err(SandboxError::InvalidSpec(format!("a writable mount on {target}, expected a read-only one")));
        }
    }
    Ok(())
}

fn check_path(path: &Path) -> Result<(), SandboxError> {
    if !is_plain_absolute(path) {
        return Err(SandboxError::InvalidSpec(format!(
            "path {} inside, expected an absolute one without ..",
            path.display()
        )));
    }
    if path.starts_with("/proc") || path.starts_with("/dev") || path.starts_with("/tmp") {
        return Err(SandboxError::InvalidSpec(format!("path {} is one the sandbox makes itself", path.display())));
    }
    Ok(())
}

/// What can be told about a process before it is sent.
pub(super) fn check_process(process: &Process) -> Result<(), SandboxError> {
    let wrong = |what: String| Err(SandboxError::InvalidSpec(what));
    if process.program.as_os_str().is_empty() {
        return wrong("an empty program, expected a path or a name".to_owned());
    }
    if process.inherit.len() > MAX_FDS - 2 {
        return wrong(format!("{} descriptors to inherit, expected at most {}", process.inherit.len(), MAX_FDS - 2));
    }
    let mut numbers: Vec<i32> = process.inherit.iter().map(|(_, number)| *number).collect();
    numbers.sort_unstable();
    if numbers.first().is_some_and(|least| *least < 3) || numbers.windows(2).any(|pair| pair[0] == pair[1]) {
        return wrong("numbers of inherited descriptors must be 3 or more and different".into());
    }
    Ok(())
}

/// Splits a process into what is written and what is passed.
pub(super) fn pack(process: Process) -> (ProcessPlan, Vec<OwnedFd>) {
    let (inherited, inherit): (Vec<OwnedFd>, Vec<i32>) = process.inherit.into_iter().unzip();
    let plan = ProcessPlan {
        program: process.program,
        argv: process.argv,
        env: process.env,
        cwd: process.cwd,
        has_stdout: process.stdout.is_some(),
        has_stderr: process.stderr.is_some(),
        inherit,
    };
    let fds = process.stdout.into_iter().chain(process.stderr).chain(inherited).collect();
    (plan, fds)
}
