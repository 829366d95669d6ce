//! The store's traits, in terms of the writer, the readers and the blob folder.

use bytes::Bytes;
use hearth_model::BoxFuture;
use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::sync::mpsc;

use super::Embedded;
use super::writer::{Answer, Work};
use crate::traits::{
    BlobId, Blobs, Change, Document, Documents, Key, Lease, Queue, QueueItem, Queues, StoreError, Write,
};

impl Documents for Embedded {
    fn get(&self, key: Key) -> BoxFuture<'_, Result<Option<Document>, StoreError>> {
        Box::pin(self.inner.readers.run("read a document", move |connection| {
            connection
                .prepare_cached("SELECT id, version, body FROM document WHERE collection = ?1 AND id = ?2")?
                .query_row(params![key.collection, key.id], document)
                .optional()
        }))
    }

    fn scan(
        &self,
        collection: &'static str,
        prefix: String,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Document>, StoreError>> {
        Box::pin(
            self.inner.readers.run("read documents", move |connection| {
                scan(connection, collection, &prefix, after.as_deref(), limit)
            }),
        )
    }

    fn commit(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<Vec<u64>, StoreError>> {
        Box::pin(async move {
            match self.write(Work::Commit(batch)).await? {
                Answer::Versions(versions) => Ok(versions),
                other => Err(misfit(&other)),
            }
        })
    }

    fn watch(&self, collection: &'static str) -> mpsc::Receiver<Change> {
        self.inner.watchers.add(collection)
    }
}

impl Queues for Embedded {
    fn enqueue(&self, queue: Queue, body: Bytes, delay_ms: u64) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.commit(vec![Write::Enqueue { queue, body, delay_ms }]).await?;
            Ok(())
        })
    }

    fn enqueue_held(&self, queue: Queue, body: Bytes, lease_ms: u64) -> BoxFuture<'_, Result<Lease, StoreError>> {
        Box::pin(async move {
            match self.write(Work::EnqueueHeld { queue, body, lease_ms }).await? {
                Answer::Lease(lease) => Ok(lease),
                other => Err(misfit(&other)),
            }
        })
    }

    fn lease(&self, queue: Queue, max: usize, lease_ms: u64) -> BoxFuture<'_, Result<Vec<QueueItem>, StoreError>> {
        Box::pin(async move {
            match self.write(Work::Lease { queue, max, lease_ms }).await? {
                Answer::Items(items) => Ok(items),
                other => Err(misfit(&other)),
            }
        })
    }

    fn complete(&self, lease: Lease) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.held(Work::Complete(lease)))
    }

    fn release(&self, lease: Lease, delay_ms: u64) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.held(Work::Release { lease, delay_ms }))
    }

    fn replace(&self, lease: Lease, body: Bytes, delay_ms: u64) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.held(Work::Replace { lease, body, delay_ms }))
    }

    fn extend(&self, lease: Lease, lease_ms: u64) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.held(Work::Extend { lease, lease_ms }))
    }

    fn len(&self, queue: Queue) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(self.inner.readers.run("count a queue", move |connection| {
            let count: i64 = connection
                .prepare_cached("SELECT count(*) FROM item WHERE queue = ?1")?
                .query_row([queue.0], |row| row.get(0))?;
            Ok(count.unsigned_abs())
        }))
    }

    fn next_due_ms(&self, queue: Queue) -> BoxFuture<'_, Result<Option<i64>, StoreError>> {
        Box::pin(self.inner.readers.run("look at a queue", move |connection| {
            connection
                .prepare_cached("SELECT min(due_ms) FROM item WHERE queue = ?1")?
                .query_row([queue.0], |row| row.get(0))
        }))
    }

    fn names(&self, prefix: String) -> BoxFuture<'_, Result<Vec<Queue>, StoreError>> {
        Box::pin(self.inner.readers.run("list the queues", move |connection| {
            let sql = "SELECT DISTINCT queue FROM item
                       WHERE queue >= ?1 AND substr(queue, 1, length(?1)) = ?1 ORDER BY queue";
            let mut statement = connection.prepare_cached(sql)?;
            let names = statement.query_map([prefix], |row| row.get(0).map(Queue))?;
            names.collect()
        }))
    }

    fn expire(&self, prefix: String) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            match self.write(Work::Expire(prefix)).await? {
                Answer::Done => Ok(()),
                other => Err(misfit(&other)),
            }
        })
    }
}

impl Blobs for Embedded {
    fn put(&self, bytes: Bytes) -> BoxFuture<'_, Result<BlobId, StoreError>> {
        Box::pin(self.inner.blobs.run("store a blob", move |folder| folder.put(&bytes)))
    }

    fn get(&self, id: BlobId) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        Box::pin(self.inner.blobs.run("read a blob", move |folder| folder.get(id)))
    }

    fn delete(&self, id: BlobId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.inner.blobs.run("delete a blob", move |folder| folder.delete(id)))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<BlobId>, StoreError>> {
        Box::pin(self.inner.blobs.run("list the blobs", |folder| folder.list()))
    }
}

impl Embedded {
    async fn held(&self, work: Work) -> Result<bool, StoreError> {
        match self.write(work).await? {
            Answer::Held(held) => Ok(held),
            other => Err(misfit(&other)),
        }
    }
}

/// The writer answers each kind of work with its kind of answer.
fn misfit(answer: &Answer) -> StoreError {
    StoreError::io("understand the writer", format!("it answered another question: {answer:?}"))
}

fn document(row: &Row<'_>) -> rusqlite::Result<Document> {
    Ok(Document {
        id: row.get(0)?,
        version: row.get::<_, i64>(1)?.unsigned_abs(),
        body: Bytes::from(row.get::<_, Vec<u8>>(2)?),
    })
}

/// Ids sort as bytes, so those with a prefix stand together: begin at the prefix or behind
/// `after`, whichever is later, and stop at the first id without it.
fn scan(
    connection: &Connection,
    collection: &str,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> rusqlite::Result<Vec<Document>> {
    let after = after.filter(|after| *after >= prefix);
    let sql = if after.is_some() {
        "SELECT id, version, body FROM document WHERE collection = ?1 AND id > ?2 ORDER BY id LIMIT ?3"
    } else {
        "SELECT id, version, body FROM document WHERE collection = ?1 AND id >= ?2 ORDER BY id LIMIT ?3"
    };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![collection, after.unwrap_or(prefix), limit], document)?;
    let mut found = Vec::new();
    for row in rows {
        let row = row?;
        if !row.id.starts_with(prefix) {
            break;
        }
        found.push(row);
    }
    Ok(found)
}
