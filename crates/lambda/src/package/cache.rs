//! Unpacked packages by hash: made once, shared, removed when nobody needs them.
//!
//! A tree is built beside its place and renamed into it, so one that is in place is whole.
//! Nothing is synced: after a power cut the trees could be in place and yet have lost data, so a
//! cache from before the last boot is not trusted and made anew from the packages.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use hearth_model::CodeDir;
use parking_lot::Mutex;

use super::overlay::{layers_key, overlay};
use super::unpack::unpack;
use super::{Limits, PackageError, hash};

/// Holds the id of the boot that the trees beside it were made in.
const BOOT_FILE: &str = "boot";
/// Marks a tree in the making, behind its hash.
const UNFINISHED: &str = ".tmp-";
/// Marks a tree that is being removed, behind its hash.
const GONE: &str = ".gone-";

/// The cache. One process owns its directory (the data folder's lock sees to that). Cheap to
/// clone.
#[derive(Clone, Debug)]
pub struct CodeCache {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    limits: Limits,
    /// Trees are on the disk before they are in their place, and trusted after the next boot.
    lasting: bool,
    slots: Mutex<HashMap<String, Arc<Slot>>>,
    /// Makes names of trees in the making unlike each other.
    counter: AtomicU64,
}

/// One package's place: locked while it is being unpacked.
type Slot = tokio::sync::Mutex<Weak<CodeDir>>;

/// What [`CodeCache::collect`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    pub removed: usize,
    pub kept: usize,
}

impl CodeCache {
    /// Opens the cache at `dir`, making it when it is absent. What a crash left half made, and
    /// all of it when the machine was booted since, is set aside for [`CodeCache::collect`].
    ///
    /// # Errors
    /// [`PackageError::Io`].
    pub fn open(dir: impl Into<PathBuf>, limits: Limits) -> Result<Self, PackageError> {
        Self::open_as(dir.into(), limits, false)
    }

    /// [`CodeCache::open`] for trees that cannot be made again at will: they last over a boot.
    ///
    /// # Errors
    /// [`PackageError::Io`].
    pub fn open_lasting(dir: impl Into<PathBuf>) -> Result<Self, PackageError> {
        Self::open_as(dir.into(), Limits::default(), true)
    }

