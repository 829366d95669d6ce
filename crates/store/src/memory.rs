//! The backend without a disk: for tests above this crate. Same semantics, nothing is kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use hearth_core::Clock;
use hearth_model::BoxFuture;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::traits::{
    BlobId, Blobs, Change, Document, Documents, Expect, Key, Lease, Queue, QueueItem, Queues, StoreError, Write,
};
use crate::watchers::Watchers;

/// A store in memory. Cheap to clone; every clone is the same store. Never waits, so it is fit for
/// tests with paused time.
#[derive(Clone, Debug)]
pub struct Memory {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    clock: Clock,
    state: Mutex<State>,
    watchers: Watchers,
}

#[derive(Debug, Default)]
struct State {
    documents: BTreeMap<Key, Document>,
    items: BTreeMap<u64, Item>,
    blobs: HashMap<BlobId, Bytes>,
    /// Versions, item ids and lease tokens come from one sequence, as in the embedded backend.
    sequence: u64,
}

#[derive(Debug)]
struct Item {
    queue: Queue,
    due_ms: i64,
    /// 0 when nobody holds it.
    token: u64,
    receive_count: u32,
    enqueued_ms: i64,
    body: Bytes,
}

impl Memory {
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            inner: Arc::new(Inner {
                clock,
                state: Mutex::default(),
                watchers: Watchers::default(),
            }),
        }
    }

    /// Spoils a blob, so that a test can see that it is noticed.
    pub fn damage_blob(&self, id: BlobId) {
        if let Some(bytes) = self.inner.state.lock().blobs.get_mut(&id) {
            *bytes = Bytes::from_static(b"damaged");
        }
    }

    fn apply(&self, batch: Vec<Write>) -> Result<Vec<u64>, StoreError> {
        let now = self.inner.clock.now_ms();
        let mut state = self.inner.state.lock();
        let sequence = state.sequence;
        let mut undo = Vec::new();
        let mut changes = Vec::new();
        let mut versions = Vec::with_capacity(batch.len());
        for write in batch {
            match state.write(write, now, &mut undo, &mut changes) {
                Ok(version) => versions.push(version),
                Err(conflict) => {
                    state.undo(undo);
                    // Nobody has seen the numbers that were taken back.
                    state.sequence = sequence;
                    return Err(conflict);
                }
            }
        }
        // Under the lock, so that watchers see changes in the order they were made.
        self.inner.watchers.publish(&changes);
        Ok(versions)
    }

    fn give_back(&self, lease: &Lease, body: Option<Bytes>, delay_ms: u64) -> bool {
        let now = self.inner.clock.now_ms();
        let mut state = self.inner.state.lock();
        let Some(item) = state.held(lease) else {
            return false;
        };
        item.due_ms = later(now, delay_ms);
        item.token = 0;
        if let Some(body) = body {
            item.body = body;
        }
        true
    }
}

/// How to take one write back.
enum Undo {
    Document(Key, Option<Document>),
    Item(u64),
}

impl State {
    fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    fn write(
        &mut self,
        write: Write,
        now_ms: i64,
        undo: &mut Vec<Undo>,
        changes: &mut Vec<Change>,
    ) -> Result<u64, StoreError> {
        match write {
            Write::Put { key, body, expect } => {
                self.check(&key, expect)?;
                let version = self.next();
                let document = Document {
                    id: key.id.clone(),
                    version,
                    body,
                };
                let before = self.documents.insert(key.clone(), document.clone());
                undo.push(Undo::Document(key.clone(), before));
                changes.push(Change {
                    key,
                    document: Some(document),
                });
                Ok(version)
            }
            Write::Delete { key, expect } => {
                self.check(&key, expect)?;
                if let Some(before) = self.documents.remove(&key) {
                    undo.push(Undo::Document(key.clone(), Some(before)));
                    changes.push(Change { key, document: None });
                }
                Ok(0)
            }
            Write::Enqueue { queue, body, delay_ms } => {
                let id = self.next();
                let item = Item {
                    queue,
                    due_ms: later(now_ms, delay_ms),
                    token: 0,
                    receive_count: 0,
                    enqueued_ms: now_ms,
                    body,
                };
                self.items.insert(id, item);
                undo.push(Undo::Item(id));
                Ok(0)
            }
        }
    }

