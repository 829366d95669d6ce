//! The backend for one server: an SQLite database in WAL mode, and a folder of blobs.
//!
//! One thread writes, and commits whatever waits for it together; readers have connections of
//! their own and never wait for it. The data folder belongs to one process at a time.

mod apply;
mod blobs;
mod lock;
mod readers;
mod schema;
mod traits;
mod writer;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hearth_core::Clock;
use tokio::sync::{mpsc, oneshot};

use self::blobs::BlobFolder;
use self::lock::FolderLock;
use self::readers::Readers;
use self::writer::{Answer, Request, Work, Writer};
use crate::traits::StoreError;
use crate::watchers::Watchers;

/// Name of the database in the data folder.
const DATABASE_FILE: &str = "hearth.db";

/// How many requests wait for the writer before callers wait for room.
const WRITER_QUEUE: usize = 1_024;

/// Where and how to open.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data folder. Made when it is absent.
    pub dir: PathBuf,
    /// For the due times of queue items.
    pub clock: Clock,
    /// How many reads run at the same time.
    pub readers: usize,
}

impl Options {
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>, clock: Clock) -> Self {
        Self {
            dir: dir.into(),
            clock,
            readers: 4,
        }
    }
}

/// An open data folder. Cheap to clone; every clone is the same store.
///
/// Dropping the last clone lets what was handed over finish and frees the folder a moment later;
/// [`Embedded::close`] waits for it.
#[derive(Clone, Debug)]
pub struct Embedded {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    requests: mpsc::Sender<Request>,
    readers: Readers,
    blobs: BlobFolder,
    watchers: Arc<Watchers>,
}

impl Embedded {
    /// Opens the data folder: takes its lock, brings the schema up to date, removes what a crash
    /// left half made. Blocks; meant for start-up.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has it, [`StoreError::Newer`] when a later
    /// release wrote it, [`StoreError::Corrupt`] and [`StoreError::Io`].
    pub fn open(options: Options) -> Result<Self, StoreError> {
        let dir = options.dir.as_path();
        make_private(dir)?;
        let lock = FolderLock::take(dir)?;
        let blobs = BlobFolder::open(dir)?;
        let database = dir.join(DATABASE_FILE);
        let connection = schema::open_for_writing(&database)?;
        sync_dir(dir)?;
        let readers = Readers::open(&database, options.readers)?;
        let watchers = Arc::new(Watchers::default());
        let (requests, waiting) = mpsc::channel(WRITER_QUEUE);
        Writer::start(connection, waiting, options.clock, Arc::clone(&watchers), lock)?;
        Ok(Self {
            inner: Arc::new(Inner {
                requests,
                readers,
                blobs,
                watchers,
            }),
        })
    }

    /// Finishes what was handed over, folds the log into the database and frees the data folder.
    /// Everything after it answers [`StoreError::Closed`]. Closing twice changes nothing.
    pub async fn close(&self) {
        self.inner.readers.close().await;
        self.inner.blobs.close().await;
        let (reply, closed) = oneshot::channel();
        // A writer that is gone already has closed.
        if self.inner.requests.send(Request::Close(reply)).await.is_ok() {
            let _ = closed.await;
        }
        self.inner.watchers.close();
    }

    /// Writes the database anew, without what was deleted or overwritten: SQLite leaves that in the
    /// free room of its files, until something else needs the room. As slow as the database is large.
    ///
    /// # Errors
    /// [`StoreError::Io`], for example for want of room; nothing is lost then.
    pub async fn scrub(&self) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.inner.requests.send(Request::Scrub(reply)).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?.map(|_| ())
    }

    async fn write(&self, work: Work) -> Result<Answer, StoreError> {
        let (reply, answer) = oneshot::channel();
        let request = Request::Work { work, reply };
        self.inner.requests.send(request).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

/// What is stored is the owner's alone: code, environment variables, events. A folder that is there
/// keeps the mode that its owner gave it.
fn make_private(dir: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|e| StoreError::io(format!("make the data folder {}", dir.display()), e))
}

/// Makes what was created, renamed or removed in `dir` last.
fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    std::fs::File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(|e| StoreError::io(format!("sync the folder {}", dir.display()), e))
}

/// SQLite's words, with what was being done.
fn database_error(action: &str, error: &rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match error.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => StoreError::Corrupt {
            what: "the database".to_owned(),
            detail: format!("{error} (found while it tried to {action})"),
        },
        _ => StoreError::io(action, error),
    }
}

#[cfg(test)]
mod tests;
