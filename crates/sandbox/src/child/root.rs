//! The sandbox's root: a small file system in memory with the caller's folders mounted into it.
//!
//! It is put together on a mount point of the host that only this mount namespace sees, sealed read-only, and then
//! becomes `/`. All paths inside are resolved as if it were the root already (`RESOLVE_IN_ROOT`), so that no
//! symbolic link in a package can lead a mount or a file out to the host.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::mount::{MountFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount, move_mount, open_tree, unmount};

use super::Step;
use crate::error::SetupError;
use crate::protocol::StartPlan;
use crate::spec::Bind;
use crate::sys;

/// Devices that programs expect and that give away nothing.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

/// Links in /dev. There is no /dev/shm and no terminal.
const DEVICE_LINKS: [(&str, &str); 4] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// Files of /proc that tell about the host or command it: covered with /dev/null.
const MASKED: [&str; 14] = [
    "kcore",         // the memory of the kernel
    "keys",          // keyrings are not namespaced
    "key-users",     // the same
    "timer_list",    // addresses and timers of the host
    "sched_debug",   // processes of the host
    "sysrq-trigger", // commands to the kernel
    "kmsg",          // the host's messages
    "kallsyms",      // addresses in the kernel
    "cmdline",       // how the host was booted
    "interrupts",    // what the host's devices do, moment by moment
    "softirqs",      // the same
    "schedstat",     // what each processor does
    "modules",       // what the kernel has loaded
    "diskstats",     // what every disk does, those under other sandboxes' /tmp included
];

/// Folders of /proc that stay readable but never writable.
const READ_ONLY: [&str; 4] = ["sys", "irq", "bus", "fs"];

fn root_entry(path: &Path) -> impl FnOnce(crate::error::Errno) -> SetupError {
    let path = path.to_owned();
    move |errno| SetupError::RootEntry { path, errno }
}

fn mount_failed(kind: &str, target: &Path) -> impl FnOnce(crate::error::Errno) -> SetupError {
    let (kind, target) = (kind.to_owned(), target.to_owned());
    move |errno| SetupError::Mount { kind, target, errno }
}

/// Mounts the empty root with /proc, /dev and the folder for /tmp.
pub(super) fn mount_skeleton(root: &Path) -> Result<(), SetupError> {
    // Limits: what it holds is charged to the sandbox, and is a few small files.
    mount("tmpfs", root, "tmpfs", MountFlags::NOSUID, Some(c"size=16m,nr_inodes=8192,mode=755"))
        .step(mount_failed("tmpfs", root))?;
    for dir in ["proc", "dev", "tmp"] {
        make_dirs(root, Path::new(dir))?;
    }
    mount_proc(&root.join("proc"))?;
    fill_dev(&root.join("dev"))
}

fn mount_proc(target: &Path) -> Result<(), SetupError> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    // hidepid: our own first process is none of the sandbox's business.
    mount("proc", target, "proc", flags, Some(c"hidepid=invisible"))
        .or_else(|_| mount("proc", target, "proc", flags, Some(c"hidepid=2")))
        .step(mount_failed("proc", target))?;
    for file in MASKED {
        cover(&target.join(file))?;
    }
    for dir in READ_ONLY {
        let dir = target.join(dir);
        if dir.exists() {
            let attributes =
                libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC;
            let tree = take_tree(&dir, &dir, attributes)?;
            attach(&tree, &dir).step(mount_failed("read-only view", &dir))?;
        }
    }
    Ok(())
}

/// Puts /dev/null over a file, if it exists here.
fn cover(file: &Path) -> Result<(), SetupError> {
    if !file.exists() {
        return Ok(());
    }
    let tree = take_tree(
        Path::new("/dev/null"),
        file,
        libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC,
    )?;
    attach(&tree, file).step(mount_failed("mask", file))
}