    fn check(&self, key: &Key, expect: Expect) -> Result<(), StoreError> {
        let found = self.documents.get(key).map_or(0, |document| document.version);
        let holds = match expect {
            Expect::Anything => true,
            Expect::Absent => found == 0,
            Expect::Version(version) => found != 0 && found == version,
        };
        if holds {
            return Ok(());
        }
        Err(StoreError::Conflict {
            collection: key.collection,
            id: key.id.clone(),
            expected: expect,
            found,
        })
    }

    fn undo(&mut self, undo: Vec<Undo>) {
        for step in undo.into_iter().rev() {
            match step {
                Undo::Document(key, Some(before)) => drop(self.documents.insert(key, before)),
                Undo::Document(key, None) => drop(self.documents.remove(&key)),
                Undo::Item(id) => drop(self.items.remove(&id)),
            }
        }
    }

    fn lease(&mut self, queue: &Queue, max: usize, now_ms: i64, lease_ms: u64) -> Vec<QueueItem> {
        let mut due: Vec<(i64, u64)> = self
            .items
            .iter()
            .filter(|(_, item)| item.queue == *queue && item.due_ms <= now_ms)
            .map(|(id, item)| (item.due_ms, *id))
            .collect();
        due.sort_unstable();
        due.truncate(max);
        due.into_iter().filter_map(|(_, id)| self.hand_out(id, later(now_ms, lease_ms))).collect()
    }

    fn hand_out(&mut self, id: u64, due_ms: i64) -> Option<QueueItem> {
        let token = self.next();
        let item = self.items.get_mut(&id)?;
        item.due_ms = due_ms;
        item.token = token;
        item.receive_count = item.receive_count.saturating_add(1);
        Some(QueueItem {
            lease: Lease { item: id, token },
            body: item.body.clone(),
            receive_count: item.receive_count,
            enqueued_ms: item.enqueued_ms,
        })
    }

    fn held(&mut self, lease: &Lease) -> Option<&mut Item> {
        self.items.get_mut(&lease.item).filter(|item| item.token != 0 && item.token == lease.token)
    }
}

