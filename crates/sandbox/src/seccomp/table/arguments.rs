//! The calls whose arguments decide.

use super::{Allowed, Socket, When, filtered};

/// Flags of clone that make namespaces.
const NAMESPACES: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u32;

/// What a thread may change about itself.
const PRCTLS: &[u32] = &[
    libc::PR_SET_NAME as u32,
    libc::PR_GET_NAME as u32,
    libc::PR_SET_PDEATHSIG as u32,
    libc::PR_GET_PDEATHSIG as u32,
    libc::PR_SET_DUMPABLE as u32,
    libc::PR_GET_DUMPABLE as u32,
    libc::PR_SET_NO_NEW_PRIVS as u32,
    libc::PR_GET_NO_NEW_PRIVS as u32,
    libc::PR_SET_TIMERSLACK as u32,
    libc::PR_GET_TIMERSLACK as u32,
    libc::PR_SET_THP_DISABLE as u32,
    libc::PR_GET_THP_DISABLE as u32,
    libc::PR_SET_CHILD_SUBREAPER as u32,
    libc::PR_GET_CHILD_SUBREAPER as u32,
    libc::PR_CAPBSET_READ as u32,
    libc::PR_GET_SECCOMP as u32,
    libc::PR_GET_SECUREBITS as u32,
    libc::PR_GET_TID_ADDRESS as u32,
    libc::PR_SET_VMA as u32,
];

const fn socket(family: i32, kind: i32, protocol: Option<i32>) -> Socket {
    Socket {
        family: family as u32,
        kind: kind as u32,
        protocol: match protocol {
            Some(protocol) => Some(protocol as u32),
            None => None,
        },
    }
}

/// TCP, UDP and local sockets, and asking the kernel about routes and interfaces. No raw and packet sockets, and no
/// other families or protocols: naming one (SCTP, SMC, TIPC ...) makes the kernel load its code, which is rarely
/// audited and which no function needs.
const SOCKETS: &[Socket] = &[
    socket(libc::AF_UNIX, libc::SOCK_STREAM, None),
    socket(libc::AF_UNIX, libc::SOCK_DGRAM, None),
    socket(libc::AF_UNIX, libc::SOCK_SEQPACKET, None),
    socket(libc::AF_INET, libc::SOCK_STREAM, Some(0)),
    socket(libc::AF_INET, libc::SOCK_STREAM, Some(libc::IPPROTO_TCP)),
    socket(libc::AF_INET, libc::SOCK_DGRAM, Some(0)),
    socket(libc::AF_INET, libc::SOCK_DGRAM, Some(libc::IPPROTO_UDP)),
    socket(libc::AF_INET6, libc::SOCK_STREAM, Some(0)),
    socket(libc::AF_INET6, libc::SOCK_STREAM, Some(libc::IPPROTO_TCP)),
    socket(libc::AF_INET6, libc::SOCK_DGRAM, Some(0)),
    socket(libc::AF_INET6, libc::SOCK_DGRAM, Some(libc::IPPROTO_UDP)),
    socket(libc::AF_NETLINK, libc::SOCK_RAW, Some(libc::NETLINK_ROUTE)),
    socket(libc::AF_NETLINK, libc::SOCK_DGRAM, Some(libc::NETLINK_ROUTE)),
];

/// Injecting keystrokes, the console's own commands, and line disciplines (whose code the kernel loads on demand).
const TERMINAL_TRICKS: &[u32] = &[libc::TIOCSTI as u32, libc::TIOCLINUX as u32, libc::TIOCSETD as u32];

/// Of `fcntl`: leases and notices work on the file itself, which others have mounted too. A lease makes whoever opens
/// the file wait; a notice tells when others use it.
const SHARED_FILE_TRICKS: &[u32] = &[libc::F_SETLEASE as u32, libc::F_NOTIFY as u32];

/// What happens to a file that is only read. The mounts that sandboxes share are read-only, so with these out of the
/// way nobody sees a neighbour's doings; changes in `/tmp` can be watched.
const READING: u32 = libc::IN_ACCESS | libc::IN_OPEN | libc::IN_CLOSE_NOWRITE;

