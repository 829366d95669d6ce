//! Layers over each other: one tree from several, in which a later one wins.
//!
//! Where two layers have one path, two folders become one, with the later one's mode; in every other
//! case the later one takes the place of the earlier, a file or a link that of a folder with all
//! that is in it. What stands at which path is decided before anything is written, so that nothing
//! is ever written through a link. Files are hard links to those of the layers: no byte is copied.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use hearth_model::CodeDir;
use sha2::{Digest, Sha256};

use super::{PackageError, links};

/// Names the tree of layers with these hashes, in this order. That of a single one is its own.
#[must_use]
pub fn layers_key(sha256_hexes: &[&str]) -> String {
    match sha256_hexes {
        [only] => (*only).to_owned(),
        several => {
            let mut hash = Sha256::new();
            // No zip begins like this, so no package has a tree of the same name.
            hash.update("hearth layers 1\n");
            for sha256_hex in several {
                hash.update(sha256_hex);
                hash.update("\n");
            }
            hex::encode(hash.finalize())
        }
    }
}

/// What stands at a path.
enum Item {
    Dir {
        mode: u32,
    },
    /// Of the layer at this position.
    File {
        layer: usize,
    },
    Link {
        target: String,
    },
}

/// By path below the root, parents before what is in them.
type Plan = BTreeMap<String, Item>;

/// Builds the tree in `root`, which has to exist and be empty. On an error it is half made; the
/// caller removes it.
pub(super) fn overlay(layers: &[Arc<CodeDir>], root: &Path) -> Result<(), PackageError> {
    let mut plan = Plan::new();
    for (position, layer) in layers.iter().enumerate() {
        read(&mut plan, layer.path(), position).map_err(|e| PackageError::io("read a layer", &e))?;
    }
    check_links(&plan)?;
    write(&plan, layers, root).map_err(|e| PackageError::io("put layers together", &e))
}

/// Reads a layer's tree into the plan.
fn read(plan: &mut Plan, tree: &Path, layer: usize) -> io::Result<()> {
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(tree.join(&folder))? {
            let item = item?;
            let path = below(&folder, text(item.file_name())?);
            let kind = item.file_type()?;
            if kind.is_dir() {
                let mode = item.metadata()?.permissions().mode() & 0o777;
                if !matches!(plan.get(&path), Some(Item::Dir { .. })) {
                    clear(plan, &path);
                }
                plan.insert(path.clone(), Item::Dir { mode });
                folders.push(path);
            } else {
                clear(plan, &path);
                let item = if kind.is_symlink() {
                    Item::Link {
                        target: text(fs::read_link(item.path())?.into_os_string())?,
                    }
                } else {
                    Item::File { layer }
                };
                plan.insert(path, item);
            }
        }
    }
    Ok(())
}

fn below(folder: &str, name: String) -> String {
    if folder.is_empty() { name } else { format!("{folder}/{name}") }
}

/// Names and targets were text when they came out of the zip.
fn text(name: std::ffi::OsString) -> io::Result<String> {
    name.into_string().map_err(|name| io::Error::other(format!("expected UTF-8, found {}", name.display())))
}

/// Takes out what stands at a path and below it.
fn clear(plan: &mut Plan, path: &str) {
    if let Some(Item::Dir { .. }) = plan.remove(path) {
        let inside = format!("{path}/");
        let behind = plan.range(inside.clone()..);
        let doomed: Vec<String> =
            behind.map(|(path, _)| path).take_while(|path| path.starts_with(&inside)).cloned().collect();
        for path in doomed {
            plan.remove(&path);
        }
    }
}

/// Links that stay within their own layer may leave by way of another layer's. Inside a sandbox
/// that leads nowhere in particular; the server looks into the tree from outside.
fn check_links(plan: &Plan) -> Result<(), PackageError> {
    let targets = plan.iter().filter_map(|(path, item)| match item {
        Item::Link { target } => Some((path.clone(), target.clone())),
        Item::Dir { .. } | Item::File { .. } => None,
    });
    links::check(&targets.collect()).map_err(|error| match error {
        PackageError::BadLink { name, target, reason } => PackageError::LinksLeave { name, target, reason },
        other => other,
    })
}

fn write(plan: &Plan, layers: &[Arc<CodeDir>], root: &Path) -> io::Result<()> {
    for (path, item) in plan {
        let place = root.join(path);
        match item {
            Item::Dir { .. } => DirBuilder::new().mode(0o700).create(&place)?,
            Item::File { layer } => place_file(&layers[*layer].path().join(path), &place)?,
            Item::Link { target } => symlink(target, &place)?,
        }
    }
    // The deepest first: a directory may forbid writing.
    for (path, item) in plan.iter().rev() {
        if let Item::Dir { mode } = item {
            fs::set_permissions(root.join(path), Permissions::from_mode(*mode))?;
        }
    }
    Ok(())
}

/// A hard link; a copy where the file system takes no more of them or has none.
fn place_file(from: &Path, to: &Path) -> io::Result<()> {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, TooManyLinks, Unsupported};
    match fs::hard_link(from, to) {
        Err(error) if matches!(error.kind(), CrossesDevices | PermissionDenied | TooManyLinks | Unsupported) => {
            fs::copy(from, to).map(|_| ())
        }
        done => done,
    }
}
