//! Folders of the host that functions run as they stand: `S3Bucket=hot-reload`.
//!
//! A function sees a folder by a mount, so what is read later is read as it is then; only what a
//! process has loaded is old. So all there is to do is to notice a change, and to have environments
//! replaced: a folder has a revision, which goes into the generation of the function's spec.
//!
//! Invariants: nothing is run that the operator did not open; an invocation of a function that runs
//! no folder does nothing here; and a change that was made before an invocation came is noticed by
//! it, for the folder is looked at when the function is looked up (see [`folder`]).

mod folder;
mod spec;
mod walk;

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Weak};

use hearth_model::{CodeDir, LiveCode};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use self::folder::LiveFolder;
pub(crate) use self::spec::{GENERATION_BITS, LiveSpec};

/// The bucket that stands for folders of the host, as in other local servers.
pub(crate) const BUCKET: &str = "hot-reload";

/// What an operator opens to functions.
#[derive(Clone, Debug, Default)]
pub struct HotReload {
    /// Folders that may be run, with all below them. None: the feature is off.
    pub folders: Vec<PathBuf>,
    /// Functions run as users of their own, so files must be readable for everybody.
    pub others_must_read: bool,
}

/// Names a folder where a package has its hash. No zip hashes to it.
pub(crate) fn name(folder: &str) -> String {
    hex::encode(Sha256::digest(format!("hearth hot-reload 1\n{folder}\n")))
}

/// Every folder that runs, once, however many functions run it.
pub(crate) struct LiveFolders {
    options: HotReload,
    open: Mutex<HashMap<PathBuf, Weak<LiveFolder>>>,
}

impl LiveFolders {
    /// Folders that cannot be found open nothing.
    pub(crate) fn new(mut options: HotReload) -> Self {
        options.folders = options.folders.iter().filter_map(|folder| opened(folder)).collect();
        Self {
            options,
            open: Mutex::default(),
        }
    }

    /// The folder that a client names, in the form that is stored: free of links.
    ///
    /// # Errors
    /// What is wrong with it, for the client.
    pub(crate) fn accept(&self, wanted: &str) -> Result<String, String> {
        if self.options.folders.is_empty() {
            return Err(format!(
                "S3Bucket {BUCKET} is switched off: name the folders that functions may run in the setting \
                 `hot_reload.folders` and start the server again"
            ));
        }
        let path = Path::new(wanted);
        if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
            return Err(format!("S3Bucket {BUCKET} expects the absolute path of a folder as S3Key, found {wanted:?}"));
        }
        // Whether something is there is told of open folders alone.
        let plain = match path.canonicalize() {
            Err(error) if self.is_open(path) => return Err(format!("the folder {wanted} cannot be found: {error}")),
            found => found.ok().filter(|plain| self.is_open(plain)).ok_or_else(|| self.refusal(path))?,
        };
        let plain = plain.into_os_string().into_string();
        let plain = plain.map_err(|name| format!("expected a folder's name in UTF-8, found {}", name.display()))?;
        self.open(&plain).look()?;
        Ok(plain)
    }

    /// A folder as functions run it. What is wrong with it is told when it is looked at.
    pub(crate) fn code(&self, folder: &str) -> Arc<CodeDir> {
        let live: Arc<dyn LiveCode> = self.open(folder);
        Arc::new(CodeDir::of_folder(PathBuf::from(folder), name(folder), live))
    }

    fn open(&self, folder: &str) -> Arc<LiveFolder> {
        let path = Path::new(folder);
        let mut open = self.open.lock();
        if let Some(found) = open.get(path).and_then(Weak::upgrade) {
            return found;
        }
        open.retain(|_, folder| folder.strong_count() > 0);
        // Settings may have changed since the function was made.
        let closed = (!self.is_open(path)).then(|| self.refusal(path));
        let made = Arc::new(LiveFolder::new(path.to_owned(), self.options.others_must_read, closed));
        open.insert(path.to_owned(), Arc::downgrade(&made));
        made
    }

    fn is_open(&self, plain: &Path) -> bool {
        self.options.folders.iter().any(|folder| plain.starts_with(folder))
    }

    fn refusal(&self, path: &Path) -> String {
        let open: Vec<String> = self.options.folders.iter().map(|folder| folder.display().to_string()).collect();
        format!(
            "S3Bucket {BUCKET} expects a folder in one that the setting `hot_reload.folders` names ({}), found {}",
            if open.is_empty() { "none".to_owned() } else { open.join(", ") },
            path.display()
        )
    }
}

fn opened(folder: &Path) -> Option<PathBuf> {
    match folder.canonicalize() {
        Ok(plain) => Some(plain),
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "a folder of `hot_reload.folders` cannot be found");
            None
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
