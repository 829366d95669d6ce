//! Thin, safe wrappers of the system calls that no library in use wraps (or wraps as `unsafe`).
//!
//! Nothing here decides anything.

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;

use tokio::io::unix::AsyncFd;

use crate::error::Errno;

#[cfg(target_arch = "x86_64")]
pub(crate) mod trace;

fn check(result: libc::c_long) -> Result<libc::c_long, Errno> {
    if result < 0 { Err(Errno::last()) } else { Ok(result) }
}

/// Wider than the C int that libc still gives it.
const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// Which side of a fork this is.
pub(crate) enum Fork {
    Child,
    Parent { pid: i32 },
}

/// Forks into new namespaces (`libc::CLONE_NEW*`), optionally straight into a cgroup (v2).
///
/// The caller must have no other threads: the child may then do all that the parent could.
pub(crate) fn fork(namespaces: i32, cgroup: Option<BorrowedFd<'_>>) -> Result<Fork, Errno> {
    // SAFETY: every field of clone_args is an integer, for which zero is a valid value.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = namespaces as u64;
    args.exit_signal = libc::SIGCHLD as u64;
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: `args` is a valid clone_args of the given size, alive during the call. Without CLONE_VM and with
    // no stack given the child runs on a copy of this memory, as after fork(2). The processes of this crate
    // that call it (helper and slots) are single-threaded, so no lock can be held by a thread that the child
    // lacks.
    let pid =
        check(unsafe { libc::syscall(libc::SYS_clone3, &raw const args, std::mem::size_of::<libc::clone_args>()) })?;
    Ok(match pid {
        0 => Fork::Child,
        pid => Fork::Parent { pid: pid as i32 },
    })
}

/// Runs a forked child to its end. Not even a panic gets back into the code that forked.
pub(crate) fn run_child(body: impl FnOnce() -> i32) -> ! {
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
    exit_now(ended.unwrap_or(101))
}

/// Ends this process at once, without running anything on the way out: forked children must not flush or drop
/// what belongs to their parent.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: _exit has no preconditions and does not return.
    unsafe { libc::_exit(code) }
}

/// Takes ownership of an inherited descriptor by its number.
pub(crate) fn adopt_fd(number: RawFd) -> Result<OwnedFd, Errno> {
    // SAFETY: F_GETFD only asks, whatever the number is.
    check(unsafe { libc::fcntl(number, libc::F_GETFD) }.into())?;
    // SAFETY: the descriptor is open (checked above), and the caller (the helper's start, once, for the socket
    // it inherited) is the only one that uses this number.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Puts a copy of `fd` at `number`, open across execve. Whatever was at `number` is closed.
pub(crate) fn place_fd(fd: BorrowedFd<'_>, number: RawFd) -> Result<(), Errno> {
    // SAFETY: dup2 touches no memory of ours. Callers run in a process about to execve, where no owned
    // descriptor below the placed numbers is used any more.
    check(unsafe { libc::dup2(fd.as_raw_fd(), number) }.into())?;
    Ok(())
}

/// Closes every descriptor except those in `keep`.
///
/// Only for a process that has just been forked and will use nothing but `keep`: owners of closed descriptors
/// must never be dropped or used again (the process ends by execve or `exit_now`).
pub(crate) fn close_all_except(keep: &[RawFd]) -> Result<(), Errno> {
    let mut keep: Vec<u32> = keep.iter().map(|fd| *fd as u32).collect();
    keep.sort_unstable();
    keep.dedup();
    let mut first = 0;
    for kept in keep {
        if kept > first {
            close_range(first, kept - 1)?;
        }
        first = kept + 1;
    }
    close_range(first, u32::MAX)
}

fn close_range(first: u32, last: u32) -> Result<(), Errno> {
    // SAFETY: close_range touches no memory; the contract of `close_all_except` makes the closed descriptors
    // nobody's.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) })?;
    Ok(())
}

/// Sets attributes (`libc::MOUNT_ATTR_*`) of a mount, of its submounts too if `recursive`, and makes it private.
pub(crate) fn set_mount_attributes(mount: BorrowedFd<'_>, attributes: u64, recursive: bool) -> Result<(), Errno> {
    // SAFETY: every field of mount_attr is an integer, for which zero is a valid value.
    let mut attr: libc::mount_attr = unsafe { std::mem::zeroed() };
    attr.attr_set = attributes;
    attr.propagation = libc::MS_PRIVATE;
    set_attr(mount, &attr, recursive)
}

/// Shows the owners of a mount's files as the ids that a user namespace maps to them, and writes them so.
pub(crate) fn map_mount_ids(mount: BorrowedFd<'_>, namespace: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: every field of mount_attr is an integer, for which zero is a valid value.
    let mut attr: libc::mount_attr = unsafe { std::mem::zeroed() };
    attr.attr_set = libc::MOUNT_ATTR_IDMAP;
    attr.userns_fd = u64::try_from(namespace.as_raw_fd()).unwrap_or(u64::MAX);
    set_attr(mount, &attr, true)
}

fn set_attr(mount: BorrowedFd<'_>, attr: &libc::mount_attr, recursive: bool) -> Result<(), Errno> {
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is a NUL-terminated literal and `attr` a valid mount_attr of the given size, both alive
    // during the call.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            std::ptr::from_ref(attr),
            std::mem::size_of::<libc::mount_attr>(),
        )
    })?;
    Ok(())
}

