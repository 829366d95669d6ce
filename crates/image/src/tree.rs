//! The tree that layers are put into.
//!
//! Every path is resolved by the kernel with the tree as its root (`RESOLVE_IN_ROOT`): a link that
//! an earlier entry made, wherever it points, leads no further than to the tree. The last part of a
//! path is never followed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, fchmod, linkat, mkdirat, openat, openat2, readlink,
    statat, symlinkat, unlinkat,
};
use rustix::io::Errno;

use crate::error::ImageError;

/// The server has to be able to remove it again.
const FOLDER_AT_LEAST: u32 = 0o700;
const FILE_AT_LEAST: u32 = 0o400;

/// Folders within each other.
const DEPTH_MAX: usize = 256;

pub(crate) struct Tree {
    root: OwnedFd,
    /// Of the root, in the host's file system.
    depth: usize,
}

/// A path of an entry: its folder, from the root of the tree, and its name there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) name: OsString,
}

impl Place {
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }
}

impl Tree {
    pub(crate) fn open(root: &Path) -> Result<Self, ImageError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let failed = |errno| ImageError::io("open a tree", errno);
        let opened = openat(CWD, root, flags, Mode::empty()).map_err(failed)?;
        let plain = root.canonicalize().map_err(|error| ImageError::io("open a tree", error))?;
        Ok(Self {
            root: opened,
            depth: plain.components().count(),
        })
    }

    /// A folder of the tree, made with all above it where it is missing.
    pub(crate) fn folder(&self, path: &Path) -> Result<OwnedFd, ImageError> {
        match self.resolve(path, OFlags::PATH | OFlags::DIRECTORY) {
            Ok(found) => return self.check_depth(path, found),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(refused(path, errno)),
        }
        let parent = path.parent().ok_or_else(|| refused(path, Errno::NOENT))?;
        let parent = self.folder(parent)?;
        let name = path.file_name().unwrap_or_default();
        match mkdirat(&parent, name, Mode::from_raw_mode(0o755)) {
            // A link that leads nowhere is in the way.
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(disk(path, errno)),
        }
        let made = self.resolve(path, OFlags::PATH | OFlags::DIRECTORY).map_err(|errno| refused(path, errno))?;
        self.check_depth(path, made)
    }

    /// Links give a way to any depth, and what is deeper than a path is long could not be removed.
    fn check_depth(&self, path: &Path, folder: OwnedFd) -> Result<OwnedFd, ImageError> {
        let real = readlink(format!("/proc/self/fd/{}", folder.as_raw_fd()), Vec::new());
        let real = real.map_err(|errno| disk(path, errno))?;
        let depth = real.as_bytes().iter().filter(|byte| **byte == b'/').count();
        if depth > self.depth + DEPTH_MAX {
            return Err(ImageError::Invalid(format!("a layer has folders deeper than {DEPTH_MAX} within each other")));
        }
        Ok(folder)
    }

    fn resolve(&self, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        openat2(&self.root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve)
    }

    /// A file to read, links followed within the tree.
    pub(crate) fn read(&self, path: &Path) -> Option<File> {
        let file = File::from(self.resolve(path, OFlags::RDONLY | OFlags::NONBLOCK).ok()?);
        file.metadata().is_ok_and(|metadata| metadata.is_file()).then_some(file)
    }

    /// A folder entry. One that is there keeps what is in it.
    pub(crate) fn make_folder(&self, place: &Place, mode: u32) -> Result<(), ImageError> {
        let parent = self.folder(&place.folder)?;
        if kind(&parent, &place.name) != Some(FileType::Directory) {
            remove(&parent, &place.name).map_err(|errno| disk(&place.path(), errno))?;
            let made = mkdirat(&parent, &place.name, Mode::from_raw_mode(FOLDER_AT_LEAST));
            made.map_err(|errno| disk(&place.path(), errno))?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = openat(&parent, &place.name, flags, Mode::empty()).map_err(|errno| disk(&place.path(), errno))?;
        set_mode(&made, mode | FOLDER_AT_LEAST).map_err(|errno| disk(&place.path(), errno))
    }

    /// A new, empty file in the place of whatever is there.
    pub(crate) fn make_file(&self, place: &Place, mode: u32) -> Result<File, ImageError> {
        let parent = self.folder(&place.folder)?;
        remove(&parent, &place.name).map_err(|errno| disk(&place.path(), errno))?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&parent, &place.name, flags, Mode::from_raw_mode(0o600));
        let file = file.map_err(|errno| disk(&place.path(), errno))?;
        set_mode(&file, mode | FILE_AT_LEAST).map_err(|errno| disk(&place.path(), errno))?;
        Ok(File::from(file))
    }

    pub(crate) fn make_link(&self, place: &Place, target: &OsStr) -> Result<(), ImageError> {
        let parent = self.folder(&place.folder)?;
        remove(&parent, &place.name).map_err(|errno| disk(&place.path(), errno))?;
        symlinkat(target, &parent, &place.name).map_err(|errno| disk(&place.path(), errno))
    }

    /// Another name for a file of the tree.
    pub(crate) fn make_hard_link(&self, place: &Place, to: &Place) -> Result<(), ImageError> {
        let missing =
            || ImageError::Invalid(format!("{:?} is a link to {:?}, which is not there", place.path(), to.path()));
        let from = self.resolve(&to.folder, OFlags::PATH | OFlags::DIRECTORY).map_err(|_| missing())?;
        match kind(&from, &to.name).ok_or_else(missing)? {
            FileType::RegularFile | FileType::Symlink => {}
            _ => {
                return Err(ImageError::Invalid(format!(
                    "{:?} is a link to {:?}, which is no file",
                    place.path(),
                    to.path()
                )));
            }
        }
        if place == to {
            return Ok(());
        }
        let parent = self.folder(&place.folder)?;
        remove(&parent, &place.name).map_err(|errno| disk(&place.path(), errno))?;
        // What was removed may have been the other name's folder.
        linkat(&from, &to.name, &parent, &place.name, AtFlags::empty()).map_err(|errno| match errno {
            Errno::NOENT => missing(),
            errno => disk(&place.path(), errno),
        })
    }

    /// Takes away what is at a place, with all that is in it. Nothing there is no error.
    pub(crate) fn remove(&self, place: &Place) -> Result<(), ImageError> {
        match self.resolve(&place.folder, OFlags::PATH | OFlags::DIRECTORY) {
            Ok(parent) => remove(&parent, &place.name).map_err(|errno| disk(&place.path(), errno)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
            Err(errno) => Err(refused(&place.folder, errno)),
        }
    }

    /// The names in a folder; none where there is no folder.
    pub(crate) fn names(&self, folder: &Path) -> Result<Vec<OsString>, ImageError> {
        match self.resolve(folder, OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(found) => names(&found).map_err(|errno| disk(folder, errno)),
            Err(_) => Ok(Vec::new()),
        }
    }

    pub(crate) fn kind(&self, place: &Place) -> Option<FileType> {
        let parent = self.resolve(&place.folder, OFlags::PATH | OFlags::DIRECTORY).ok()?;
        kind(&parent, &place.name)
    }
}