fn fill_dev(dev: &Path) -> Result<(), SetupError> {
    for name in DEVICES {
        let (source, target) = (Path::new("/dev").join(name), dev.join(name));
        File::create(&target).step(root_entry(&target))?;
        let tree = take_tree(&source, &target, libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC)?;
        attach(&tree, &target).step(mount_failed("device", &target))?;
    }
    for (name, target) in DEVICE_LINKS {
        let path = dev.join(name);
        std::os::unix::fs::symlink(target, &path).step(root_entry(&path))?;
    }
    Ok(())
}

/// A detached copy of a mounted tree with restrictions.
fn take_tree(source: &Path, target: &Path, attributes: u64) -> Result<OwnedFd, SetupError> {
    take_tree_at(CWD, source, (source, target), attributes)
}

/// [`take_tree`] of a path that begins at a folder; without a path, of what is open there. `names` are what errors tell:
/// source and target.
fn take_tree_at(
    at: BorrowedFd<'_>,
    path: &Path,
    (source, target): (&Path, &Path),
    attributes: u64,
) -> Result<OwnedFd, SetupError> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE
        | OpenTreeFlags::AT_EMPTY_PATH;
    let tree = open_tree(at, path, flags).step(|errno| SetupError::BindSource {
        source_path: source.to_owned(),
        target: target.to_owned(),
        errno,
    })?;
    sys::set_mount_attributes(tree.as_fd(), attributes, true).step(|errno| SetupError::BindAttributes {
        source_path: source.to_owned(),
        errno,
    })?;
    Ok(tree)
}

fn attach(tree: &OwnedFd, target: &Path) -> rustix::io::Result<()> {
    move_mount(tree, "", CWD, target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}

/// Adds what the caller wants to see: first everything in memory, then the mounts over it. In this order nothing
/// can be written into a mounted host folder.
pub(super) fn fill(root: &Path, plan: &StartPlan, user_namespace: Option<BorrowedFd<'_>>) -> Result<(), SetupError> {
    for dir in &plan.dirs {
        make_dirs(root, dir)?;
    }
    for file in &plan.files {
        write_file(root, &file.path, &file.bytes, file.mode)?;
    }
    for (index, bind) in plan.binds.iter().enumerate() {
        if !is_covered(bind, &plan.binds[..index]) {
            make_mount_point(root, bind)?;
        }
    }
    for link in &plan.links {
        make_parent(root, &link.path)?;
        std::os::unix::fs::symlink(&link.target, on_host(root, &link.path)).step(root_entry(&link.path))?;
    }
    let root = open_root(root).step(root_entry(Path::new("/")))?;
    plan.binds.iter().try_for_each(|bind| mount_bind(root.as_fd(), bind, user_namespace))
}

/// Whether an earlier mount hides the place, so that the mount point must exist in there.
fn is_covered(bind: &Bind, earlier: &[Bind]) -> bool {
    earlier.iter().any(|above| bind.target.starts_with(&above.target) && bind.target != above.target)
}

/// Where a path of the sandbox is while its root is being put together.
fn on_host(root: &Path, inside: &Path) -> PathBuf {
    root.join(inside.strip_prefix("/").unwrap_or(inside))
}

fn open_root(root: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat2(CWD, root, flags, Mode::empty(), ResolveFlags::empty())
}

fn mount_bind(root: BorrowedFd<'_>, bind: &Bind, user_namespace: Option<BorrowedFd<'_>>) -> Result<(), SetupError> {
    let tree = take_bind(bind)?;
    if let Some(namespace) = user_namespace.filter(|_| bind.shares_ids) {
        sys::map_mount_ids(tree.as_fd(), namespace).step(|errno| SetupError::ShareIds {
            source_path: bind.source.clone(),
            errno,
        })?;
    }
    let target = openat2(
        root,
        &bind.target,
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
    )
    .step(bind_failed(bind))?;
    put_on(&tree, &target).step(bind_failed(bind))
}

/// Puts a tree on its place in a sandbox that runs, in whose mount namespace this process is. The way there must be
/// plain: a link is refused, whoever made it.
pub(super) fn attach_late(bind: &Bind, tree: &OwnedFd) -> Result<(), SetupError> {
    let target = openat2(
        CWD,
        &bind.target,
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
    )
    .step(|errno| SetupError::LateTarget {
        target: bind.target.clone(),
        errno,
    })?;
    put_on(tree, &target).step(bind_failed(bind))
}

/// A detached copy of the bind's source as the sandbox may use it.
pub(super) fn take_bind(bind: &Bind) -> Result<OwnedFd, SetupError> {
    let mut attributes = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
    if bind.read_only {
        attributes |= libc::MOUNT_ATTR_RDONLY;
    }
    if !bind.plain_source {
        return take_tree(&bind.source, &bind.target, attributes);
    }
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let source = openat2(CWD, &bind.source, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS);
    let source = source.step(|errno| SetupError::BindSource {
        source_path: bind.source.clone(),
        target: bind.target.clone(),
        errno,
    })?;
    take_tree_at(source.as_fd(), Path::new(""), (&bind.source, &bind.target), attributes)
}

fn bind_failed(bind: &Bind) -> impl Fn(crate::error::Errno) -> SetupError + '_ {
    |errno| SetupError::Bind {
        source_path: bind.source.clone(),
        target: bind.target.clone(),
        errno,
    }
}

