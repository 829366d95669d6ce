//! What lies where in the data folder.
//!
//! | path | what | loss means |
//! |---|---|---|
//! | `hearth.db*`, `blobs/`, `lock` | the store: functions and their packages | functions are gone |
//! | `secret` | what signs functions' credentials | those in use end |
//! | `encryption-key` | what keys and functions' variables are encrypted under | they are lost |
//! | `logs/` | function logs | logs are gone |
//! | `packages/` | what functions find beside their own packages; the operator's | functions that lack a package fail |
//! | `cache/` | unpacked packages, packed bootstraps, the search for interpreters | made again |
//! | `images/` | unpacked container images | pulled again, if the registry still has them |
//! | `run/` | mount points and disk images of running sandboxes | made again at each start |

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::error::StartError;

/// A data folder that exists. Who may use it is the store's to say: it takes the lock.
#[derive(Clone, Debug)]
pub struct Layout {
    data: PathBuf,
}

impl Layout {
    /// Makes the folder where it is missing, readable for its owner alone.
    ///
    /// # Errors
    /// When it cannot be made or reached.
    pub fn make(data: &Path) -> Result<Self, StartError> {
        let fail = |action| {
            move |cause| StartError::DataFolder {
                action,
                path: data.to_owned(),
                cause,
            }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(fail("create"))?;
        Ok(Self {
            data: data.canonicalize().map_err(fail("open"))?,
        })
    }

    /// Of a folder that need not exist, for commands that only look.
    #[must_use]
    pub fn of(data: &Path) -> Self {
        Self { data: data.to_owned() }
    }

    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.data.join("logs")
    }

    #[must_use]
    pub fn secret(&self) -> PathBuf {
        self.data.join("secret")
    }

    /// The operator's key, unless it is kept elsewhere.
    #[must_use]
    pub fn encryption_key(&self) -> PathBuf {
        self.data.join("encryption-key")
    }

    /// Unpacked packages by content.
    #[must_use]
    pub fn code_cache(&self) -> PathBuf {
        self.data.join("cache/code")
    }

    /// Packages for all functions, laid out like a layer: `python/`, `nodejs/node_modules/`.
    #[must_use]
    pub fn packages(&self) -> PathBuf {
        self.data.join("packages")
    }

    /// Unpacked container images by digest.
    #[must_use]
    pub fn images(&self) -> PathBuf {
        self.data.join("images")
    }

    /// What container images have as `/etc/resolv.conf`.
    #[must_use]
    pub fn resolver(&self) -> PathBuf {
        self.data.join("cache/resolv.conf")
    }

    #[must_use]
    pub fn bootstraps(&self) -> PathBuf {
        self.data.join("cache/bootstraps")
    }

    /// What the last search for interpreters found.
    #[must_use]
    pub fn interpreters(&self) -> PathBuf {
        self.data.join("cache/interpreters.json")
    }

    #[must_use]
    pub fn sandboxes(&self) -> PathBuf {
        self.data.join("run")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_is_made_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::make(&dir.path().join("a/b")).unwrap();
        assert_eq!(layout.data().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let error = Layout::make(Path::new("/proc/hearth")).expect_err("/proc takes no folders");
        assert!(error.to_string().starts_with("failed to create the data folder /proc/hearth: "), "{error}");
    }
}