    fn open_as(dir: PathBuf, limits: Limits, lasting: bool) -> Result<Self, PackageError> {
        let inner = Inner {
            dir,
            limits,
            lasting,
            slots: Mutex::default(),
            counter: AtomicU64::new(0),
        };
        inner.prepare().map_err(|e| PackageError::io(format!("open the code cache {}", inner.dir.display()), &e))?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The package's tree, unpacked when it is not there yet. Callers who ask for the same package
    /// at the same time share one unpacking.
    ///
    /// # Errors
    /// Those of [`super::inspect`], [`PackageError::WrongHash`] and [`PackageError::Io`].
    pub async fn ensure(&self, sha256_hex: &str, zip: Bytes) -> Result<Arc<CodeDir>, PackageError> {
        let expected = sha256_hex.to_owned();
        let build = move |inner: &Inner, tree: &Path| {
            let found = hash(&zip).hex();
            if found != expected {
                return Err(PackageError::WrongHash { expected, found });
            }
            unpack(&zip, &inner.limits, tree)
        };
        self.obtain(sha256_hex, build).await
    }

    /// The trees of layers over each other, in their order; made when it is not there yet. Its hash
    /// is that of [`super::layers_key`].
    ///
    /// # Errors
    /// [`PackageError::LinksLeave`] and [`PackageError::Io`].
    pub async fn overlay(&self, layers: Vec<Arc<CodeDir>>) -> Result<Arc<CodeDir>, PackageError> {
        if let [only] = &layers[..] {
            return Ok(Arc::clone(only));
        }
        let hashes: Vec<&str> = layers.iter().map(|layer| layer.sha256_hex()).collect();
        let key = layers_key(&hashes);
        self.obtain(&key, move |_: &Inner, tree: &Path| overlay(&layers, tree)).await
    }

    /// A tree that `build` makes in an empty folder, when it is not there yet.
    ///
    /// # Errors
    /// Those of `build`, and [`PackageError::Io`].
    pub async fn build(
        &self,
        sha256_hex: &str,
        build: impl FnOnce(&Path) -> Result<(), PackageError> + Send + 'static,
    ) -> Result<Arc<CodeDir>, PackageError> {
        self.obtain(sha256_hex, move |_: &Inner, tree: &Path| build(tree)).await
    }

    /// The tree of that name, built when it is not in place.
    async fn obtain(
        &self,
        sha256_hex: &str,
        build: impl FnOnce(&Inner, &Path) -> Result<(), PackageError> + Send + 'static,
    ) -> Result<Arc<CodeDir>, PackageError> {
        let slot = self.inner.slot(sha256_hex)?;
        // The guard goes along to the blocking thread: a caller who goes away leaves the
        // unpacking to finish, and the next one waits for it.
        let mut held = slot.lock_owned().await;
        if let Some(code) = held.upgrade() {
            return Ok(code);
        }
        let (inner, sha256_hex) = (Arc::clone(&self.inner), sha256_hex.to_owned());
        let work = move || {
            if !inner.place(&sha256_hex).is_dir() {
                inner.make(&sha256_hex, build)?;
            }
            let code = Arc::new(CodeDir::new(inner.place(&sha256_hex), sha256_hex));
            *held = Arc::downgrade(&code);
            Ok(code)
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| PackageError::io("unpack a package", &e))?
    }

    /// The package's tree when it is unpacked already: spares the caller reading the zip.
    ///
    /// # Errors
    /// [`PackageError::Io`].
    pub async fn find(&self, sha256_hex: &str) -> Result<Option<Arc<CodeDir>>, PackageError> {
        let mut held = self.inner.slot(sha256_hex)?.lock_owned().await;
        if let Some(code) = held.upgrade() {
            return Ok(Some(code));
        }
        let place = self.inner.place(sha256_hex);
        if !place.is_dir() {
            return Ok(None);
        }
        let code = Arc::new(CodeDir::new(place, sha256_hex.to_owned()));
        *held = Arc::downgrade(&code);
        Ok(Some(code))
    }

    /// Removes every tree that no [`CodeDir`] holds and `live` does not claim (by its hash), and
    /// what crashes left behind. Repeating it changes nothing. Blocks: off the async threads.
    ///
    /// # Errors
    /// [`PackageError::Io`] when the directory cannot be read; a tree that cannot be removed is
    /// logged and tried again the next time.
    pub fn collect(&self, live: impl Fn(&str) -> bool) -> Result<Collected, PackageError> {
        let inner = &self.inner;
        let failed = |e: io::Error| PackageError::io("list the code cache", &e);
        let mut collected = Collected::default();
        for item in fs::read_dir(&inner.dir).map_err(failed)? {
            let item = item.map_err(failed)?;
            let Ok(name) = item.file_name().into_string() else {
                continue;
            };
            if is_sha256_hex(&name) {
                if !inner.set_aside_unused(&name, &live) {
                    collected.kept += 1;
                    continue;
                }
                collected.removed += 1;
            }
        }
        inner.sweep().map_err(failed)?;
        inner.forget_unused_slots();
        Ok(collected)
    }
}

impl Inner {
    fn prepare(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o755).create(&self.dir)?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let boot_file = self.dir.join(BOOT_FILE);
        let made_in = fs::read_to_string(&boot_file).unwrap_or_default();
        let trusted = self.lasting || (!boot.is_empty() && boot == made_in);
        for item in fs::read_dir(&self.dir)? {
            let Ok(name) = item?.file_name().into_string() else {
                continue;
            };
            let unfinished = name.contains(UNFINISHED);
            if unfinished || (is_sha256_hex(&name) && !trusted) {
                self.set_aside(&name)?;
            }
        }
        if trusted { Ok(()) } else { fs::write(boot_file, boot) }
    }

