//! What a language's installer made of a list of dependencies, kept until the list changes.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::super::{Project, usage};
use crate::exit::Failure;

/// Has `install` fill a folder, unless it did so for the same `inputs` (files' contents, versions) before.
pub fn staged(
    project: &Project,
    kind: &str,
    inputs: &[&[u8]],
    install: impl FnOnce(&Path) -> Result<(), Failure>,
) -> Result<PathBuf, Failure> {
    let mut hash = Sha256::new();
    for input in inputs {
        hash.update((input.len() as u64).to_be_bytes());
        hash.update(input);
    }
    let parent = project.build_folder().join(kind);
    let folder = parent.join(hex::encode(&hash.finalize()[..8]));
    if folder.is_dir() {
        return Ok(folder);
    }
    let fail = |e: std::io::Error| usage(format!("failed to make {}: {e}", folder.display()));
    // Of former lists; and a draft that was not finished is begun anew.
    match fs::remove_dir_all(&parent) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(fail(e)),
        _ => {}
    }
    let draft = parent.join("draft");
    fs::create_dir_all(&draft).map_err(fail)?;
    keep_out_of_git(project).map_err(fail)?;
    install(&draft)?;
    fs::rename(&draft, &folder).map_err(fail)?;
    Ok(folder)
}

fn keep_out_of_git(project: &Project) -> std::io::Result<()> {
    fs::write(project.build_folder().join(".gitignore"), "*\n")
}
