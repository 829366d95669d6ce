//! Who a sandbox is: user namespaces, ids, capabilities.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::unistd::{Gid, Uid};
use rustix::process::Signal;

use super::Step;
use crate::error::{Errno, SetupError};
use crate::spec::{Level, UID_RANGE};
use crate::sys::{self, Fork};

const CAP_KILL: u64 = 1 << 5;
const CAP_SETGID: u64 = 1 << 6;
const CAP_SETUID: u64 = 1 << 7;
const CAP_SETPCAP: u64 = 1 << 8;

/// Killed with the helper. Changing ids clears this, so it is asked for again after that.
pub(super) fn die_with_parent() -> Result<(), SetupError> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).step(SetupError::DeathSignal)
}

/// At the user level: the one id that an ordinary user may map is its own. It is given by the caller, because in a
/// namespace without a map everyone looks like nobody.
pub(super) fn map_self(inside: (u32, u32), host: (u32, u32)) -> Result<(), SetupError> {
    let process = Path::new("/proc/self");
    write_map(process, "setgroups", "deny")?;
    write_map(process, "uid_map", &format!("{} {} 1", inside.0, host.0))?;
    write_map(process, "gid_map", &format!("{} {} 1", inside.1, host.1))
}

fn write_map(process: &Path, file: &str, text: &str) -> Result<(), SetupError> {
    fs::write(process.join(file), text).step(|errno| SetupError::IdMap { file: file.to_owned(), errno })
}

/// A user namespace with the ids `0..UID_RANGE` mapped to a range of its own, held open by a descriptor.
///
/// Made by a child that does nothing but exist while its maps are written: a namespace needs a process to be born.
pub(super) fn make_user_namespace(proc: &Path, first_id: u32) -> Result<OwnedFd, SetupError> {
    match sys::fork(libc::CLONE_NEWUSER, None).step(SetupError::UserNamespace)? {
        Fork::Child => sys::run_child(|| {
            loop {
                nix::unistd::pause();
            }
        }),
        Fork::Parent { pid } => {
            let namespace = fill_user_namespace(&proc.join(pid.to_string()), first_id);
            let _ = sys::kill(pid, libc::SIGKILL);
            while matches!(sys::reap_blocking(), Ok(Some((ended, _))) if ended != pid) {}
            namespace
        }
    }
}

fn fill_user_namespace(process: &Path, first_id: u32) -> Result<OwnedFd, SetupError> {
    let map = format!("0 {first_id} {UID_RANGE}");
    write_map(process, "uid_map", &map)?;
    write_map(process, "gid_map", &map)?;
    let namespace = File::open(process.join("ns/user")).step(SetupError::UserNamespace)?;
    Ok(namespace.into())
}

/// The slot's own descent, first half: from the host's root to that of the sandbox's user namespace.
pub(super) fn enter_user_namespace(namespace: OwnedFd) -> Result<(), SetupError> {
    nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWUSER).step(SetupError::EnterUserNamespace)?;
    take_ids(0, 0)
}

/// Second half: to one that may do just enough to start another main process (change to its ids, drop its capabilities)
/// and to kill.
pub(super) fn become_init(level: Level) -> Result<(), SetupError> {
    // Not traceable by, and its /proc entries closed to, everyone inside.
    nix::sys::prctl::set_dumpable(false).step(SetupError::NoNewPrivileges)?;
    let kept = match level {
        Level::Root => CAP_KILL | CAP_SETGID | CAP_SETUID | CAP_SETPCAP,
        Level::User => CAP_KILL | CAP_SETPCAP,
    };
    drop_bounding(kept)?;
    keep(kept)?;
    die_with_parent()
}

/// Takes the ids with no supplementary groups.
pub(super) fn take_ids(uid: u32, gid: u32) -> Result<(), SetupError> {
    let failed = |errno| SetupError::Ids { uid, gid, errno };
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
    nix::unistd::setgroups(&[]).step(failed)?;
    nix::unistd::setresgid(group, group, group).step(failed)?;
    nix::unistd::setresuid(user, user, user).step(failed)
}

/// Empties the bounding set, so that no executed file can bring a capability back. Takes CAP_SETPCAP.
pub(super) fn drop_bounding_set() -> Result<(), SetupError> {
    drop_bounding(0)
}

/// Empties the other sets.
pub(super) fn drop_capabilities() -> Result<(), SetupError> {
    keep(0)
}

fn keep(kept: u64) -> Result<(), SetupError> {
    sys::keep_capabilities(kept).step(|errno| SetupError::Capabilities { step: "capset".into(), errno })
}

fn drop_bounding(kept: u64) -> Result<(), SetupError> {
    for number in (0..64).filter(|number| kept & (1 << number) == 0) {
        match sys::drop_bounding_capability(number) {
            Ok(()) => {}
            // The end of the kernel's list.
            Err(Errno(libc::EINVAL)) => break,
            Err(errno) => {
                return Err(SetupError::Capabilities {
                    step: "bounding set".into(),
                    errno,
                });
            }
        }
    }
    Ok(())
}
