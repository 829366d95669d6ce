//! The calls that are known and dangerous.

use super::{Refused, refused};

/// The same number on every architecture; newer than libc's table.
const SYS_OPEN_TREE_ATTR: i64 = 467;

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
    refused(SYS_OPEN_TREE_ATTR, "open_tree_attr", "changes what the file system looks like"),
    refused(libc::SYS_unshare, "unshare", "namespaces open much of the kernel to anyone"),
    refused(libc::SYS_setns, "setns", "namespaces open much of the kernel to anyone"),
    refused(libc::SYS_ptrace, "ptrace", "reaches into other processes"),
    refused(libc::SYS_process_vm_readv, "process_vm_readv", "reaches into other processes"),
    refused(libc::SYS_process_vm_writev, "process_vm_writev", "reaches into other processes"),
    refused(libc::SYS_kcmp, "kcmp", "reaches into other processes"),
    refused(libc::SYS_pidfd_getfd, "pidfd_getfd", "reaches into other processes"),
    refused(libc::SYS_process_madvise, "process_madvise", "reaches into other processes"),
    refused(libc::SYS_process_mrelease, "process_mrelease", "reaches into other processes"),
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
    refused(libc::SYS_quotactl_fd, "quotactl_fd", "administers the host"),
    refused(libc::SYS_vhangup, "vhangup", "administers the host"),
    refused(libc::SYS_syslog, "syslog", "administers the host"),
    refused(libc::SYS_sync, "sync", "flushes every disk of the host, and is never told to have failed"),
    refused(libc::SYS_syncfs, "syncfs", "flushes a whole file system, which for shared mounts is the host's"),
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

/// Calls that only x86 has.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
pub(crate) const REFUSED_LEGACY: &[Refused] = &[
    refused(libc::SYS_iopl, "iopl", "talks to the hardware"),
    refused(libc::SYS_ioperm, "ioperm", "talks to the hardware"),
    refused(libc::SYS_modify_ldt, "modify_ldt", "segments of 16-bit code, a frequent way into the kernel"),
];
#[cfg(not(target_arch = "x86_64"))]
pub(crate) const REFUSED_LEGACY: &[Refused] = &[];
