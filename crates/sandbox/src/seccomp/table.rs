//! The policy as data: which system calls a sandboxed process may make, with the reason on every line.
//!
//! A call that is on neither list does not exist inside (`ENOSYS`): `clone3`, whose flags a filter cannot see, so
//! that the C library falls back to `clone`; `io_uring_*`, whose work bypasses this filter, so that event loops fall
//! back to epoll; and everything newer than this list.

/// A call that is allowed, always or for certain arguments.
#[derive(Debug)]
pub(crate) struct Allowed {
    pub(crate) number: i64,
    pub(crate) name: &'static str,
    pub(crate) when: When,
    pub(crate) why: &'static str,
}

/// A call that is refused with `EPERM`.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) number: i64,
    pub(crate) name: &'static str,
    pub(crate) why: &'static str,
}

/// For which arguments a call is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Always,
    /// None of the flags is set in the argument.
    NoFlags {
        argument: u8,
        flags: u32,
    },
    /// The argument is one of the values.
    OneOf {
        argument: u8,
        values: &'static [u32],
    },
    /// The argument is none of the values.
    NoneOf {
        argument: u8,
        values: &'static [u32],
    },
    /// `socket(family, kind, protocol)`.
    Sockets(&'static [Socket]),
}

/// A kind of socket; without `protocol` any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Socket {
    pub(crate) family: u32,
    pub(crate) kind: u32,
    pub(crate) protocol: Option<u32>,
}

const fn always(number: i64, name: &'static str, why: &'static str) -> Allowed {
    Allowed {
        number,
        name,
        when: When::Always,
        why,
    }
}

const fn refused(number: i64, name: &'static str, why: &'static str) -> Refused {
    Refused { number, name, why }
}

const fn socket(family: i32, kind: i32, protocol: Option<u32>) -> Socket {
    Socket {
        family: family as u32,
        kind: kind as u32,
        protocol,
    }
}

/// Flags of clone that make namespaces.
const NAMESPACES: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u32;

/// Internet and local sockets, and asking the kernel about routes and interfaces. No raw and packet sockets, no
/// other families: they are rarely audited kernel code that no function needs.
const SOCKETS: &[Socket] = &[
    socket(libc::AF_UNIX, libc::SOCK_STREAM, None),
    socket(libc::AF_UNIX, libc::SOCK_DGRAM, None),
    socket(libc::AF_UNIX, libc::SOCK_SEQPACKET, None),
    socket(libc::AF_INET, libc::SOCK_STREAM, None),
    socket(libc::AF_INET, libc::SOCK_DGRAM, None),
    socket(libc::AF_INET6, libc::SOCK_STREAM, None),
    socket(libc::AF_INET6, libc::SOCK_DGRAM, None),
    socket(libc::AF_NETLINK, libc::SOCK_RAW, Some(libc::NETLINK_ROUTE as u32)),
    socket(libc::AF_NETLINK, libc::SOCK_DGRAM, Some(libc::NETLINK_ROUTE as u32)),
];

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
    libc::PR_SET_KEEPCAPS as u32,
    libc::PR_GET_KEEPCAPS as u32,
    libc::PR_CAPBSET_READ as u32,
    libc::PR_GET_SECCOMP as u32,
    libc::PR_GET_SECUREBITS as u32,
    libc::PR_GET_TID_ADDRESS as u32,
    libc::PR_SET_PTRACER as u32,
    libc::PR_SET_VMA as u32,
];

