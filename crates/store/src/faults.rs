//! A backend that fails on schedule: for tests of what stands above the store.
//!
//! It wraps any backend and goes through the same traits that production uses, so that a test can
//! place a failure between any two steps of an operation, or stop the world there.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hearth_model::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::traits::{
    BlobId, Blobs, Change, Document, Documents, Key, Lease, Queue, QueueItem, Queues, StoreError, Write,
};

/// Which calls a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Documents.
    Get,
    Scan,
    Commit,
    /// Queues.
    Enqueue,
    EnqueueHeld,
    Lease,
    Complete,
    Release,
    Replace,
    Extend,
    Len,
    NextDue,
    Names,
    Expire,
    /// Blobs.
    BlobPut,
    BlobGet,
    BlobDelete,
    BlobList,
    /// Any of the above.
    Any,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done, and failure is reported.
    FailBefore,
    /// It is done, and yet failure is reported.
    FailAfter,
    /// Nothing is done, and every later call answers [`StoreError::Closed`], as after a crash.
    CrashBefore,
    /// It is done, and this and every later call answers [`StoreError::Closed`].
    CrashAfter,
    /// It is done after this long, by tokio's clock.
    Delay(Duration),
}

/// The schedule. Cheap to clone; a test keeps one and gives one away. Empty at first.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    planned: Vec<Planned>,
    crashed: bool,
    calls: u64,
}

#[derive(Debug)]
struct Planned {
    call: Call,
    /// Calls of that kind to let pass first.
    skip: u64,
    fault: Fault,
}

impl Faults {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Plans one fault for the `nth` call of that kind from now; the next one is the first.
    pub fn plan(&self, call: Call, nth: u64, fault: Fault) {
        self.state.lock().planned.push(Planned {
            call,
            skip: nth.saturating_sub(1),
            fault,
        });
    }

    /// Comes up again after a crash; what was planned and did not happen yet is forgotten.
    pub fn restart(&self) {
        let mut state = self.state.lock();
        state.crashed = false;
        state.planned.clear();
    }

    /// True after a crash.
    #[must_use]
    pub fn is_crashed(&self) -> bool {
        self.state.lock().crashed
    }

    /// How many calls came so far: a test that walks through every crash point counts first.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state.lock().calls
    }

    /// What the schedule has for this call.
    fn strike(&self, call: Call) -> Result<Option<Fault>, StoreError> {
        let mut state = self.state.lock();
        if state.crashed {
            return Err(StoreError::Closed);
        }
        state.calls += 1;
        let mut struck = None;
        state.planned.retain_mut(|planned| {
            if planned.call != call && planned.call != Call::Any {
                return true;
            }
            if planned.skip > 0 {
                planned.skip -= 1;
                return true;
            }
            if struck.is_none() {
                struck = Some(planned.fault);
                return false;
            }
            true
        });
        state.crashed = matches!(struck, Some(Fault::CrashBefore | Fault::CrashAfter));
        Ok(struck)
    }
}

/// A backend with faults.
#[derive(Clone, Debug)]
pub struct Faulty<S> {
    store: S,
    faults: Faults,
}

impl<S> Faulty<S> {
    pub fn new(store: S, faults: Faults) -> Self {
        Self { store, faults }
    }

    /// The backend underneath, without faults: to see what is really there.
    pub fn store(&self) -> &S {
        &self.store
    }

    async fn through<T, W>(&self, call: Call, work: W) -> Result<T, StoreError>
    where
        W: Future<Output = Result<T, StoreError>>,
    {
        match self.faults.strike(call)? {
            None => work.await,
            Some(Fault::FailBefore) => Err(injected(call)),
            Some(Fault::FailAfter) => work.await.and_then(|_| Err(injected(call))),
            Some(Fault::CrashBefore) => Err(StoreError::Closed),
            Some(Fault::CrashAfter) => work.await.and(Err(StoreError::Closed)),
            Some(Fault::Delay(delay)) => {
                tokio::time::sleep(delay).await;
                work.await
            }
        }
    }
}

fn injected(call: Call) -> StoreError {
    StoreError::io(format!("{call:?}").to_lowercase(), "injected fault")
}