    fn slot(&self, sha256_hex: &str) -> Result<Arc<Slot>, PackageError> {
        if !is_sha256_hex(sha256_hex) {
            return Err(PackageError::WrongHash {
                expected: "64 lowercase hexadecimal digits".to_owned(),
                found: sha256_hex.to_owned(),
            });
        }
        Ok(Arc::clone(self.slots.lock().entry(sha256_hex.to_owned()).or_default()))
    }

    fn place(&self, sha256_hex: &str) -> PathBuf {
        self.dir.join(sha256_hex)
    }

    fn unlike_any(&self, sha256_hex: &str, mark: &str) -> PathBuf {
        let n = self.counter.fetch_add(1, Ordering::Relaxed);
        self.dir.join(format!("{sha256_hex}{mark}{}-{n}", std::process::id()))
    }

    fn make(
        &self,
        sha256_hex: &str,
        build: impl FnOnce(&Self, &Path) -> Result<(), PackageError>,
    ) -> Result<(), PackageError> {
        let tree = self.unlike_any(sha256_hex, UNFINISHED);
        let made = self.build(&tree, sha256_hex, build);
        if made.is_err() {
            remove_tree(&tree);
        }
        made
    }

    fn build(
        &self,
        tree: &Path,
        sha256_hex: &str,
        build: impl FnOnce(&Self, &Path) -> Result<(), PackageError>,
    ) -> Result<(), PackageError> {
        let failed = |e: io::Error| PackageError::io("put an unpacked package in its place", &e);
        fs::create_dir(tree).map_err(failed)?;
        fs::set_permissions(tree, Permissions::from_mode(0o755)).map_err(failed)?;
        build(self, tree)?;
        if self.lasting {
            let sync = || rustix::fs::syncfs(fs::File::open(tree)?).map_err(io::Error::from);
            sync().map_err(failed)?;
        }
        fs::rename(tree, self.place(sha256_hex)).map_err(failed)
    }

    /// Takes a tree out of its place when nobody holds, makes or claims it. True when it did.
    fn set_aside_unused(&self, sha256_hex: &str, live: &impl Fn(&str) -> bool) -> bool {
        let mut slots = self.slots.lock();
        if slots.get(sha256_hex).is_some_and(is_in_use) || live(sha256_hex) {
            return false;
        }
        slots.remove(sha256_hex);
        // Under the lock, so that nobody finds the tree between the check and the rename.
        match self.set_aside(sha256_hex) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(sha256_hex, %error, "an unused package could not be taken out of the code cache");
                false
            }
        }
    }

    fn set_aside(&self, name: &str) -> io::Result<()> {
        let sha256_hex = name.split('.').next().unwrap_or(name);
        fs::rename(self.dir.join(name), self.unlike_any(sha256_hex, GONE))
    }

    /// Packages that were asked for and never made have slots too.
    fn forget_unused_slots(&self) {
        self.slots.lock().retain(|_, slot| is_in_use(slot));
    }

    fn sweep(&self) -> io::Result<()> {
        for item in fs::read_dir(&self.dir)? {
            let item = item?;
            if item.file_name().to_string_lossy().contains(GONE) {
                remove_tree(&item.path());
            }
        }
        Ok(())
    }
}

/// Someone waits for the package, or is just making it, or holds it. Only under the lock on all
/// slots does a "no" stay true.
fn is_in_use(slot: &Arc<Slot>) -> bool {
    Arc::strong_count(slot) > 1 || slot.try_lock().map_or(true, |code| code.strong_count() > 0)
}

fn is_sha256_hex(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Removes a tree whose directories may forbid it.
fn remove_tree(root: &Path) {
    let removed = open_up(root).and_then(|()| fs::remove_dir_all(root));
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %root.display(), %error, "a package's tree could not be removed");
        }
        _ => {}
    }
}

/// Makes every directory writable to the server. Follows no links.
fn open_up(dir: &Path) -> io::Result<()> {
    fs::set_permissions(dir, Permissions::from_mode(0o700))?;
    for item in fs::read_dir(dir)? {
        let item = item?;
        if item.file_type()?.is_dir() {
            open_up(&item.path())?;
        }
    }
    Ok(())
}
