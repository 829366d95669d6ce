//! Blobs as files: `blobs/ab/abcd...`, named by their SHA-256.
//!
//! A blob is written beside its place, synced, renamed into it, and the folder synced: one that
//! has its name is whole. What a crash left unfinished has no name and is removed at the next
//! start.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::sync_dir;
use crate::traits::{BlobId, StoreError};

/// How many blobs are read and written at the same time; each may be large and in memory.
const AT_ONCE: u32 = 8;

#[derive(Debug)]
pub(super) struct BlobFolder {
    folder: Arc<Folder>,
    permits: Arc<Semaphore>,
}

#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    /// Makes names of unfinished files unlike each other.
    counter: AtomicU64,
}

impl BlobFolder {
    pub(super) fn open(data_dir: &Path) -> Result<Self, StoreError> {
        let folder = Folder {
            root: data_dir.join("blobs"),
            counter: AtomicU64::new(0),
        };
        folder.prepare().map_err(|e| StoreError::io(format!("open {}", folder.root.display()), e))?;
        sync_dir(data_dir)?;
        Ok(Self {
            folder: Arc::new(folder),
            permits: Arc::new(Semaphore::new(AT_ONCE as usize)),
        })
    }

    /// Runs `work` off the async threads.
    pub(super) async fn run<T, F>(&self, action: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Folder) -> Result<T, StoreError> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let folder = Arc::clone(&self.folder);
        let work = move || {
            let result = work(&folder);
            drop(permit);
            result
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| StoreError::io(action, e))?
    }

    /// Waits for what runs.
    pub(super) async fn close(&self) {
        if let Ok(all) = self.permits.acquire_many(AT_ONCE).await {
            self.permits.close();
            drop(all);
        }
    }
}

impl Folder {
    fn prepare(&self) -> io::Result<()> {
        let unfinished = self.unfinished();
        match fs::remove_dir_all(&unfinished) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        fs::create_dir_all(&unfinished)?;
        // All shards from the start: made on demand, one writer could rely on a folder that
        // another has made and not yet synced.
        for shard in 0..=u8::MAX {
            match fs::create_dir(self.root.join(hex::encode([shard]))) {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
                _ => {}
            }
        }
        File::open(&self.root)?.sync_all()
    }

    pub(super) fn put(&self, bytes: &[u8]) -> Result<BlobId, StoreError> {
        let id = BlobId(Sha256::digest(bytes).into());
        // A damaged file does not count as being there: writing again heals it.
        if !matches!(self.get(id), Ok(Some(_))) {
            self.write(id, bytes).map_err(|e| StoreError::io(format!("write the blob {id}"), e))?;
        }
        // Also when it was there: whoever wrote it may not have come to this yet.
        sync_dir(&self.shard(id))?;
        Ok(id)
    }

    fn write(&self, id: BlobId, bytes: &[u8]) -> io::Result<()> {
        let n = self.counter.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.unfinished().join(format!("{id}-{n}"));
        let written = write_synced(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, self.place(id)));
        if written.is_err() {
            // What stays is removed at the next start.
            let _ = fs::remove_file(&unfinished);
        }
        written
    }

    pub(super) fn get(&self, id: BlobId) -> Result<Option<Bytes>, StoreError> {
        let bytes = match fs::read(self.place(id)) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(StoreError::io(format!("read the blob {id}"), e)),
        };
        let found = BlobId(Sha256::digest(&bytes).into());
        if found != id {
            return Err(StoreError::Corrupt {
                what: format!("the blob {id}"),
                detail: format!("expected its name as its SHA-256, found {found} over {} bytes", bytes.len()),
            });
        }
        Ok(Some(Bytes::from(bytes)))
    }

    pub(super) fn delete(&self, id: BlobId) -> Result<(), StoreError> {
        match fs::remove_file(self.place(id)) {
            Ok(()) => sync_dir(&self.shard(id)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(StoreError::io(format!("delete the blob {id}"), e)),
        }
    }

    pub(super) fn list(&self) -> Result<Vec<BlobId>, StoreError> {
        let failed = |e| StoreError::io("list the blobs", e);
        let mut ids = Vec::new();
        for shard in fs::read_dir(&self.root).map_err(failed)? {
            let shard = shard.map_err(failed)?;
            if shard.file_name().len() != 2 {
                continue;
            }
            for blob in fs::read_dir(shard.path()).map_err(failed)? {
                ids.extend(parse(&blob.map_err(failed)?.file_name().to_string_lossy()));
            }
        }
        ids.sort_unstable();
        Ok(ids)
    }

    fn unfinished(&self) -> PathBuf {
        self.root.join("unfinished")
    }

    fn shard(&self, id: BlobId) -> PathBuf {
        self.root.join(hex::encode(&id.0[..1]))
    }

    fn place(&self, id: BlobId) -> PathBuf {
        self.shard(id).join(id.to_string())
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn parse(name: &str) -> Option<BlobId> {
    let mut id = [0; 32];
    hex::decode_to_slice(name, &mut id).ok()?;
    Some(BlobId(id))
}
