//! The writable `/tmp` of a sandbox.
//!
//! As root: an ext4 file system in a sparse image that has no name (`O_TMPFILE`), on a loop device that the kernel
//! releases with the mount. Its size and number of inodes are its own, what is in it is on disk and reclaimable,
//! and nothing has to be cleaned up: when the sandbox's mount namespace goes, mount, device and image go with it.
//! Where that cannot be had, a tmpfs: its size holds too, but its contents count as memory.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::mount::{MountFlags, mount};

use crate::error::{Errno, SetupError};
use crate::sys;

/// One inode per so many bytes: ext4's own default, and what limits the number of files.
const BYTES_PER_INODE: u64 = 16 << 10;
const BLOCK: u64 = 4096;

/// What `/tmp` is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TmpKind {
    DiskImage,
    Memory,
}

/// Where `mkfs.ext4` is, if it is installed.
pub(crate) fn find_mkfs() -> Option<PathBuf> {
    ["/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4", "/usr/bin/mkfs.ext4", "/usr/local/sbin/mkfs.ext4"]
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
}

/// Mounts a fresh, empty volume of `bytes` on `target`, owned by host id `owner` if we may give it away.
pub(crate) fn mount_fresh(
    kind: TmpKind,
    state_dir: &Path,
    bytes: u64,
    owner: Option<u32>,
    target: &Path,
) -> Result<(), SetupError> {
    match kind {
        TmpKind::DiskImage => mount_image(state_dir, bytes, target)?,
        TmpKind::Memory => mount_memory(bytes, target)?,
    }
    open_to_all(owner, target).map_err(|error| SetupError::RootEntry {
        path: "/tmp".into(),
        errno: error.into(),
    })
}

/// As `/tmp` is everywhere: anyone may write, and remove only what is theirs.
fn open_to_all(owner: Option<u32>, target: &Path) -> std::io::Result<()> {
    std::os::unix::fs::chown(target, owner, owner)?;
    std::fs::set_permissions(target, std::os::unix::fs::PermissionsExt::from_mode(0o1777))
}

fn mount_memory(bytes: u64, target: &Path) -> Result<(), SetupError> {
    let inodes = bytes / BYTES_PER_INODE;
    let options = sys::c_string(format!("size={bytes},nr_inodes={inodes},mode=1777").as_ref()).unwrap_or_default();
    mount("tmpfs", target, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, Some(options.as_c_str()))
        .map_err(|errno| failed_mount("tmpfs", target, errno.into()))
}

fn failed_mount(kind: &str, target: &Path, errno: Errno) -> SetupError {
    SetupError::Mount {
        kind: kind.into(),
        target: target.to_owned(),
        errno,
    }
}

fn mount_image(state_dir: &Path, bytes: u64, target: &Path) -> Result<(), SetupError> {
    // 1. A file without a name: it ends with its last user, whatever happens to us.
    let image = make_image(state_dir, bytes)?;
    // 2. A file system in it.
    format_image(&image)?;
    // 3. A block device on it, and 4. the mount, which then keeps the device and the file alive.
    let (device, _device_open_until_mounted) = attach(&image)?;
    // Without `noinit_itable` a kernel thread would write out the inode tables of every volume.
    mount(
        &device,
        target,
        "ext4",
        MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOATIME,
        Some(c"noinit_itable,nobarrier"),
    )
    .map_err(|errno| failed_mount("ext4 image", target, errno.into()))?;
    // 5. Empty means empty.
    let _ = std::fs::remove_dir(target.join("lost+found"));
    Ok(())
}

/// The image is larger than asked by what ext4 needs for itself, so that the usable size is what was asked.
fn image_bytes(usable: u64) -> u64 {
    let inode_tables = usable / BYTES_PER_INODE * 256;
    let maps_and_headers = (1 << 20) + usable / 2048;
    (usable + inode_tables + maps_and_headers).next_multiple_of(BLOCK)
}

fn make_image(state_dir: &Path, bytes: u64) -> Result<File, SetupError> {
    let failed = |step: &str, error: std::io::Error| SetupError::TmpImage {
        step: step.into(),
        errno: error.into(),
    };
    let image = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_TMPFILE)
        .mode(0o600)
        .open(state_dir)
        .map_err(|error| failed("create", error))?;
    image.set_len(image_bytes(bytes)).map_err(|error| failed("size", error))?;
    Ok(image)
}

fn format_image(image: &File) -> Result<(), SetupError> {
    let mkfs = find_mkfs().unwrap_or_else(|| "mkfs.ext4".into());
    let stdin = image.try_clone().map_err(|error| SetupError::TmpImage {
        step: "share".into(),
        errno: error.into(),
    })?;
    let output = Command::new(mkfs)
        .args(["-q", "-F", "-b", "4096", "-I", "256", "-m", "0", "-i"])
        .arg(BYTES_PER_INODE.to_string())
        // No journal: the volume never outlives its sandbox, so there is nothing to recover.
        .args(["-O", "^has_journal,^resize_inode", "-E", "lazy_itable_init=1,nodiscard"])
        .arg("/proc/self/fd/0")
        .env_clear()
        .stdin(Stdio::from(stdin))
        .output()
        .map_err(|error| SetupError::TmpFormat(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(SetupError::TmpFormat(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// Attaches the image to a free loop device. Others look for free ones too, so it may take a few tries.
fn attach(image: &File) -> Result<(PathBuf, File), SetupError> {
    let failed = |step: &str, errno: Errno| SetupError::LoopDevice { step: step.into(), errno };
    let control = File::options()
        .read(true)
        .write(true)
        .open("/dev/loop-control")
        .map_err(|error| failed("open /dev/loop-control", error.into()))?;
    let mut last = Errno(libc::EBUSY);
    for _ in 0..64 {
        let number = sys::free_loop_device(control.as_fd()).map_err(|errno| failed("find", errno))?;
        let path = PathBuf::from(format!("/dev/loop{number}"));
        let device = open_loop_device(&path, number).map_err(|errno| failed("open", errno))?;
        match sys::attach_loop_device(device.as_fd(), image.as_fd()) {
            Ok(()) => return Ok((path, device)),
            Err(errno) if errno.0 == libc::EBUSY => last = errno,
            Err(errno) => return Err(failed("attach", errno)),
        }
    }
    Err(failed("attach", last))
}

/// In containers `/dev` may be a plain folder in which new devices do not appear by themselves.
fn open_loop_device(path: &Path, number: u32) -> Result<File, Errno> {
    if !path.metadata().is_ok_and(|meta| meta.file_type().is_block_device()) {
        let _ = rustix::fs::mknodat(
            rustix::fs::CWD,
            path,
            rustix::fs::FileType::BlockDevice,
            rustix::fs::Mode::from_raw_mode(0o600),
            rustix::fs::makedev(7, number),
        );
    }
    Ok(File::options().read(true).write(true).open(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_is_little_larger_than_what_it_holds() {
        for mib in [512u64, 1024, 10240] {
            let bytes = mib << 20;
            let image = image_bytes(bytes);
            assert!(image > bytes && image < bytes + bytes / 32, "{mib} MiB");
            assert_eq!(image % BLOCK, 0);
        }
    }
}