/// The allow-list common to all architectures.
#[rustfmt::skip]
pub(crate) const ALLOWED: &[Allowed] = &[
    // Calls whose arguments matter.
    Allowed {
        number: libc::SYS_clone,
        name: "clone",
        when: When::NoFlags { argument: 0, flags: NAMESPACES },
        why: "starts processes and threads, but no namespaces",
    },
    Allowed {
        number: libc::SYS_socket,
        name: "socket",
        when: When::Sockets(SOCKETS),
        why: "local and internet sockets, and asking about interfaces",
    },
    Allowed {
        number: libc::SYS_ioctl,
        name: "ioctl",
        when: When::NoneOf { argument: 1, values: &[libc::TIOCSTI as u32, libc::TIOCLINUX as u32] },
        why: "terminal and socket queries, but no typing into a terminal",
    },
    Allowed {
        number: libc::SYS_prctl,
        name: "prctl",
        when: When::OneOf { argument: 0, values: PRCTLS },
        why: "names threads and gives up privileges",
    },
    Allowed {
        number: libc::SYS_personality,
        name: "personality",
        when: When::OneOf { argument: 0, values: &[0, u32::MAX] },
        why: "asks for the execution domain, but does not weaken it",
    },
    // Input and output on open descriptors.
    always(libc::SYS_read, "read", "moves bytes between descriptors it already has"),
    always(libc::SYS_write, "write", "moves bytes between descriptors it already has"),
    always(libc::SYS_readv, "readv", "moves bytes between descriptors it already has"),
    always(libc::SYS_writev, "writev", "moves bytes between descriptors it already has"),
    always(libc::SYS_pread64, "pread64", "moves bytes between descriptors it already has"),
    always(libc::SYS_pwrite64, "pwrite64", "moves bytes between descriptors it already has"),
    always(libc::SYS_preadv, "preadv", "moves bytes between descriptors it already has"),
    always(libc::SYS_pwritev, "pwritev", "moves bytes between descriptors it already has"),
    always(libc::SYS_preadv2, "preadv2", "moves bytes between descriptors it already has"),
    always(libc::SYS_pwritev2, "pwritev2", "moves bytes between descriptors it already has"),
    always(libc::SYS_lseek, "lseek", "moves bytes between descriptors it already has"),
    always(libc::SYS_sendfile, "sendfile", "moves bytes between descriptors it already has"),
    always(libc::SYS_splice, "splice", "moves bytes between descriptors it already has"),
    always(libc::SYS_tee, "tee", "moves bytes between descriptors it already has"),
    always(libc::SYS_vmsplice, "vmsplice", "moves bytes between descriptors it already has"),
    always(libc::SYS_copy_file_range, "copy_file_range", "moves bytes between descriptors it already has"),
    // Opening and closing.
    always(libc::SYS_openat, "openat", "opens what mounts and file modes permit"),
    always(libc::SYS_openat2, "openat2", "opens what mounts and file modes permit"),
    always(libc::SYS_close, "close", "opens what mounts and file modes permit"),
    always(libc::SYS_close_range, "close_range", "opens what mounts and file modes permit"),
    always(libc::SYS_dup, "dup", "opens what mounts and file modes permit"),
    always(libc::SYS_dup3, "dup3", "opens what mounts and file modes permit"),
    always(libc::SYS_pipe2, "pipe2", "opens what mounts and file modes permit"),
    always(libc::SYS_fcntl, "fcntl", "opens what mounts and file modes permit"),
    always(libc::SYS_flock, "flock", "opens what mounts and file modes permit"),
    // Waiting.
    always(libc::SYS_ppoll, "ppoll", "event loops of every runtime"),
    always(libc::SYS_pselect6, "pselect6", "event loops of every runtime"),
    always(libc::SYS_epoll_create1, "epoll_create1", "event loops of every runtime"),
    always(libc::SYS_epoll_ctl, "epoll_ctl", "event loops of every runtime"),
    always(libc::SYS_epoll_pwait, "epoll_pwait", "event loops of every runtime"),
    always(libc::SYS_epoll_pwait2, "epoll_pwait2", "event loops of every runtime"),
    always(libc::SYS_eventfd2, "eventfd2", "event loops of every runtime"),
    always(libc::SYS_timerfd_create, "timerfd_create", "event loops of every runtime"),
    always(libc::SYS_timerfd_settime, "timerfd_settime", "event loops of every runtime"),
    always(libc::SYS_timerfd_gettime, "timerfd_gettime", "event loops of every runtime"),
    always(libc::SYS_signalfd4, "signalfd4", "event loops of every runtime"),
    always(libc::SYS_inotify_init1, "inotify_init1", "event loops of every runtime"),
    always(libc::SYS_inotify_add_watch, "inotify_add_watch", "event loops of every runtime"),
    always(libc::SYS_inotify_rm_watch, "inotify_rm_watch", "event loops of every runtime"),
    // Files by name.
    always(libc::SYS_newfstatat, "newfstatat", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_fstat, "fstat", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_statx, "statx", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_statfs, "statfs", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_fstatfs, "fstatfs", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_faccessat, "faccessat", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_faccessat2, "faccessat2", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_readlinkat, "readlinkat", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_getdents64, "getdents64", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_getcwd, "getcwd", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_chdir, "chdir", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_fchdir, "fchdir", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_mkdirat, "mkdirat", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_unlinkat, "unlinkat", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_renameat, "renameat", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_renameat2, "renameat2", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_linkat, "linkat", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_symlinkat, "symlinkat", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_truncate, "truncate", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_ftruncate, "ftruncate", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_fallocate, "fallocate", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_fadvise64, "fadvise64", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_readahead, "readahead", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_utimensat, "utimensat", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_fchmod, "fchmod", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_fchmodat, "fchmodat", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_fchown, "fchown", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_fchownat, "fchownat", "works on /tmp; all else is mounted read-only"),
    always(libc::SYS_umask, "umask", "works on /tmp; all else is mounted read-only"),
    // Files by name.
    always(libc::SYS_mknodat, "mknodat", "named pipes in /tmp; devices need a lost capability"),
    // Files by name.
    always(libc::SYS_getxattr, "getxattr", "cp and tar look at attributes"),
    always(libc::SYS_lgetxattr, "lgetxattr", "cp and tar look at attributes"),
    always(libc::SYS_fgetxattr, "fgetxattr", "cp and tar look at attributes"),
    always(libc::SYS_listxattr, "listxattr", "cp and tar look at attributes"),
    always(libc::SYS_llistxattr, "llistxattr", "cp and tar look at attributes"),
    always(libc::SYS_flistxattr, "flistxattr", "cp and tar look at attributes"),
    always(libc::SYS_setxattr, "setxattr", "cp and tar look at attributes"),
    always(libc::SYS_lsetxattr, "lsetxattr", "cp and tar look at attributes"),
    always(libc::SYS_fsetxattr, "fsetxattr", "cp and tar look at attributes"),
    always(libc::SYS_removexattr, "removexattr", "cp and tar look at attributes"),
    always(libc::SYS_lremovexattr, "lremovexattr", "cp and tar look at attributes"),
    always(libc::SYS_fremovexattr, "fremovexattr", "cp and tar look at attributes"),
    // Files by name.
    always(libc::SYS_fsync, "fsync", "databases in /tmp flush their files"),
    always(libc::SYS_fdatasync, "fdatasync", "databases in /tmp flush their files"),
    always(libc::SYS_sync_file_range, "sync_file_range", "databases in /tmp flush their files"),
    always(libc::SYS_syncfs, "syncfs", "databases in /tmp flush their files"),
    always(libc::SYS_sync, "sync", "databases in /tmp flush their files"),
    // Memory.
    always(libc::SYS_mmap, "mmap", "allocators, collectors, just-in-time compilers"),
    always(libc::SYS_munmap, "munmap", "allocators, collectors, just-in-time compilers"),
    always(libc::SYS_mremap, "mremap", "allocators, collectors, just-in-time compilers"),
    always(libc::SYS_mprotect, "mprotect", "allocators, collectors, just-in-time compilers"),
    always(libc::SYS_madvise, "madvise", "allocators, collectors, just-in-time compilers"),
    always(libc::SYS_brk, "brk", "allocators, collectors, just-in-time compilers"),
    always(libc::SYS_msync, "msync", "allocators, collectors, just-in-time compilers"),
    always(libc::SYS_mincore, "mincore", "allocators, collectors, just-in-time compilers"),
    always(libc::SYS_mlock, "mlock", "allocators, collectors, just-in-time compilers"),
    always(libc::SYS_mlock2, "mlock2", "allocators, collectors, just-in-time compilers"),
    always(libc::SYS_munlock, "munlock", "allocators, collectors, just-in-time compilers"),
    always(libc::SYS_mlockall, "mlockall", "allocators, collectors, just-in-time compilers"),
    always(libc::SYS_munlockall, "munlockall", "allocators, collectors, just-in-time compilers"),
    always(libc::SYS_memfd_create, "memfd_create", "allocators, collectors, just-in-time compilers"),
    always(libc::SYS_membarrier, "membarrier", "allocators, collectors, just-in-time compilers"),
    always(libc::SYS_pkey_alloc, "pkey_alloc", "allocators, collectors, just-in-time compilers"),
    always(libc::SYS_pkey_free, "pkey_free", "allocators, collectors, just-in-time compilers"),
    always(libc::SYS_pkey_mprotect, "pkey_mprotect", "allocators, collectors, just-in-time compilers"),
    // Processes.
    always(libc::SYS_execve, "execve", "processes inside its own pid namespace"),
    always(libc::SYS_execveat, "execveat", "processes inside its own pid namespace"),
    always(libc::SYS_exit, "exit", "processes inside its own pid namespace"),
    always(libc::SYS_exit_group, "exit_group", "processes inside its own pid namespace"),
    always(libc::SYS_wait4, "wait4", "processes inside its own pid namespace"),
    always(libc::SYS_waitid, "waitid", "processes inside its own pid namespace"),
    always(libc::SYS_kill, "kill", "processes inside its own pid namespace"),
    always(libc::SYS_tgkill, "tgkill", "processes inside its own pid namespace"),
    always(libc::SYS_tkill, "tkill", "processes inside its own pid namespace"),
    always(libc::SYS_getpid, "getpid", "processes inside its own pid namespace"),
    always(libc::SYS_getppid, "getppid", "processes inside its own pid namespace"),
    always(libc::SYS_gettid, "gettid", "processes inside its own pid namespace"),
    always(libc::SYS_getpgid, "getpgid", "processes inside its own pid namespace"),
    always(libc::SYS_setpgid, "setpgid", "processes inside its own pid namespace"),
    always(libc::SYS_getsid, "getsid", "processes inside its own pid namespace"),
    always(libc::SYS_setsid, "setsid", "processes inside its own pid namespace"),
    always(libc::SYS_pidfd_open, "pidfd_open", "processes inside its own pid namespace"),
    always(libc::SYS_pidfd_send_signal, "pidfd_send_signal", "processes inside its own pid namespace"),
    // Threads.
    always(libc::SYS_futex, "futex", "locks and thread bookkeeping of every libc"),
    always(libc::SYS_futex_waitv, "futex_waitv", "locks and thread bookkeeping of every libc"),
    always(libc::SYS_set_robust_list, "set_robust_list", "locks and thread bookkeeping of every libc"),
    always(libc::SYS_get_robust_list, "get_robust_list", "locks and thread bookkeeping of every libc"),
    always(libc::SYS_rseq, "rseq", "locks and thread bookkeeping of every libc"),
    always(libc::SYS_set_tid_address, "set_tid_address", "locks and thread bookkeeping of every libc"),
    // Threads.
    always(libc::SYS_sched_yield, "sched_yield", "schedules only itself"),
    always(libc::SYS_sched_getaffinity, "sched_getaffinity", "schedules only itself"),
    always(libc::SYS_sched_setaffinity, "sched_setaffinity", "schedules only itself"),
    always(libc::SYS_sched_getparam, "sched_getparam", "schedules only itself"),
    always(libc::SYS_sched_setparam, "sched_setparam", "schedules only itself"),
    always(libc::SYS_sched_getscheduler, "sched_getscheduler", "schedules only itself"),
    always(libc::SYS_sched_setscheduler, "sched_setscheduler", "schedules only itself"),
    always(libc::SYS_sched_get_priority_max, "sched_get_priority_max", "schedules only itself"),
    always(libc::SYS_sched_get_priority_min, "sched_get_priority_min", "schedules only itself"),
    always(libc::SYS_sched_rr_get_interval, "sched_rr_get_interval", "schedules only itself"),
    always(libc::SYS_sched_getattr, "sched_getattr", "schedules only itself"),
    always(libc::SYS_sched_setattr, "sched_setattr", "schedules only itself"),
    always(libc::SYS_getpriority, "getpriority", "schedules only itself"),
    always(libc::SYS_setpriority, "setpriority", "schedules only itself"),
    always(libc::SYS_getcpu, "getcpu", "schedules only itself"),
    always(libc::SYS_ioprio_get, "ioprio_get", "schedules only itself"),
    always(libc::SYS_ioprio_set, "ioprio_set", "schedules only itself"),
    // Signals.
    always(libc::SYS_rt_sigaction, "rt_sigaction", "signals inside its own pid namespace"),
    always(libc::SYS_rt_sigprocmask, "rt_sigprocmask", "signals inside its own pid namespace"),
    always(libc::SYS_rt_sigreturn, "rt_sigreturn", "signals inside its own pid namespace"),
    always(libc::SYS_rt_sigpending, "rt_sigpending", "signals inside its own pid namespace"),
    always(libc::SYS_rt_sigtimedwait, "rt_sigtimedwait", "signals inside its own pid namespace"),
    always(libc::SYS_rt_sigqueueinfo, "rt_sigqueueinfo", "signals inside its own pid namespace"),
    always(libc::SYS_rt_tgsigqueueinfo, "rt_tgsigqueueinfo", "signals inside its own pid namespace"),
    always(libc::SYS_rt_sigsuspend, "rt_sigsuspend", "signals inside its own pid namespace"),
    always(libc::SYS_sigaltstack, "sigaltstack", "signals inside its own pid namespace"),
    always(libc::SYS_restart_syscall, "restart_syscall", "signals inside its own pid namespace"),
    // Time.
    always(libc::SYS_nanosleep, "nanosleep", "reads clocks and sleeps"),
    always(libc::SYS_clock_nanosleep, "clock_nanosleep", "reads clocks and sleeps"),
    always(libc::SYS_clock_gettime, "clock_gettime", "reads clocks and sleeps"),
    always(libc::SYS_clock_getres, "clock_getres", "reads clocks and sleeps"),
    always(libc::SYS_gettimeofday, "gettimeofday", "reads clocks and sleeps"),
    always(libc::SYS_times, "times", "reads clocks and sleeps"),
    always(libc::SYS_getitimer, "getitimer", "reads clocks and sleeps"),
    always(libc::SYS_setitimer, "setitimer", "reads clocks and sleeps"),
    always(libc::SYS_timer_create, "timer_create", "reads clocks and sleeps"),
    always(libc::SYS_timer_settime, "timer_settime", "reads clocks and sleeps"),
    always(libc::SYS_timer_gettime, "timer_gettime", "reads clocks and sleeps"),
    always(libc::SYS_timer_getoverrun, "timer_getoverrun", "reads clocks and sleeps"),
    always(libc::SYS_timer_delete, "timer_delete", "reads clocks and sleeps"),
    // Identity.
    always(libc::SYS_getuid, "getuid", "asks who it is; changes need lost capabilities"),
    always(libc::SYS_geteuid, "geteuid", "asks who it is; changes need lost capabilities"),
    always(libc::SYS_getgid, "getgid", "asks who it is; changes need lost capabilities"),
    always(libc::SYS_getegid, "getegid", "asks who it is; changes need lost capabilities"),
    always(libc::SYS_getgroups, "getgroups", "asks who it is; changes need lost capabilities"),
    always(libc::SYS_getresuid, "getresuid", "asks who it is; changes need lost capabilities"),
    always(libc::SYS_getresgid, "getresgid", "asks who it is; changes need lost capabilities"),
    always(libc::SYS_setuid, "setuid", "asks who it is; changes need lost capabilities"),
    always(libc::SYS_setgid, "setgid", "asks who it is; changes need lost capabilities"),
    always(libc::SYS_setreuid, "setreuid", "asks who it is; changes need lost capabilities"),
    always(libc::SYS_setregid, "setregid", "asks who it is; changes need lost capabilities"),
    always(libc::SYS_setresuid, "setresuid", "asks who it is; changes need lost capabilities"),
    always(libc::SYS_setresgid, "setresgid", "asks who it is; changes need lost capabilities"),
    always(libc::SYS_setfsuid, "setfsuid", "asks who it is; changes need lost capabilities"),
    always(libc::SYS_setfsgid, "setfsgid", "asks who it is; changes need lost capabilities"),
    always(libc::SYS_setgroups, "setgroups", "asks who it is; changes need lost capabilities"),
    always(libc::SYS_capget, "capget", "asks who it is; changes need lost capabilities"),
    always(libc::SYS_capset, "capset", "asks who it is; changes need lost capabilities"),
    // Limits and facts.
    always(libc::SYS_setrlimit, "setrlimit", "facts about itself; limits can only go down"),
    always(libc::SYS_prlimit64, "prlimit64", "facts about itself; limits can only go down"),
    always(libc::SYS_getrusage, "getrusage", "facts about itself; limits can only go down"),
    always(libc::SYS_sysinfo, "sysinfo", "facts about itself; limits can only go down"),
    always(libc::SYS_uname, "uname", "facts about itself; limits can only go down"),
    always(libc::SYS_getrandom, "getrandom", "facts about itself; limits can only go down"),
    // Sockets.
    always(libc::SYS_socketpair, "socketpair", "uses sockets that `socket` allowed"),
    always(libc::SYS_bind, "bind", "uses sockets that `socket` allowed"),
    always(libc::SYS_listen, "listen", "uses sockets that `socket` allowed"),
    always(libc::SYS_accept, "accept", "uses sockets that `socket` allowed"),
    always(libc::SYS_accept4, "accept4", "uses sockets that `socket` allowed"),
    always(libc::SYS_connect, "connect", "uses sockets that `socket` allowed"),
    always(libc::SYS_getsockname, "getsockname", "uses sockets that `socket` allowed"),
    always(libc::SYS_getpeername, "getpeername", "uses sockets that `socket` allowed"),
    always(libc::SYS_sendto, "sendto", "uses sockets that `socket` allowed"),
    always(libc::SYS_recvfrom, "recvfrom", "uses sockets that `socket` allowed"),
    always(libc::SYS_sendmsg, "sendmsg", "uses sockets that `socket` allowed"),
    always(libc::SYS_recvmsg, "recvmsg", "uses sockets that `socket` allowed"),
    always(libc::SYS_sendmmsg, "sendmmsg", "uses sockets that `socket` allowed"),
    always(libc::SYS_recvmmsg, "recvmmsg", "uses sockets that `socket` allowed"),
    always(libc::SYS_shutdown, "shutdown", "uses sockets that `socket` allowed"),
    always(libc::SYS_setsockopt, "setsockopt", "uses sockets that `socket` allowed"),
    always(libc::SYS_getsockopt, "getsockopt", "uses sockets that `socket` allowed"),
    // IPC.
    always(libc::SYS_shmget, "shmget", "in its own IPC namespace, counted as its memory"),
    always(libc::SYS_shmat, "shmat", "in its own IPC namespace, counted as its memory"),
    always(libc::SYS_shmdt, "shmdt", "in its own IPC namespace, counted as its memory"),
    always(libc::SYS_shmctl, "shmctl", "in its own IPC namespace, counted as its memory"),
    always(libc::SYS_semget, "semget", "in its own IPC namespace, counted as its memory"),
    always(libc::SYS_semop, "semop", "in its own IPC namespace, counted as its memory"),
    always(libc::SYS_semctl, "semctl", "in its own IPC namespace, counted as its memory"),
    always(libc::SYS_semtimedop, "semtimedop", "in its own IPC namespace, counted as its memory"),
    always(libc::SYS_msgget, "msgget", "in its own IPC namespace, counted as its memory"),
    always(libc::SYS_msgsnd, "msgsnd", "in its own IPC namespace, counted as its memory"),
    always(libc::SYS_msgrcv, "msgrcv", "in its own IPC namespace, counted as its memory"),
    always(libc::SYS_msgctl, "msgctl", "in its own IPC namespace, counted as its memory"),
    // IPC.
    always(libc::SYS_mq_open, "mq_open", "in its own IPC namespace, counted as its memory"),
    always(libc::SYS_mq_unlink, "mq_unlink", "in its own IPC namespace, counted as its memory"),
    always(libc::SYS_mq_timedsend, "mq_timedsend", "in its own IPC namespace, counted as its memory"),
    always(libc::SYS_mq_timedreceive, "mq_timedreceive", "in its own IPC namespace, counted as its memory"),
    always(libc::SYS_mq_notify, "mq_notify", "in its own IPC namespace, counted as its memory"),
    always(libc::SYS_mq_getsetattr, "mq_getsetattr", "in its own IPC namespace, counted as its memory"),
    // Self-restriction.
    always(libc::SYS_seccomp, "seccomp", "a program may restrict itself further"),
    always(libc::SYS_landlock_create_ruleset, "landlock_create_ruleset", "a program may restrict itself further"),
    always(libc::SYS_landlock_add_rule, "landlock_add_rule", "a program may restrict itself further"),
    always(libc::SYS_landlock_restrict_self, "landlock_restrict_self", "a program may restrict itself further"),
];

