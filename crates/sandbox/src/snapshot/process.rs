//! Which process is to be copied or replaced, and what can be seen of it from outside.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use serde::{Deserialize, Serialize};

use super::error::{SnapshotError, Step};
use super::maps::MappedFile;
use crate::error::Errno;

/// More are not given to any process.
const MOST_DESCRIPTORS: usize = 256;

/// An open descriptor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Descriptor {
    pub(super) number: i32,
    /// `socket`, `pipe` or the path.
    pub(super) kind: Vec<u8>,
    /// `O_*`, close-on-exec among them.
    pub(super) flags: u32,
}

/// Size and time of change of a mapped file: it is the same file, and was not written to since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Version {
    bytes: u64,
    modified: (i64, i64),
    device: u64,
    inode: u64,
}

/// The only process beside `first`, which is process 1 of its sandbox.
pub(super) fn only_child(first: i32) -> Result<i32, SnapshotError> {
    let children = children(first)?;
    match children.as_slice() {
        [one] => Ok(*one),
        [] => Err(SnapshotError::Ended),
        more => {
            Err(SnapshotError::refused(format!("its sandbox has {} processes, expected it to be alone", more.len())))
        }
    }
}

fn children(pid: i32) -> Result<Vec<i32>, SnapshotError> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).step("list the processes")?;
    Ok(text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect())
}

/// A process that has just been seized: the one that was meant (its number may have been given anew meanwhile), with
/// one thread and no children.
pub(super) fn check_alone(pid: i32, first: i32, mount_namespace: impl AsFd) -> Result<(), SnapshotError> {
    let ours = rustix::fs::fstat(mount_namespace).step("look at the mount namespace")?;
    let its = fs::metadata(format!("/proc/{pid}/ns/mnt")).step("look at the process's mount namespace")?;
    if (its.dev(), its.ino()) != (ours.st_dev, ours.st_ino) {
        return Err(SnapshotError::Ended);
    }
    let threads = fs::read_dir(format!("/proc/{pid}/task")).step("list the threads")?.count();
    if threads != 1 {
        return Err(SnapshotError::refused(format!("it has {threads} threads, expected one")));
    }
    if !children(pid)?.is_empty() || only_child(first)? != pid {
        return Err(SnapshotError::refused("it has started other processes, expected it to be alone"));
    }
    Ok(())
}

/// `/tmp` is not copied, so a process that left something there would miss it.
pub(super) fn check_tmp_is_empty(pid: i32) -> Result<(), SnapshotError> {
    // Made with the file system itself.
    const OURS: &str = "lost+found";
    let entries = fs::read_dir(format!("/proc/{pid}/root/tmp")).step("look into /tmp")?;
    match entries.flatten().any(|entry| entry.file_name() != OURS) {
        true => Err(SnapshotError::refused("it left files in /tmp, which is not copied")),
        false => Ok(()),
    }
}

/// A field of `/proc/PID/status`.
pub(super) fn status(pid: i32, name: &str) -> Result<String, SnapshotError> {
    let text = fs::read(format!("/proc/{pid}/status")).step("read the state of the process")?;
    let text = String::from_utf8_lossy(&text);
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.map(|value| value.trim().to_owned()).ok_or(Errno(libc::ENODATA)).step(format!("find {name} of the process"))
}

/// Its number as the sandbox sees it.
pub(super) fn inner_pid(pid: i32) -> Result<u32, SnapshotError> {
    let numbers = status(pid, "NSpid")?;
    numbers
        .split_whitespace()
        .last()
        .and_then(|pid| pid.parse().ok())
        .ok_or(Errno(libc::ENODATA))
        .step("find its number")
}

/// Where the kernel believes the parts of a process to lie, in the order of its `struct prctl_mm_map`: code, data, heap
/// (its end is not told from outside), stack, arguments, environment.
pub(super) fn layout(pid: i32) -> Result<[u64; 11], SnapshotError> {
    const STEP: &str = "find where the parts of the process lie";
    /// Of `/proc/PID/stat`, as its manual numbers them; those after the name begin with 3.
    const FIELDS: [usize; 11] = [26, 27, 45, 46, 47, 47, 28, 48, 49, 50, 51];
    let text = fs::read(format!("/proc/{pid}/stat")).step(STEP)?;
    let text = String::from_utf8_lossy(&text);
    // The name is in parentheses and may contain anything.
    let fields: Vec<&str> = text.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace().collect();
    let mut layout = [0; 11];
    for (place, field) in layout.iter_mut().zip(FIELDS) {
        let found = fields.get(field - 3).and_then(|field| field.parse().ok());
        *place = found.ok_or(Errno(libc::ENODATA)).step(STEP)?;
    }
    Ok(layout)
}

pub(super) fn name(pid: i32) -> Result<Vec<u8>, SnapshotError> {
    let mut name = fs::read(format!("/proc/{pid}/comm")).step("read the name of the process")?;
    name.pop();
    Ok(name)
}

pub(super) fn working_directory(pid: i32) -> Result<PathBuf, SnapshotError> {
    fs::read_link(format!("/proc/{pid}/cwd")).step("find the working directory")
}

pub(super) fn has_timers(pid: i32) -> bool {
    fs::read(format!("/proc/{pid}/timers")).is_ok_and(|text| !text.is_empty())
}

/// In ascending order.
pub(super) fn descriptors(pid: i32) -> Result<Vec<Descriptor>, SnapshotError> {
    const STEP: &str = "list the open descriptors";
    let mut all = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).step(STEP)? {
        let entry = entry.step(STEP)?;
        let number = entry.file_name().to_string_lossy().parse().map_err(|_| Errno(libc::EINVAL)).step(STEP)?;
        let target = fs::read_link(entry.path()).step(STEP)?;
        let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).step(STEP)?;
        let flags = info.lines().find_map(|line| u32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
        all.push(Descriptor {
            number,
            kind: kind(&target),
            flags: flags.ok_or(Errno(libc::ENODATA)).step(STEP)?,
        });
        if all.len() > MOST_DESCRIPTORS {
            return Err(SnapshotError::refused(format!("it has more than {MOST_DESCRIPTORS} open descriptors")));
        }
    }
    all.sort_unstable_by_key(|descriptor| descriptor.number);
    Ok(all)
}

/// Sockets and pipes without their numbers, which differ.
fn kind(target: &Path) -> Vec<u8> {
    let bytes = target.as_os_str().as_bytes();
    let kinds = [&b"socket:"[..], b"pipe:"];
    kinds.into_iter().find(|kind| bytes.starts_with(kind)).unwrap_or(bytes).to_vec()
}

/// The file at the path of a mapping, in the sandbox of the process. No link leads out of there, and nothing is opened
/// that could make us wait.
pub(super) fn version(pid: i32, file: &MappedFile) -> Result<Version, SnapshotError> {
    let step = || format!("look at {}", file.path.display());
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let root = rustix::fs::open(format!("/proc/{pid}/root"), flags | OFlags::DIRECTORY, Mode::empty()).step(step())?;
    let inside = file.path.strip_prefix("/").unwrap_or(&file.path);
    let inside = if inside.as_os_str().is_empty() { Path::new(OsStr::new(".")) } else { inside };
    let found = rustix::fs::openat2(&root, inside, flags, Mode::empty(), ResolveFlags::IN_ROOT).step(step())?;
    let found = rustix::fs::fstat(found).step(step())?;
    Ok(Version {
        bytes: found.st_size as u64,
        modified: (found.st_mtime as i64, found.st_mtime_nsec as i64),
        device: found.st_dev,
        inode: found.st_ino,
    })
}