/// Brings up the loopback interface of this network namespace.
pub(crate) fn loopback_up() -> Result<(), Errno> {
    let socket = rustix::net::socket_with(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::DGRAM,
        rustix::net::SocketFlags::CLOEXEC,
        None,
    )?;
    // SAFETY: ifreq is plain data (an array of bytes and a union of integers), for which zero is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads an ifreq, which `request` is, with a NUL-terminated name.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request) }.into())?;
    Ok(())
}

/// Begins a connection to a port of this network namespace's own 127.0.0.1 without waiting for it.
pub(crate) fn begin_connect(port: u16) -> Result<OwnedFd, Errno> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    match connect(&socket, &std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, port)) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(socket),
        Err(errno) => Err(errno.into()),
    }
}

/// Whether this network namespace has an interface of that name.
pub(crate) fn has_interface(name: &CStr) -> bool {
    // SAFETY: the name is a NUL-terminated string that outlives the call.
    unsafe { libc::if_nametoindex(name.as_ptr()) != 0 }
}

/// The number of a free loop device.
pub(crate) fn free_loop_device(control: BorrowedFd<'_>) -> Result<u32, Errno> {
    const LOOP_CTL_GET_FREE: u64 = 0x4C82;
    // SAFETY: LOOP_CTL_GET_FREE takes no argument.
    let number = check(unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE as _) }.into())?;
    Ok(number as u32)
}

/// The kernel's `struct loop_config` (Linux 5.8), all of it plain integers.
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    size_limit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
    reserved: [u64; 8],
}

/// Attaches `image` to a loop device; the kernel detaches it when its last user (the mount) is gone.
pub(crate) fn attach_loop_device(device: BorrowedFd<'_>, image: BorrowedFd<'_>) -> Result<(), Errno> {
    const LOOP_CONFIGURE: u64 = 0x4C0A;
    const AUTOCLEAR: u32 = 4;
    // Direct I/O: what the sandbox writes is cached once, not twice.
    const DIRECT_IO: u32 = 16;
    // SAFETY: every field of LoopConfig is an integer or an array of them, for which zero is valid.
    let mut config: LoopConfig = unsafe { std::mem::zeroed() };
    config.fd = image.as_raw_fd() as u32;
    config.flags = AUTOCLEAR | DIRECT_IO;
    // SAFETY: LOOP_CONFIGURE reads a struct loop_config, whose layout LoopConfig has.
    check(unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE as _, &raw const config) }.into())?;
    Ok(())
}

/// Empties the capability sets of this process, or leaves just `kept` (bits) permitted and effective.
pub(crate) fn keep_capabilities(kept: u64) -> Result<(), Errno> {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    #[repr(C)]
    struct Data {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    let header = Header { version: 0x2008_0522, pid: 0 };
    let half = |bits: u64| Data {
        effective: bits as u32,
        permitted: bits as u32,
        inheritable: 0,
    };
    let data = [half(kept), half(kept >> 32)];
    // SAFETY: version 3 of capset reads one header and two data structs, laid out as the kernel defines them.
    check(unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) })?;
    Ok(())
}

/// Removes a capability from the bounding set. `EINVAL` says that the kernel has no such capability.
pub(crate) fn drop_bounding_capability(number: u32) -> Result<(), Errno> {
    // SAFETY: PR_CAPBSET_DROP takes integers only.
    check(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(number), 0, 0, 0) }.into())?;
    Ok(())
}

/// Gives every signal its default action again and blocks none.
pub(crate) fn reset_signals() -> Result<(), Errno> {
    // The kernel's struct sigaction: handler (0 is the default action), flags, restorer, mask.
    let default = [0u64; 4];
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: `default` is a struct sigaction of the kernel with a mask of 8 bytes, and installs no code of ours.
        // Not by the C library, which passes over the signals that it keeps for itself; they too may have been
        // ignored by whoever started us. Those that cannot be changed are refused, so the result does not matter.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), std::ptr::null::<u64>(), 8) };
    }
    nix::sys::signal::SigSet::empty().thread_set_mask().map_err(Errno::from)
}