/// Calls that only older architectures have; newer ones have just their `*at` forms.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
pub(super) const ALLOWED_LEGACY: &[Allowed] = &[
    always(libc::SYS_open, "open", "older form of an allowed call"),
    always(libc::SYS_creat, "creat", "older form of an allowed call"),
    always(libc::SYS_access, "access", "older form of an allowed call"),
    always(libc::SYS_stat, "stat", "older form of an allowed call"),
    always(libc::SYS_lstat, "lstat", "older form of an allowed call"),
    always(libc::SYS_readlink, "readlink", "older form of an allowed call"),
    always(libc::SYS_mkdir, "mkdir", "older form of an allowed call"),
    always(libc::SYS_rmdir, "rmdir", "older form of an allowed call"),
    always(libc::SYS_unlink, "unlink", "older form of an allowed call"),
    always(libc::SYS_rename, "rename", "older form of an allowed call"),
    always(libc::SYS_link, "link", "older form of an allowed call"),
    always(libc::SYS_symlink, "symlink", "older form of an allowed call"),
    always(libc::SYS_mknod, "mknod", "older form of an allowed call"),
    always(libc::SYS_chmod, "chmod", "older form of an allowed call"),
    always(libc::SYS_chown, "chown", "older form of an allowed call"),
    always(libc::SYS_lchown, "lchown", "older form of an allowed call"),
    always(libc::SYS_utime, "utime", "older form of an allowed call"),
    always(libc::SYS_utimes, "utimes", "older form of an allowed call"),
    always(libc::SYS_futimesat, "futimesat", "older form of an allowed call"),
    always(libc::SYS_pipe, "pipe", "older form of an allowed call"),
    always(libc::SYS_dup2, "dup2", "older form of an allowed call"),
    always(libc::SYS_poll, "poll", "older form of an allowed call"),
    always(libc::SYS_select, "select", "older form of an allowed call"),
    always(libc::SYS_epoll_create, "epoll_create", "older form of an allowed call"),
    always(libc::SYS_epoll_wait, "epoll_wait", "older form of an allowed call"),
    always(libc::SYS_eventfd, "eventfd", "older form of an allowed call"),
    always(libc::SYS_signalfd, "signalfd", "older form of an allowed call"),
    always(libc::SYS_inotify_init, "inotify_init", "older form of an allowed call"),
    always(libc::SYS_getdents, "getdents", "older form of an allowed call"),
    always(libc::SYS_alarm, "alarm", "older form of an allowed call"),
    always(libc::SYS_pause, "pause", "older form of an allowed call"),
    always(libc::SYS_time, "time", "older form of an allowed call"),
    always(libc::SYS_getpgrp, "getpgrp", "older form of an allowed call"),
    always(libc::SYS_vfork, "vfork", "starts processes; the C library and the JVM spawn so"),
    always(libc::SYS_fork, "fork", "starts processes; static binaries use it"),
    always(libc::SYS_arch_prctl, "arch_prctl", "sets the thread pointer when a program starts"),
    always(libc::SYS_getrlimit, "getrlimit", "older form of an allowed call"),
];
#[cfg(not(target_arch = "x86_64"))]
pub(super) const ALLOWED_LEGACY: &[Allowed] = &[];

