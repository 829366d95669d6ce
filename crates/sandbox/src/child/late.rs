//! Mounts and limits for a sandbox that runs already: the work of a short-lived process of the helper's.
//!
//! The sandbox's own first process has given up what mounting takes, and the helper must not wait for folders that are
//! slow to open; so it forks. The code in the sandbox may be hostile: nothing it can write to decides where a mount
//! goes. Targets are found in its mount namespace without following any link, and everything there but `/tmp` is
//! read-only (a target in `/tmp` is refused by the server).

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::sched::{CloneFlags, setns, unshare};

use super::{Step, identity, memory_guard, root};
use crate::cgroup::SlotGroups;
use crate::error::SetupError;
use crate::spec::{Bind, Limits};
use crate::sys::{self, Fork};

/// The namespaces of a slot, from its own hands.
#[derive(Debug)]
pub(crate) struct LateNamespaces {
    pub(crate) mount: OwnedFd,
    /// At the user level, where only members of it may change the mounts.
    pub(crate) user: Option<OwnedFd>,
}

impl LateNamespaces {
    /// In the order in which a slot sends them.
    pub(crate) fn from_descriptors(fds: Vec<OwnedFd>) -> Option<Self> {
        let mut fds = fds.into_iter();
        Some(Self {
            mount: fds.next()?,
            user: fds.next(),
        })
    }
}

/// What is to be added, and where.
pub(crate) struct Late<'a> {
    pub(crate) namespaces: &'a LateNamespaces,
    pub(crate) groups: Option<&'a SlotGroups>,
    pub(crate) binds: &'a [Bind],
    pub(crate) limits: &'a Limits,
    /// The sandbox's first process, where each process's memory is guarded for want of a cgroup.
    pub(crate) guarded: Option<i32>,
}

/// Forks the process; its number and what it says if it fails (nothing, and code 0, when all went well).
pub(crate) fn specialise(late: &Late<'_>) -> Result<(i32, std::io::PipeReader), SetupError> {
    let (report, failure) = std::io::pipe().step(SetupError::SpecialiseFork)?;
    match sys::fork(0, None).step(SetupError::SpecialiseFork)? {
        Fork::Child => sys::run_child(|| {
            let mut failure = File::from(OwnedFd::from(failure));
            let outcome = run(late, &failure);
            if let Err(error) = &outcome {
                let _ = failure.write_all(&postcard::to_stdvec(error).unwrap_or_default());
            }
            i32::from(outcome.is_err())
        }),
        Fork::Parent { pid } => Ok((pid, report)),
    }
}

fn run(late: &Late<'_>, failure: &File) -> Result<(), SetupError> {
    // 1. This process ends with the helper, and holds no socket of another sandbox open.
    identity::die_with_parent()?;
    let namespaces = late.namespaces;
    let mut keep = vec![failure.as_raw_fd(), namespaces.mount.as_raw_fd()];
    keep.extend(namespaces.user.as_ref().map(AsRawFd::as_raw_fd));
    sys::close_all_except(&keep).step(SetupError::CloseDescriptors)?;

    // 2. The limits, while the host's cgroups can be seen.
    late.groups.map_or(Ok(()), |groups| groups.apply(late.limits))?;
    late.guarded.map_or(Ok(()), |first| memory_guard::renew(first, late.limits))?;
    if late.binds.is_empty() {
        return Ok(());
    }

    // 3. An ordinary user may take copies of mounts only in a namespace of the sandbox's: a passing one, like the host's.
    if let Some(user) = &namespaces.user {
        setns(user.as_fd(), CloneFlags::CLONE_NEWUSER).step(SetupError::EnterUserNamespace)?;
        unshare(CloneFlags::CLONE_NEWNS).step(SetupError::Unshare)?;
    }

    // 4. Copies of the host's folders, restricted before anyone can reach them.
    let trees = late.binds.iter().map(root::take_bind).collect::<Result<Vec<_>, _>>()?;

    // 5. From here on, paths are the sandbox's.
    setns(namespaces.mount.as_fd(), CloneFlags::CLONE_NEWNS).step(SetupError::EnterMountNamespace)?;

    // 6. Into place, one after the other: a later one may lie inside an earlier one.
    late.binds.iter().zip(&trees).try_for_each(|(bind, tree)| root::attach_late(bind, tree))
}

/// What the process said before it ended.
pub(crate) fn failure_of(mut report: std::io::PipeReader) -> SetupError {
    let mut bytes = Vec::new();
    let read = std::io::Read::read_to_end(&mut report, &mut bytes);
    read.ok().and_then(|_| postcard::from_bytes(&bytes).ok()).unwrap_or(SetupError::SpecialiseDied)
}
