//! Writing a package's tree to an empty directory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;

use super::archive::{self, Entry, Kind, Reader};
use super::check::{Budget, read_file, read_link};
use super::path::parents;
use super::{Limits, PackageError, links};

/// Unpacks `zip` into `root`, which has to exist and be empty. On an error the tree is half made;
/// the caller removes it.
///
/// Modes are kept without the set-user-id, set-group-id and sticky bits; directories are
/// at least readable and searchable to the server, which has to collect them.
pub(super) fn unpack(zip: &[u8], limits: &Limits, root: &Path) -> Result<(), PackageError> {
    let (mut archive, entries) = archive::open(zip, limits)?;
    let mut budget = Budget::new(limits);
    make_dirs(root, &entries)?;
    let mut targets = BTreeMap::new();
    for entry in &entries {
        match entry.kind {
            Kind::Dir => {}
            Kind::File => write_file(&mut archive, entry, &mut budget, root)?,
            Kind::Link => {
                targets.insert(entry.path.clone(), read_link(&mut archive, entry, &mut budget)?);
            }
        }
    }
    // Links come last, so that nothing was ever written through one.
    links::check(&targets)?;
    for (path, target) in &targets {
        symlink(target, root.join(path)).map_err(|e| failed("link", path, &e))?;
    }
    // Modes come after the contents, the deepest first: a directory may forbid writing.
    for dir in entries.iter().rev().filter(|entry| entry.kind == Kind::Dir) {
        set_mode(root, &dir.path, dir.mode | 0o500)?;
    }
    Ok(())
}

/// Every directory, said or implied. Implied ones keep 0755.
fn make_dirs(root: &Path, entries: &[Entry]) -> Result<(), PackageError> {
    let mut dirs: BTreeSet<&str> = BTreeSet::new();
    for entry in entries {
        dirs.extend(parents(&entry.path));
        if entry.kind == Kind::Dir {
            dirs.insert(&entry.path);
        }
    }
    for dir in dirs {
        DirBuilder::new().mode(0o755).create(root.join(dir)).map_err(|e| failed("make folder", dir, &e))?;
        // Whatever the process's umask took away.
        set_mode(root, dir, 0o755)?;
    }
    Ok(())
}

fn write_file(archive: &mut Reader<'_>, entry: &Entry, budget: &mut Budget, root: &Path) -> Result<(), PackageError> {
    let fail = |e: io::Error| failed("write", &entry.path, &e);
    let mut file = create(&root.join(&entry.path)).map_err(fail)?;
    read_file(archive, entry, budget, &mut |piece| file.write_all(piece).map_err(fail))?;
    file.set_permissions(Permissions::from_mode(entry.mode)).map_err(fail)
}

fn create(path: &Path) -> io::Result<File> {
    // Fails on anything that is there already, links included.
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn set_mode(root: &Path, path: &str, mode: u32) -> Result<(), PackageError> {
    fs::set_permissions(root.join(path), Permissions::from_mode(mode)).map_err(|e| failed("set the mode of", path, &e))
}

fn failed(action: &str, path: &str, cause: &io::Error) -> PackageError {
    PackageError::io(format!("{action} {path:?} of a package"), cause)
}
