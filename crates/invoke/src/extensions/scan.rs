//! What is to be started from `/opt/extensions`.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The names of the executable files directly in the layers' `extensions` folder, sorted.
/// `layers` is the host's folder that is shown as `/opt`.
///
/// # Errors
/// When the folder cannot be read; its absence is no error.
pub(crate) fn external(layers: &Path) -> io::Result<Vec<String>> {
    let folder = layers.join("extensions");
    // A folder that is run as it stands may hold links that lead anywhere; inside they lead nowhere.
    if !folder.canonicalize().is_ok_and(|real| layers.canonicalize().is_ok_and(|layers| real.starts_with(layers))) {
        return Ok(Vec::new());
    }
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        // Not followed: what a link in a layer names is to be found inside the sandbox, not here.
        let metadata = entry.metadata()?;
        let is_executable = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
        if let (true, Ok(name)) = (is_executable || metadata.is_symlink(), entry.file_name().into_string()) {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    #[test]
    fn executable_files_and_no_others() {
        let layers = tempfile::tempdir().unwrap();
        assert!(external(layers.path()).unwrap().is_empty());
        let folder = layers.path().join("extensions");
        fs::create_dir_all(folder.join("folder")).unwrap();
        for (name, mode) in [("b", 0o755), ("a", 0o500), ("readme.md", 0o644)] {
            fs::write(folder.join(name), "").unwrap();
            fs::set_permissions(folder.join(name), Permissions::from_mode(mode)).unwrap();
        }
        assert_eq!(external(layers.path()).unwrap(), ["a", "b"]);
        let others = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(&folder, others.path().join("extensions")).unwrap();
        assert!(external(others.path()).unwrap().is_empty(), "a link out of the layers is not followed");
    }
}