/// Replaces this process's image. Returns only on failure.
pub(crate) fn execve(program: &CStr, argv: &[CString], env: &[CString]) -> Errno {
    let pointers = |strings: &[CString]| -> Vec<*const libc::c_char> {
        strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (argv, env) = (pointers(argv), pointers(env));
    // SAFETY: all strings are NUL-terminated and both arrays NULL-terminated; they outlive the call.
    unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    Errno::last()
}

/// Has this process killed by an alarm when so many seconds are over.
pub(crate) fn end_after(seconds: u32) {
    // SAFETY: SIG_DFL installs no code of ours.
    unsafe { libc::signal(libc::SIGALRM, libc::SIG_DFL) };
    // SAFETY: alarm takes an integer only.
    unsafe { libc::alarm(seconds) };
}

/// Sends a signal to one process, or to every one that this process may signal (`-1`).
pub(crate) fn kill(pid: i32, signal: i32) -> Result<(), Errno> {
    // SAFETY: kill takes integers only.
    check(unsafe { libc::kill(pid, signal) }.into())?;
    Ok(())
}

/// Collects one ended child without blocking: its pid and raw status, or `None` when none has ended.
pub(crate) fn reap() -> Result<Option<(i32, i32)>, Errno> {
    wait(-1, libc::WNOHANG)
}

/// Collects one ended child, waiting for it; `None` when there are no children.
pub(crate) fn reap_blocking() -> Result<Option<(i32, i32)>, Errno> {
    wait(-1, 0)
}

/// Collects this child, waiting for its end.
pub(crate) fn reap_one(pid: i32) -> Result<Option<(i32, i32)>, Errno> {
    wait(pid, 0)
}

fn wait(which: i32, flags: i32) -> Result<Option<(i32, i32)>, Errno> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is a valid place for the status.
        let pid = unsafe { libc::waitpid(which, &raw mut status, flags | libc::__WALL) };
        match pid {
            0 => return Ok(None),
            pid if pid > 0 => return Ok(Some((pid, status))),
            _ => match Errno::last().0 {
                libc::EINTR => {}
                libc::ECHILD => return Ok(None),
                other => return Err(Errno(other)),
            },
        }
    }
}

/// Loads a system call filter for this process and all it will execute; needs no-new-privileges.
pub(crate) fn load_seccomp(program: &[libc::sock_filter]) -> Result<(), Errno> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| Errno(libc::E2BIG))?,
        // The kernel only reads it.
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: `program` points to `len` instructions that outlive the call.
    check(unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) })?;
    Ok(())
}

/// A C string of bytes that may come from outside: with a NUL inside it is `EINVAL`.
pub(crate) fn c_string(text: &OsStr) -> Result<CString, Errno> {
    CString::new(text.as_bytes()).map_err(|_| Errno(libc::EINVAL))
}

/// Puts `text` into an open file at its start.
pub(crate) fn write_at_start(file: impl AsFd, text: &str) -> io::Result<()> {
    rustix::io::pwrite(file, text.as_bytes(), 0)?;
    Ok(())
}

/// Registers a non-blocking descriptor with the tokio runtime.
pub(crate) fn watch(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd gives the same descriptor whenever it is asked, and keeps it open until the AsyncFd that
    // owns it is dropped.
    Ok(unsafe { AsyncFd::register(fd) }?)
}

/// The version of this kernel's Landlock interface; `EOPNOTSUPP` when it is switched off, `ENOSYS` when absent.
pub(crate) fn landlock_abi() -> Result<u32, Errno> {
    const VERSION: libc::c_uint = 1;
    let none = std::ptr::null::<libc::c_void>();
    // SAFETY: with this flag the kernel takes no attributes and reads no memory.
    let version = check(unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, none, 0usize, VERSION) })?;
    Ok(version as u32)
}

/// An empty ruleset that refuses these rights (`LANDLOCK_ACCESS_FS_*`) and what crosses its border (`LANDLOCK_SCOPE_*`).
pub(crate) fn landlock_ruleset(access_fs: u64, scoped: u64) -> Result<OwnedFd, Errno> {
    #[repr(C)]
    struct Attributes {
        access_fs: u64,
        access_net: u64,
        scoped: u64,
    }
    let attributes = Attributes {
        access_fs,
        access_net: 0,
        scoped,
    };
    let size = std::mem::size_of::<Attributes>();
    // SAFETY: `attributes` is laid out as the kernel's landlock_ruleset_attr and of the given size; an older kernel
    // accepts a longer one whose unknown part is zero.
    let fd = check(unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, &raw const attributes, size, 0) })?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Grants rights below a path.
pub(crate) fn landlock_allow(ruleset: BorrowedFd<'_>, place: BorrowedFd<'_>, access: u64) -> Result<(), Errno> {
    const PATH_BENEATH: libc::c_int = 1;
    #[repr(C, packed)]
    struct PathBeneath {
        access: u64,
        place: i32,
    }
    let rule = PathBeneath {
        access,
        place: place.as_raw_fd(),
    };
    // SAFETY: `rule` is laid out as the kernel's landlock_path_beneath_attr (packed) and outlives the call.
    check(unsafe {
        libc::syscall(libc::SYS_landlock_add_rule, ruleset.as_raw_fd(), PATH_BENEATH, &raw const rule, 0)
    })?;
    Ok(())
}

/// Puts this process, and all it will start, under the ruleset for good. Takes no-new-privileges or CAP_SYS_ADMIN.
pub(crate) fn landlock_restrict_self(ruleset: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: takes integers only.
    check(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) })?;
    Ok(())
}