impl<S: Documents> Documents for Faulty<S> {
    fn get(&self, key: Key) -> BoxFuture<'_, Result<Option<Document>, StoreError>> {
        Box::pin(self.through(Call::Get, self.store.get(key)))
    }

    fn scan(
        &self,
        collection: &'static str,
        prefix: String,
        after: Option<String>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Document>, StoreError>> {
        Box::pin(self.through(Call::Scan, self.store.scan(collection, prefix, after, limit)))
    }

    fn commit(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<Vec<u64>, StoreError>> {
        Box::pin(self.through(Call::Commit, self.store.commit(batch)))
    }

    fn watch(&self, collection: &'static str) -> mpsc::Receiver<Change> {
        self.store.watch(collection)
    }
}

impl<S: Queues> Queues for Faulty<S> {
    fn enqueue(&self, queue: Queue, body: Bytes, delay_ms: u64) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.through(Call::Enqueue, self.store.enqueue(queue, body, delay_ms)))
    }

    fn enqueue_held(&self, queue: Queue, body: Bytes, lease_ms: u64) -> BoxFuture<'_, Result<Lease, StoreError>> {
        Box::pin(self.through(Call::EnqueueHeld, self.store.enqueue_held(queue, body, lease_ms)))
    }

    fn lease(&self, queue: Queue, max: usize, lease_ms: u64) -> BoxFuture<'_, Result<Vec<QueueItem>, StoreError>> {
        Box::pin(self.through(Call::Lease, self.store.lease(queue, max, lease_ms)))
    }

    fn complete(&self, lease: Lease) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.through(Call::Complete, self.store.complete(lease)))
    }

    fn release(&self, lease: Lease, delay_ms: u64) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.through(Call::Release, self.store.release(lease, delay_ms)))
    }

    fn replace(&self, lease: Lease, body: Bytes, delay_ms: u64) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.through(Call::Replace, self.store.replace(lease, body, delay_ms)))
    }

    fn extend(&self, lease: Lease, lease_ms: u64) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.through(Call::Extend, self.store.extend(lease, lease_ms)))
    }

    fn len(&self, queue: Queue) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(self.through(Call::Len, self.store.len(queue)))
    }

    fn next_due_ms(&self, queue: Queue) -> BoxFuture<'_, Result<Option<i64>, StoreError>> {
        Box::pin(self.through(Call::NextDue, self.store.next_due_ms(queue)))
    }

    fn names(&self, prefix: String) -> BoxFuture<'_, Result<Vec<Queue>, StoreError>> {
        Box::pin(self.through(Call::Names, self.store.names(prefix)))
    }

    fn expire(&self, prefix: String) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.through(Call::Expire, self.store.expire(prefix)))
    }
}

impl<S: Blobs> Blobs for Faulty<S> {
    fn put(&self, bytes: Bytes) -> BoxFuture<'_, Result<BlobId, StoreError>> {
        Box::pin(self.through(Call::BlobPut, self.store.put(bytes)))
    }

    fn get(&self, id: BlobId) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        Box::pin(self.through(Call::BlobGet, self.store.get(id)))
    }

    fn delete(&self, id: BlobId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.through(Call::BlobDelete, self.store.delete(id)))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<BlobId>, StoreError>> {
        Box::pin(self.through(Call::BlobList, self.store.list()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use hearth_core::Clock;

    use super::*;
    use crate::{Expect, Memory};

    fn faulty() -> (Faulty<Memory>, Faults) {
        let faults = Faults::new();
        (Faulty::new(Memory::new(Clock::fixed(0)), faults.clone()), faults)
    }

    fn put(id: &str) -> Vec<Write> {
        vec![Write::Put {
            key: Key::new("t", id),
            body: Bytes::new(),
            expect: Expect::Anything,
        }]
    }

    async fn is_there(store: &impl Documents, id: &str) -> bool {
        store.get(Key::new("t", id)).await.unwrap().is_some()
    }

    #[tokio::test]
    async fn the_nth_commit_fails_with_or_without_effect() {
        let (store, faults) = faulty();
        faults.plan(Call::Commit, 2, Fault::FailBefore);
        faults.plan(Call::Commit, 3, Fault::FailAfter);
        let results = [store.commit(put("a")).await, store.commit(put("b")).await, store.commit(put("c")).await];
        assert_eq!(results.map(|r| r.is_ok()), [true, false, false]);
        assert!(is_there(&store, "a").await);
        assert!(!is_there(&store, "b").await);
        assert!(is_there(&store, "c").await);
    }

    #[tokio::test]
    async fn a_crash_stops_everything_until_the_restart() {
        let (store, faults) = faulty();
        faults.plan(Call::Any, 1, Fault::CrashAfter);
        assert!(matches!(store.commit(put("a")).await, Err(StoreError::Closed)));
        assert!(matches!(Documents::get(&store, Key::new("t", "a")).await, Err(StoreError::Closed)));
        assert!(faults.is_crashed());
        faults.restart();
        assert!(is_there(&store, "a").await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_delay_takes_its_time() {
        let (store, faults) = faulty();
        faults.plan(Call::BlobPut, 1, Fault::Delay(Duration::from_secs(5)));
        let begun = tokio::time::Instant::now();
        store.put(Bytes::from_static(b"x")).await.unwrap();
        assert_eq!(begun.elapsed(), Duration::from_secs(5));
    }
}