/// Rights without the bits that give rights of another user, whatever the mask.
fn set_mode(file: &OwnedFd, mode: u32) -> rustix::io::Result<()> {
    fchmod(file, Mode::from_raw_mode(mode & 0o777))
}

fn kind(parent: &OwnedFd, name: &OsStr) -> Option<FileType> {
    let found = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    Some(FileType::from_raw_mode(found.st_mode))
}

fn names(folder: &OwnedFd) -> rustix::io::Result<Vec<OsString>> {
    use std::os::unix::ffi::OsStrExt;
    let mut all = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name != "." && name != ".." {
            all.push(name.to_owned());
        }
    }
    Ok(all)
}

/// Removes without following anything. The depth is bounded, see [`Tree::check_depth`].
fn remove(parent: &OwnedFd, name: &OsStr) -> rustix::io::Result<()> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(errno) => return Err(errno),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = openat(parent, name, flags, Mode::empty())?;
    for inner in names(&folder)? {
        remove(&folder, &inner)?;
    }
    unlinkat(parent, name, AtFlags::REMOVEDIR)
}

/// The layer's doing.
fn refused(path: &Path, errno: Errno) -> ImageError {
    ImageError::Invalid(format!("a layer has a path that leads nowhere: {path:?} ({errno})"))
}

/// The disk's, or a name that no file system takes.
fn disk(path: &Path, errno: Errno) -> ImageError {
    match errno {
        Errno::NAMETOOLONG | Errno::INVAL | Errno::NOTDIR | Errno::LOOP | Errno::NOENT | Errno::MLINK => {
            refused(path, errno)
        }
        errno => ImageError::io(format!("unpack {path:?}"), errno),
    }
}