impl Documents for Memory {
    fn get(&self, key: Key) -> BoxFuture<'_, Result<Option<Document>, StoreError>> {
        Box::pin(async move { Ok(self.inner.state.lock().documents.get(&key).cloned()) })
    }

    fn scan(
        &self,
        collection: &'static str,
        prefix: String,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Document>, StoreError>> {
        Box::pin(async move {
            let state = self.inner.state.lock();
            let found = state
                .documents
                .range(Key::new(collection, prefix.clone())..)
                .take_while(|(key, _)| key.collection == collection && key.id.starts_with(&prefix))
                .filter(|(key, _)| after.as_ref().is_none_or(|after| key.id > *after))
                .map(|(_, document)| document.clone());
            Ok(found.take(limit).collect())
        })
    }

    fn commit(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<Vec<u64>, StoreError>> {
        Box::pin(async move { self.apply(batch) })
    }

    fn watch(&self, collection: &'static str) -> mpsc::Receiver<Change> {
        self.inner.watchers.add(collection)
    }
}

impl Queues for Memory {
    fn enqueue(&self, queue: Queue, body: Bytes, delay_ms: u64) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.apply(vec![Write::Enqueue { queue, body, delay_ms }]).map(drop) })
    }

    fn enqueue_held(&self, queue: Queue, body: Bytes, lease_ms: u64) -> BoxFuture<'_, Result<Lease, StoreError>> {
        Box::pin(async move {
            let now = self.inner.clock.now_ms();
            let mut state = self.inner.state.lock();
            let (id, token) = (state.next(), state.next());
            let item = Item {
                queue,
                due_ms: later(now, lease_ms),
                token,
                receive_count: 1,
                enqueued_ms: now,
                body,
            };
            state.items.insert(id, item);
            Ok(Lease { item: id, token })
        })
    }

    fn lease(&self, queue: Queue, max: usize, lease_ms: u64) -> BoxFuture<'_, Result<Vec<QueueItem>, StoreError>> {
        Box::pin(async move {
            let now = self.inner.clock.now_ms();
            Ok(self.inner.state.lock().lease(&queue, max, now, lease_ms))
        })
    }

    fn complete(&self, lease: Lease) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move {
            let mut state = self.inner.state.lock();
            let held = state.held(&lease).is_some();
            if held {
                state.items.remove(&lease.item);
            }
            Ok(held)
        })
    }

    fn release(&self, lease: Lease, delay_ms: u64) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move { Ok(self.give_back(&lease, None, delay_ms)) })
    }

    fn replace(&self, lease: Lease, body: Bytes, delay_ms: u64) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move { Ok(self.give_back(&lease, Some(body), delay_ms)) })
    }

    fn extend(&self, lease: Lease, lease_ms: u64) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move {
            let now = self.inner.clock.now_ms();
            let mut state = self.inner.state.lock();
            let held = state.held(&lease).map(|item| item.due_ms = later(now, lease_ms));
            Ok(held.is_some())
        })
    }

    fn len(&self, queue: Queue) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            let state = self.inner.state.lock();
            Ok(state.items.values().filter(|item| item.queue == queue).count() as u64)
        })
    }

    fn next_due_ms(&self, queue: Queue) -> BoxFuture<'_, Result<Option<i64>, StoreError>> {
        Box::pin(async move {
            let state = self.inner.state.lock();
            Ok(state.items.values().filter(|item| item.queue == queue).map(|item| item.due_ms).min())
        })
    }

    fn names(&self, prefix: String) -> BoxFuture<'_, Result<Vec<Queue>, StoreError>> {
        Box::pin(async move {
            let state = self.inner.state.lock();
            let names = state.items.values().map(|item| item.queue.0.as_str());
            let names: BTreeSet<&str> = names.filter(|name| name.starts_with(&prefix)).collect();
            Ok(names.into_iter().map(|name| Queue(name.to_owned())).collect())
        })
    }

    fn expire(&self, prefix: String) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let now = self.inner.clock.now_ms();
            let mut state = self.inner.state.lock();
            let held = state.items.values_mut().filter(|item| item.token != 0 && item.queue.0.starts_with(&prefix));
            held.for_each(|item| item.due_ms = item.due_ms.min(now));
            Ok(())
        })
    }
}

impl Blobs for Memory {
    fn put(&self, bytes: Bytes) -> BoxFuture<'_, Result<BlobId, StoreError>> {
        Box::pin(async move {
            let id = BlobId(Sha256::digest(&bytes).into());
            self.inner.state.lock().blobs.insert(id, bytes);
            Ok(id)
        })
    }

    fn get(&self, id: BlobId) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        Box::pin(async move {
            let Some(bytes) = self.inner.state.lock().blobs.get(&id).cloned() else {
                return Ok(None);
            };
            let found = BlobId(Sha256::digest(&bytes).into());
            if found != id {
                return Err(StoreError::Corrupt {
                    what: format!("the blob {id}"),
                    detail: format!("expected its name as its SHA-256, found {found}"),
                });
            }
            Ok(Some(bytes))
        })
    }

    fn delete(&self, id: BlobId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.inner.state.lock().blobs.remove(&id);
            Ok(())
        })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<BlobId>, StoreError>> {
        Box::pin(async move {
            let mut ids: Vec<BlobId> = self.inner.state.lock().blobs.keys().copied().collect();
            ids.sort_unstable();
            Ok(ids)
        })
    }
}

fn later(now_ms: i64, by_ms: u64) -> i64 {
    now_ms.saturating_add(i64::try_from(by_ms).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Subject};

    #[tokio::test]
    async fn it_conforms() {
        conformance::check(async || {
            let clock = Clock::fixed(1_000_000);
            let store = Memory::new(clock.clone());
            let spoiled = store.clone();
            Subject::new(store, clock, move |id| spoiled.damage_blob(id))
        })
        .await;
    }
}
