//! One process to a data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use crate::traits::StoreError;

/// An advisory lock on `<dir>/lock`, held until it is dropped; the kernel drops it with the
/// process, so that a crash leaves nothing to clean up. The file names the holder's pid.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    pub(super) fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join("lock");
        let failed = |e| StoreError::io(format!("lock {}", path.display()), e);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked {
                    path: dir.display().to_string(),
                    holder: holder(&mut file),
                });
            }
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// ` (pid 123)`, or nothing when the file says nothing that can be read.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    // Best effort: the lock is what counts.
    let _ = file.read_to_string(&mut text);
    text.trim().parse::<u32>().map_or_else(|_| String::new(), |pid| format!(" (pid {pid})"))
}