/// The calls that are refused with a clear `EPERM`.
#[rustfmt::skip]
pub(crate) const REFUSED: &[Refused] = &[
    refused(libc::SYS_mount, "mount", "changes what the file system looks like"),
    refused(libc::SYS_umount2, "umount2", "changes what the file system looks like"),
    refused(libc::SYS_pivot_root, "pivot_root", "changes what the file system looks like"),
    refused(libc::SYS_chroot, "chroot", "changes what the file system looks like"),
    refused(libc::SYS_mount_setattr, "mount_setattr", "changes what the file system looks like"),
    refused(libc::SYS_move_mount, "move_mount", "changes what the file system looks like"),
    refused(libc::SYS_open_tree, "open_tree", "changes what the file system looks like"),
    refused(libc::SYS_fsopen, "fsopen", "changes what the file system looks like"),
    refused(libc::SYS_fsconfig, "fsconfig", "changes what the file system looks like"),
    refused(libc::SYS_fsmount, "fsmount", "changes what the file system looks like"),
    refused(libc::SYS_fspick, "fspick", "changes what the file system looks like"),
    refused(libc::SYS_unshare, "unshare", "namespaces open much of the kernel to anyone"),
    refused(libc::SYS_setns, "setns", "namespaces open much of the kernel to anyone"),
    refused(libc::SYS_ptrace, "ptrace", "reaches into other processes"),
    refused(libc::SYS_process_vm_readv, "process_vm_readv", "reaches into other processes"),
    refused(libc::SYS_process_vm_writev, "process_vm_writev", "reaches into other processes"),
    refused(libc::SYS_kcmp, "kcmp", "reaches into other processes"),
    refused(libc::SYS_pidfd_getfd, "pidfd_getfd", "reaches into other processes"),
    refused(libc::SYS_process_madvise, "process_madvise", "reaches into other processes"),
    refused(libc::SYS_bpf, "bpf", "large surfaces, often a way to more privileges"),
    refused(libc::SYS_perf_event_open, "perf_event_open", "large surfaces, often a way to more privileges"),
    refused(libc::SYS_userfaultfd, "userfaultfd", "large surfaces, often a way to more privileges"),
    refused(libc::SYS_keyctl, "keyctl", "keyrings are not separated by namespaces"),
    refused(libc::SYS_add_key, "add_key", "keyrings are not separated by namespaces"),
    refused(libc::SYS_request_key, "request_key", "keyrings are not separated by namespaces"),
    refused(libc::SYS_init_module, "init_module", "loads code into the kernel"),
    refused(libc::SYS_finit_module, "finit_module", "loads code into the kernel"),
    refused(libc::SYS_delete_module, "delete_module", "loads code into the kernel"),
    refused(libc::SYS_kexec_load, "kexec_load", "loads code into the kernel"),
    refused(libc::SYS_kexec_file_load, "kexec_file_load", "loads code into the kernel"),
    refused(libc::SYS_reboot, "reboot", "administers the host"),
    refused(libc::SYS_swapon, "swapon", "administers the host"),
    refused(libc::SYS_swapoff, "swapoff", "administers the host"),
    refused(libc::SYS_acct, "acct", "administers the host"),
    refused(libc::SYS_quotactl, "quotactl", "administers the host"),
    refused(libc::SYS_vhangup, "vhangup", "administers the host"),
    refused(libc::SYS_syslog, "syslog", "administers the host"),
    refused(libc::SYS_settimeofday, "settimeofday", "sets the host's clock"),
    refused(libc::SYS_clock_settime, "clock_settime", "sets the host's clock"),
    refused(libc::SYS_clock_adjtime, "clock_adjtime", "sets the host's clock"),
    refused(libc::SYS_adjtimex, "adjtimex", "sets the host's clock"),
    refused(libc::SYS_sethostname, "sethostname", "the host name is the caller's to give"),
    refused(libc::SYS_setdomainname, "setdomainname", "the host name is the caller's to give"),
    refused(libc::SYS_open_by_handle_at, "open_by_handle_at", "goes around checks of paths"),
    refused(libc::SYS_name_to_handle_at, "name_to_handle_at", "goes around checks of paths"),
    refused(libc::SYS_fanotify_init, "fanotify_init", "goes around checks of paths"),
    refused(libc::SYS_fanotify_mark, "fanotify_mark", "goes around checks of paths"),
    refused(libc::SYS_lookup_dcookie, "lookup_dcookie", "goes around checks of paths"),
];
