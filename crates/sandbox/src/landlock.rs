//! Landlock: the kernel checks each use of a file once more, by the path it was found at.
//!
//! A further layer, not one that anything rests on: mounts already make everything but `/tmp` read-only and hide what
//! is not the sandbox's, and its own namespaces keep signals and sockets apart. Should one of those fail, this still
//! holds. It is used as far as the kernel has it ([`Layer`]) and asks for no privilege.
//!
//! Process 1 enters the domain before it starts anything, and everything in the sandbox is born into it. So all of them
//! share one, within which signals and abstract sockets go where they like. None of them can mount any more: what is
//! mounted later is mounted by the helper, and lies under the rules of the folder it is mounted below.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::error::Errno;
use crate::sys;

const EXECUTE: u64 = 1 << 0;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const REMOVE_DIR: u64 = 1 << 4;
const REMOVE_FILE: u64 = 1 << 5;
const MAKE_CHAR: u64 = 1 << 6;
const MAKE_DIR: u64 = 1 << 7;
const MAKE_REG: u64 = 1 << 8;
const MAKE_SOCK: u64 = 1 << 9;
const MAKE_FIFO: u64 = 1 << 10;
const MAKE_BLOCK: u64 = 1 << 11;
const MAKE_SYM: u64 = 1 << 12;
const REFER: u64 = 1 << 13;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEV: u64 = 1 << 15;

const SCOPE_ABSTRACT_UNIX_SOCKET: u64 = 1 << 0;
const SCOPE_SIGNAL: u64 = 1 << 1;

const READ: u64 = EXECUTE | READ_FILE | READ_DIR;
const WRITE: u64 = WRITE_FILE | TRUNCATE;
/// What a program does with files of its own. Without device nodes, and without commands to devices.
const OWN: u64 =
    READ | WRITE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO | MAKE_SYM | REFER;
/// The rights that a rule for something other than a folder may name.
const OF_FILES: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV;

/// What is granted below a path. Whatever no line grants is refused.
struct Grant {
    path: &'static str,
    access: u64,
}

const GRANTS: &[Grant] = &[
    // The sealed root: programs, code, layers.
    Grant { path: "/", access: READ },
    // The one place to write.
    Grant { path: "/tmp", access: OWN },
    // Output to /dev/null and its like.
    Grant { path: "/dev", access: WRITE },
    // A thread's name and the like; what rules the host is mounted read-only.
    Grant { path: "/proc", access: WRITE },
];

/// How much of Landlock a kernel has, by the version of its interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// Not built in, or not switched on at boot.
    Absent,
    /// The first version lets no program move a file from one folder to another, which functions do in `/tmp`.
    TooOld,
    Abi(u32),
}

impl Layer {
    /// Asks the kernel.
    pub(crate) fn found() -> Self {
        match sys::landlock_abi() {
            Err(_) => Self::Absent,
            Ok(0 | 1) => Self::TooOld,
            Ok(abi) => Self::Abi(abi),
        }
    }

    /// What is refused unless granted.
    fn handled(self) -> u64 {
        let Self::Abi(abi) = self else { return 0 };
        let mut access = OWN & !TRUNCATE | MAKE_CHAR | MAKE_BLOCK;
        if abi >= 3 {
            access |= TRUNCATE;
        }
        if abi >= 5 {
            access |= IOCTL_DEV;
        }
        access
    }

    /// What may not cross the border of a sandbox.
    fn scoped(self) -> u64 {
        match self {
            Self::Abi(6..) => SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL,
            _ => 0,
        }
    }

    /// For people: what this kernel's version covers.
    pub(crate) fn covers(self) -> &'static str {
        match self {
            Self::Absent | Self::TooOld => "nothing",
            Self::Abi(..=2) => "files",
            Self::Abi(3..=4) => "files, truncation",
            Self::Abi(5) => "files, truncation, device commands",
            Self::Abi(_) => "files, truncation, device commands, signals, abstract sockets",
        }
    }
}

/// Puts this process, and all it will start, under the rules. It must be in the sandbox's root, and have
/// CAP_SYS_ADMIN in its user namespace. `writable` are the folders and files of the caller's that may be written.
pub(crate) fn enclose<'a>(layer: Layer, writable: impl IntoIterator<Item = &'a Path>) -> Result<(), Errno> {
    let handled = layer.handled();
    if handled == 0 {
        return Ok(());
    }
    let ruleset = sys::landlock_ruleset(handled, layer.scoped())?;
    for grant in GRANTS {
        allow(&ruleset, Path::new(grant.path), grant.access & handled)?;
    }
    for path in writable {
        allow(&ruleset, path, OWN & handled)?;
    }
    sys::landlock_restrict_self(ruleset.as_fd())
}

fn allow(ruleset: &OwnedFd, path: &Path, access: u64) -> Result<(), Errno> {
    let place = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let is_dir = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&place)?.st_mode).is_dir();
    let access = if is_dir { access } else { access & OF_FILES };
    sys::landlock_allow(ruleset.as_fd(), place.as_fd(), access)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(layer: Layer, handled: &[u64], not_handled: &[u64], scoped: u64) {
        for access in handled {
            assert_ne!(layer.handled() & access, 0, "{layer:?} lacks {access:#x}");
        }
        for access in not_handled {
            assert_eq!(layer.handled() & access, 0, "{layer:?} has {access:#x}, which its kernel does not know");
        }
        assert_eq!(layer.scoped(), scoped, "{layer:?}");
    }

    #[test]
    fn each_kernel_is_asked_for_what_it_knows() {
        let both = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
        check(Layer::Absent, &[], &[u64::MAX], 0);
        check(Layer::TooOld, &[], &[u64::MAX], 0);
        check(Layer::Abi(2), &[EXECUTE, MAKE_BLOCK, REFER], &[TRUNCATE, IOCTL_DEV], 0);
        check(Layer::Abi(3), &[REFER, TRUNCATE], &[IOCTL_DEV], 0);
        check(Layer::Abi(5), &[TRUNCATE, IOCTL_DEV], &[], 0);
        check(Layer::Abi(6), &[TRUNCATE, IOCTL_DEV], &[], both);
        // A kernel of the future knows all of this and more.
        check(Layer::Abi(99), &[TRUNCATE, IOCTL_DEV], &[!(OWN | MAKE_CHAR | MAKE_BLOCK | IOCTL_DEV)], both);
    }

    #[test]
    fn nothing_grants_device_nodes_or_device_commands() {
        for grant in GRANTS {
            assert_eq!(grant.access & (MAKE_CHAR | MAKE_BLOCK | IOCTL_DEV), 0, "{}", grant.path);
        }
        let writers = GRANTS.iter().filter(|grant| grant.access & MAKE_REG != 0).map(|grant| grant.path);
        assert_eq!(writers.collect::<Vec<_>>(), ["/tmp"]);
    }
}
