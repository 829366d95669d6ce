//! The data folder: made on first use, and held by one server at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::error::StartError;

/// Within the data folder. Its lock goes with the process, however that ends; the file stays.
const LOCK_FILE: &str = "hearth.lock";

/// A data folder that this process holds until the value is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the folder where it is missing (readable for its owner alone) and locks it.
    ///
    /// # Errors
    /// When it cannot be made or written, or another server holds it.
    pub fn open(path: &Path) -> Result<Self, StartError> {
        let fail = |action| {
            move |cause| StartError::DataFolder {
                action,
                path: path.to_owned(),
                cause,
            }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(fail("create"))?;
        let path = path.canonicalize().map_err(fail("open"))?;
        let lock = lock(&path)?;
        Ok(Self { path, _lock: lock })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn lock(folder: &Path) -> Result<File, StartError> {
    let fail = |cause| StartError::DataFolder {
        action: "write to",
        path: folder.to_owned(),
        cause,
    };
    let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).clone();
    let mut file = options.open(folder.join(LOCK_FILE)).map_err(fail)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StartError::DataFolderLocked {
                path: folder.to_owned(),
                pid: read_pid(&mut file),
            });
        }
        Err(TryLockError::Error(cause)) => return Err(fail(cause)),
    }
    write_pid(&mut file).map_err(fail)?;
    Ok(file)
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_is_made_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(&dir.path().join("a/b")).unwrap();
        assert_eq!(data.path().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_second_server_learns_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDir::open(dir.path()).unwrap();
        let error = DataDir::open(dir.path()).expect_err("the folder is held");
        assert!(matches!(error, StartError::DataFolderLocked { pid: Some(pid), .. } if pid == std::process::id()));
        drop(first);
        assert!(DataDir::open(dir.path()).is_ok());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let error = DataDir::open(Path::new("/proc/hearth")).expect_err("/proc takes no folders");
        assert!(error.to_string().starts_with("failed to create the data folder /proc/hearth: "), "{error}");
    }
}