fn put_on(tree: &OwnedFd, target: &OwnedFd) -> rustix::io::Result<()> {
    move_mount(tree, "", target, "", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH)
}

fn make_dirs(root: &Path, inside: &Path) -> Result<(), SetupError> {
    fs::DirBuilder::new().recursive(true).mode(0o755).create(on_host(root, inside)).step(root_entry(inside))
}

fn make_parent(root: &Path, inside: &Path) -> Result<(), SetupError> {
    inside.parent().map_or(Ok(()), |parent| make_dirs(root, parent))
}

fn write_file(root: &Path, inside: &Path, bytes: &[u8], mode: u32) -> Result<(), SetupError> {
    make_parent(root, inside)?;
    let write = || -> std::io::Result<()> {
        let mut file = File::options().write(true).create_new(true).open(on_host(root, inside))?;
        // Not by the mode at creation, which the mask would cut.
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.write_all(bytes)
    };
    write().step(root_entry(inside))
}

/// A folder for a folder, an empty file for anything else.
fn make_mount_point(root: &Path, bind: &Bind) -> Result<(), SetupError> {
    let source = fs::metadata(&bind.source).step(|errno| SetupError::BindSource {
        source_path: bind.source.clone(),
        target: bind.target.clone(),
        errno,
    })?;
    if source.is_dir() {
        return make_dirs(root, &bind.target);
    }
    make_parent(root, &bind.target)?;
    let mut empty = File::options();
    empty.write(true).create(true).truncate(false);
    empty.open(on_host(root, &bind.target)).map(drop).step(root_entry(&bind.target))
}

/// Makes the root read-only. `/tmp` is a mount of its own and stays as it is.
pub(super) fn seal(root: &Path) -> Result<(), SetupError> {
    let root = open_root(root).step(SetupError::ReadOnlyRoot)?;
    let attributes = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
    sys::set_mount_attributes(root.as_fd(), attributes, false).step(SetupError::ReadOnlyRoot)
}

/// Makes `root` the root, and the host's file system unreachable.
pub(super) fn enter(root: &Path) -> Result<(), SetupError> {
    let failed = |step: &'static str| move |errno| SetupError::PivotRoot { step: step.into(), errno };
    rustix::process::chdir(root).step(failed("chdir"))?;
    // The old root ends up on top of the new one, from where it is removed.
    rustix::process::pivot_root(".", ".").step(failed("pivot_root"))?;
    unmount(".", UnmountFlags::DETACH).step(failed("unmount the old root"))?;
    rustix::process::chdir("/").step(failed("chdir to the new root"))
}
