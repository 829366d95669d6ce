//! Packages good and hostile, through the front of the module.
#![allow(clippy::unwrap_used)]

mod builder;
mod cache;
mod good;
mod hostile;
mod overlay;
mod property;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::unpack::unpack;
use super::{Inspected, Limits, PackageError, inspect};

/// What [`inspect`] says. What it refuses has to be refused by unpacking too, and the other way
/// around: neither may trust the other.
#[track_caller]
fn both(zip: &[u8], limits: &Limits) -> Result<Inspected, PackageError> {
    let root = tempfile::tempdir().unwrap();
    let inspected = inspect(zip, limits);
    let unpacked = unpack(zip, limits, root.path());
    assert_eq!(inspected.as_ref().err(), unpacked.as_ref().err());
    inspected
}

/// A tree as lines: path, type and mode, contents or target; sorted.
fn tree(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    walk(root, root, &mut lines);
    lines.sort();
    lines
}

fn walk(root: &Path, dir: &Path, lines: &mut Vec<String>) {
    for item in fs::read_dir(dir).unwrap() {
        let path = item.unwrap().path();
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let meta = fs::symlink_metadata(&path).unwrap();
        let mode = meta.permissions().mode() & 0o7777;
        if meta.is_symlink() {
            lines.push(format!("{name} -> {}", fs::read_link(&path).unwrap().display()));
        } else if meta.is_dir() {
            lines.push(format!("{name}/ {mode:o}"));
            walk(root, &path, lines);
        } else {
            lines.push(format!("{name} {mode:o} {}", contents(&path)));
        }
    }
}

/// A file's text, whatever its mode says: a test need not run as root.
fn contents(path: &Path) -> String {
    let before = fs::metadata(path).unwrap().permissions();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
    fs::set_permissions(path, before).unwrap();
    text
}
