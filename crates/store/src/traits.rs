//! What every backend offers.

use std::fmt;

use bytes::Bytes;
use hearth_model::BoxFuture;
use thiserror::Error;

/// Names a document: a collection (`function`, `alias` ...) and an id within it. Ids sort as bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub collection: &'static str,
    pub id: String,
}

impl Key {
    #[must_use]
    pub fn new(collection: &'static str, id: impl Into<String>) -> Self {
        Self { collection, id: id.into() }
    }
}

/// A stored value. The bytes are the caller's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub id: String,
    /// Rises with every write of the document; never reused after a deletion.
    pub version: u64,
    pub body: Bytes,
}

/// What a write takes for granted; when it does not hold, the whole batch is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    Anything,
    Absent,
    /// Exactly this version.
    Version(u64),
}

/// One change in a batch. A batch is applied whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    Put {
        key: Key,
        body: Bytes,
        expect: Expect,
    },
    /// Deleting what is not there succeeds under [`Expect::Anything`].
    Delete {
        key: Key,
        expect: Expect,
    },
    /// Adds work, due `delay_ms` from now, in the same transaction.
    Enqueue {
        queue: Queue,
        body: Bytes,
        delay_ms: u64,
    },
}

/// How many changes wait for a watcher before it is closed.
pub const WATCH_CAPACITY: usize = 1_024;

/// A document that was written or deleted, as watchers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub key: Key,
    /// `None` after a deletion.
    pub document: Option<Document>,
}

/// Documents with compare-and-swap.
///
/// A future that is dropped half way may or may not have had its effect: a batch once handed over
/// is applied. The same holds after [`StoreError::Io`]: read to know.
pub trait Documents: Send + Sync + 'static {
    fn get(&self, key: Key) -> BoxFuture<'_, Result<Option<Document>, StoreError>>;

    /// Up to `limit` documents whose ids begin with `prefix`, in order of id, after `after`.
    fn scan(
        &self,
        collection: &'static str,
        prefix: String,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Document>, StoreError>>;

    /// Applies a batch; the new versions come in the order of the writes (0 for deletions and
    /// enqueues).
    fn commit(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<Vec<u64>, StoreError>>;

    /// Changes to a collection from now on, in the order they were made; a change is sent before
    /// its commit is answered. One made just before may come too, so apply by version. A watcher
    /// that falls more than [`WATCH_CAPACITY`] behind is closed once it has read what is waiting,
    /// and has to watch and read anew.
    fn watch(&self, collection: &'static str) -> tokio::sync::mpsc::Receiver<Change>;
}

/// Names a work queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Queue(pub String);

/// Proof that an item is held; void once the lease has run out and another holder took it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub item: u64,
    pub token: u64,
}

/// Work that is held under a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueItem {
    pub lease: Lease,
    pub body: Bytes,
    /// How often it was handed out, this time included.
    pub receive_count: u32,
    /// Unix milliseconds.
    pub enqueued_ms: i64,
}

/// Work queues: at least once, by lease.
pub trait Queues: Send + Sync + 'static {
    fn enqueue(&self, queue: Queue, body: Bytes, delay_ms: u64) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Adds work that the caller holds already for `lease_ms`, as if it had taken it at once.
    fn enqueue_held(&self, queue: Queue, body: Bytes, lease_ms: u64) -> BoxFuture<'_, Result<Lease, StoreError>>;
    /// Takes up to `max` due items for `lease_ms`, the longest due first; after that they are due
    /// again, and the lease is void as soon as someone else takes them.
    fn lease(&self, queue: Queue, max: usize, lease_ms: u64) -> BoxFuture<'_, Result<Vec<QueueItem>, StoreError>>;
    /// Done: removes the item. `false` when the lease was void.
    fn complete(&self, lease: Lease) -> BoxFuture<'_, Result<bool, StoreError>>;
    /// Gives it back, due in `delay_ms`. `false` when the lease was void.
    fn release(&self, lease: Lease, delay_ms: u64) -> BoxFuture<'_, Result<bool, StoreError>>;
    /// [`Queues::release`] with another body in place of the old one.
    fn replace(&self, lease: Lease, body: Bytes, delay_ms: u64) -> BoxFuture<'_, Result<bool, StoreError>>;
    /// Holds on for `lease_ms` from now. `false` when the lease was void.
    fn extend(&self, lease: Lease, lease_ms: u64) -> BoxFuture<'_, Result<bool, StoreError>>;
    /// Items in the queue, held ones included.
    fn len(&self, queue: Queue) -> BoxFuture<'_, Result<u64, StoreError>>;
    /// When the first item is due, in Unix milliseconds: a held one when its lease ends. `None` when
    /// the queue is empty.
    fn next_due_ms(&self, queue: Queue) -> BoxFuture<'_, Result<Option<i64>, StoreError>>;
    /// The queues that have items and whose names begin with `prefix`, by name. Looks at all of
    /// their items: for a start.
    fn names(&self, prefix: String) -> BoxFuture<'_, Result<Vec<Queue>, StoreError>>;
    /// Ends the leases on items of queues whose names begin with `prefix`: for a caller who knows
    /// that their holders are gone. Such a lease holds until the item is taken, as one that ran out.
    fn expire(&self, prefix: String) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// SHA-256 of a blob.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobId(pub [u8; 32]);

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobId({self})")
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Large values by content. Writing the same bytes twice stores them once.
pub trait Blobs: Send + Sync + 'static {
    fn put(&self, bytes: Bytes) -> BoxFuture<'_, Result<BlobId, StoreError>>;
    /// Checked against its id on the way out.
    fn get(&self, id: BlobId) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>>;
    /// Deleting what is not there succeeds.
    fn delete(&self, id: BlobId) -> BoxFuture<'_, Result<(), StoreError>>;
    fn list(&self) -> BoxFuture<'_, Result<Vec<BlobId>, StoreError>>;
}

/// Why the store did not do as asked.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// A write's [`Expect`] did not hold; nothing of the batch was applied.
    #[error("expected {expected:?} of {collection}/{id}, found {found}")]
    Conflict {
        collection: &'static str,
        id: String,
        expected: Expect,
        /// The version found; 0 when absent.
        found: u64,
    },
    /// `holder` is empty, or ` (pid 123)`.
    #[error("the data folder {path} is in use by another process{holder}")]
    Locked { path: String, holder: String },
    /// A later release wrote it. What is stored never changes its meaning, so an older program
    /// cannot guess what the newer form says.
    #[error(
        "{path} has schema version {found}, expected at most {known}: it was written by a newer release; run that one"
    )]
    Newer { path: String, found: i64, known: i64 },
    #[error("failed to {action}: {cause}")]
    Io { action: String, cause: String },
    /// What was read is not what was written.
    #[error("{what} is damaged: {detail}")]
    Corrupt { what: String, detail: String },
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    pub(crate) fn io(action: impl Into<String>, cause: impl fmt::Display) -> Self {
        Self::Io {
            action: action.into(),
            cause: cause.to_string(),
        }
    }

    /// True when somebody else was faster: read anew and decide again.
    #[must_use]
    pub const fn is_conflict(&self) -> bool {
        match self {
            Self::Conflict { .. } => true,
            Self::Locked { .. } | Self::Newer { .. } | Self::Io { .. } | Self::Corrupt { .. } | Self::Closed => false,
        }
    }
}
