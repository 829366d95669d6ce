//! One walk through a folder: what is there, whether functions can read it, and watches on it.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, Metadata};
use std::hash::{Hash, Hasher};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{self, WatchFlags};

/// Entries of a folder, with all below it. A walk of so many takes about a tenth of a second.
pub(super) const ENTRIES_MAX: usize = 50_000;
/// Folders that are watched; the kernel keeps about a kilobyte for each.
pub(super) const WATCHES_MAX: usize = 8_192;

/// What makes a difference to who reads the folder. Reading does not.
const CHANGES: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR)
    .union(WatchFlags::DONT_FOLLOW);

pub(super) struct Walk<'w> {
    pub(super) root: &'w Path,
    pub(super) others_must_read: bool,
    /// Where watches are put.
    pub(super) watches: Option<&'w OwnedFd>,
}

/// What a walk came to.
pub(super) struct Seen {
    /// Differs when anything does.
    pub(super) print: u64,
    /// Every folder is watched.
    pub(super) watched: bool,
    /// Why functions cannot run it.
    pub(super) defect: Option<String>,
}

impl Walk<'_> {
    pub(super) fn run(&self) -> Seen {
        let mut seen = Seen {
            print: 0,
            watched: self.watches.is_some(),
            defect: None,
        };
        let mut print = DefaultHasher::new();
        if let Err(defect) = self.visit(&mut seen, &mut print) {
            seen.defect = Some(defect);
        }
        seen.print = print.finish();
        seen
    }

    fn visit(&self, seen: &mut Seen, print: &mut DefaultHasher) -> Result<(), String> {
        let failed = |path: &Path, error: std::io::Error| format!("cannot read {}: {error}", path.display());
        let root = fs::symlink_metadata(self.root).map_err(|error| failed(self.root, error))?;
        self.check(self.root, &root)?;
        let (mut entries, mut folders) = (0, 0);
        let mut ahead: Vec<PathBuf> = vec![self.root.to_owned()];
        while let Some(folder) = ahead.pop() {
            folders += 1;
            // Before it is read, so that nothing falls between.
            seen.watched = seen.watched && folders <= WATCHES_MAX && self.watch(&folder);
            for entry in fs::read_dir(&folder).map_err(|error| failed(&folder, error))? {
                let entry = entry.map_err(|error| failed(&folder, error))?;
                let path = entry.path();
                // Gone between the two: the queue says so, too.
                let Ok(metadata) = entry.metadata() else { continue };
                entries += 1;
                if entries > ENTRIES_MAX {
                    return Err(format!(
                        "the folder {} has more than {ENTRIES_MAX} entries: run a smaller one, or deploy a zip",
                        self.root.display()
                    ));
                }
                note(print, &path, &metadata);
                // Hidden files are tools' and secrets, seldom a function's: they may stay private.
                if !entry.file_name().as_bytes().starts_with(b".") {
                    self.check(&path, &metadata)?;
                }
                if metadata.is_dir() {
                    ahead.push(path);
                }
            }
        }
        Ok(())
    }

    fn watch(&self, folder: &Path) -> bool {
        let Some(queue) = self.watches else { return false };
        match inotify::add_watch(queue, folder, CHANGES) {
            Ok(_) => true,
            // Gone meanwhile: its own folder's watch tells.
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => true,
            Err(errno) => {
                tracing::warn!(
                    folder = %self.root.display(), %errno,
                    "the kernel gives no more watches (fs.inotify.max_user_watches): the folder is walked instead"
                );
                false
            }
        }
    }

    /// Functions are users of their own, whom only the rights of others apply to.
    fn check(&self, path: &Path, metadata: &Metadata) -> Result<(), String> {
        let needed = if metadata.is_dir() { 0o5 } else { 0o4 };
        let is_link = metadata.is_symlink();
        if !self.others_must_read || is_link || metadata.mode() & needed == needed {
            return Ok(());
        }
        Err(format!(
            "the function runs as a user of its own and cannot read {} (mode {:04o}): `chmod -R o+rX {}` lets it",
            path.display(),
            metadata.mode() & 0o7777,
            self.root.display()
        ))
    }
}

fn note(print: &mut DefaultHasher, path: &Path, metadata: &Metadata) {
    path.hash(print);
    (metadata.ino(), metadata.mode(), metadata.mtime(), metadata.mtime_nsec()).hash(print);
    (metadata.ctime(), metadata.ctime_nsec(), metadata.size()).hash(print);
}