/// Set in the modes of character and block devices, and not in those of files, pipes and sockets.
const DEVICE: u32 = 0x2000;

/// Not real time.
const ORDINARY_POLICIES: &[u32] = &[
    libc::SCHED_OTHER as u32,
    libc::SCHED_BATCH as u32,
    libc::SCHED_IDLE as u32,
    (libc::SCHED_OTHER | libc::SCHED_RESET_ON_FORK) as u32,
    (libc::SCHED_BATCH | libc::SCHED_RESET_ON_FORK) as u32,
    (libc::SCHED_IDLE | libc::SCHED_RESET_ON_FORK) as u32,
];

/// Huge pages are taken from the host's reserve, which no limit of the sandbox counts.
const HUGE_MMAP: u32 = libc::MAP_HUGETLB as u32;
const HUGE_MEMFD: u32 = libc::MFD_HUGETLB;
const HUGE_SHM: u32 = libc::SHM_HUGETLB as u32;

const fn no_flags(argument: u8, flags: u32) -> When {
    When::NoFlags { argument, flags }
}

const fn one_of(argument: u8, values: &'static [u32]) -> When {
    When::OneOf { argument, values }
}

const fn none_of(argument: u8, values: &'static [u32]) -> When {
    When::NoneOf { argument, values }
}

#[rustfmt::skip]
pub(crate) const FILTERED: &[Allowed] = &[
    filtered(libc::SYS_clone, "clone", no_flags(0, NAMESPACES), "starts processes and threads, but no namespaces"),
    filtered(libc::SYS_socket, "socket", When::Sockets(SOCKETS), "local and internet sockets, and asking about interfaces"),
    filtered(libc::SYS_socketpair, "socketpair", one_of(0, &[libc::AF_UNIX as u32]), "other families have no pairs, but would be loaded"),
    filtered(libc::SYS_ioctl, "ioctl", none_of(1, TERMINAL_TRICKS), "terminal and socket queries, but no typing into a terminal"),
    filtered(libc::SYS_fcntl, "fcntl", none_of(1, SHARED_FILE_TRICKS), "flags and locks, but no leases and notices on shared files"),
    filtered(libc::SYS_inotify_add_watch, "inotify_add_watch", no_flags(2, READING), "watches changes, but not who reads shared files"),
    filtered(libc::SYS_prctl, "prctl", one_of(0, PRCTLS), "names threads and gives up privileges"),
    filtered(libc::SYS_personality, "personality", one_of(0, &[0, u32::MAX]), "asks for the execution domain, but does not weaken it"),
    filtered(libc::SYS_mknodat, "mknodat", no_flags(2, DEVICE), "named pipes in /tmp, but no devices"),
    filtered(libc::SYS_mmap, "mmap", no_flags(3, HUGE_MMAP), "maps files and memory that is counted"),
    filtered(libc::SYS_memfd_create, "memfd_create", no_flags(1, HUGE_MEMFD), "files in memory that is counted"),
    filtered(libc::SYS_shmget, "shmget", no_flags(2, HUGE_SHM), "in its own IPC namespace, counted as its memory"),
    filtered(libc::SYS_sched_setscheduler, "sched_setscheduler", one_of(1, ORDINARY_POLICIES), "batch and idle, but not real time"),
    filtered(libc::SYS_prlimit64, "prlimit64", When::OwnLimits, "its own limits, which can only go down; cores stay off"),
    filtered(libc::SYS_setrlimit, "setrlimit", When::CoreLimitStays, "its own limits, which can only go down; cores stay off"),
];

/// Calls that only older architectures have.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
pub(crate) const FILTERED_LEGACY: &[Allowed] = &[
    filtered(libc::SYS_mknod, "mknod", no_flags(1, DEVICE), "older form of an allowed call"),
];
#[cfg(not(target_arch = "x86_64"))]
pub(crate) const FILTERED_LEGACY: &[Allowed] = &[];
