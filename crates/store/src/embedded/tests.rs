//! What holds of the embedded backend beyond the conformance suite: the folder, its lock, opening
//! again, closing.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use tempfile::TempDir;

use super::*;
use crate::conformance::{self, Subject};
use crate::faults::{Faults, Faulty};
use crate::traits::{BlobId, Blobs, Documents, Expect, Key, Queue, Queues, Write};

fn open(dir: &TempDir) -> Result<Embedded, StoreError> {
    Embedded::open(Options::new(dir.path(), Clock::fixed(1_000)))
}

fn place(dir: &Path, id: BlobId) -> PathBuf {
    let name = id.to_string();
    dir.join("blobs").join(&name[..2]).join(name)
}

fn subject(wrap: impl Fn(Embedded, Clock, PathBuf) -> Subject) -> Subject {
    let dir = TempDir::new_in(conformance::folders()).unwrap();
    let clock = Clock::fixed(1_000_000);
    let store = Embedded::open(Options::new(dir.path(), clock.clone())).unwrap();
    let mut subject = wrap(store, clock, dir.path().to_owned());
    subject.keep = Box::new(dir);
    subject
}

fn spoil(dir: &Path, id: BlobId) {
    std::fs::write(place(dir, id), b"abd").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_conforms() {
    let make = async || subject(|store, clock, dir| Subject::new(store, clock, move |id| spoil(&dir, id)));
    conformance::check(make).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_conforms_behind_no_faults() {
    let wrap =
        |store, clock, dir: PathBuf| Subject::new(Faulty::new(store, Faults::new()), clock, move |id| spoil(&dir, id));
    conformance::check(async || subject(wrap)).await;
}

#[tokio::test]
async fn a_folder_has_one_owner_at_a_time() {
    let dir = TempDir::new().unwrap();
    let first = open(&dir).unwrap();
    let error = open(&dir).unwrap_err();
    let expected = format!("(pid {})", std::process::id());
    assert!(matches!(&error, StoreError::Locked { .. }) && error.to_string().contains(&expected), "{error}");
    first.close().await;
    open(&dir).unwrap().close().await;
}

#[tokio::test]
async fn everything_is_there_after_closing_and_opening() {
    let dir = TempDir::new().unwrap();
    let queue = Queue("q".to_owned());
    let key = Key::new("t", "x");
    let put = Write::Put {
        key: key.clone(),
        body: Bytes::from_static(b"x"),
        expect: Expect::Absent,
    };
    let store = open(&dir).unwrap();
    let version = store.commit(vec![put.clone()]).await.unwrap()[0];
    store.enqueue(queue.clone(), Bytes::from_static(b"w"), 0).await.unwrap();
    let lease = store.lease(queue.clone(), 1, 10).await.unwrap().remove(0).lease;
    let blob = store.put(Bytes::from_static(b"b")).await.unwrap();
    store.close().await;
    assert!(!dir.path().join("hearth.db-wal").exists(), "the log is folded in");

    let store = open(&dir).unwrap();
    assert_eq!(Documents::get(&store, key.clone()).await.unwrap().unwrap().version, version);
    assert_eq!(Blobs::get(&store, blob).await.unwrap().unwrap(), "b");
    // A lease outlives a restart, and so does the rule that versions are never reused.
    assert!(store.complete(lease).await.unwrap());
    store
        .commit(vec![Write::Delete {
            key,
            expect: Expect::Anything,
        }])
        .await
        .unwrap();
    store.close().await;
    let store = open(&dir).unwrap();
    assert!(store.commit(vec![put]).await.unwrap()[0] > version);
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir).unwrap();
    let mut watch = store.watch("t");
    store.close().await;
    store.close().await;
    assert!(matches!(store.commit(Vec::new()).await, Err(StoreError::Closed)));
    assert!(matches!(Documents::get(&store, Key::new("t", "x")).await, Err(StoreError::Closed)));
    assert!(matches!(store.put(Bytes::new()).await, Err(StoreError::Closed)));
    assert_eq!(watch.recv().await, None);
    assert_eq!(store.watch("t").recv().await, None);
}

/// An error that SQLite reports in the middle of a group takes that group with it, and only that.
#[tokio::test]
async fn the_writer_outlives_a_failed_transaction() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir).unwrap();
    let other = rusqlite::Connection::open(dir.path().join(DATABASE_FILE)).unwrap();
    other.execute_batch("ALTER TABLE item RENAME TO gone").unwrap();
    let put = |id: &str| Write::Put {
        key: Key::new("t", id),
        body: Bytes::new(),
        expect: Expect::Absent,
    };
    let work = Write::Enqueue {
        queue: Queue("q".to_owned()),
        body: Bytes::new(),
        delay_ms: 0,
    };
    let mut watch = store.watch("t");
    let error = store.commit(vec![put("lost"), work.clone()]).await.unwrap_err();
    assert!(error.to_string().contains("no such table"), "{error}");
    store.commit(vec![put("kept")]).await.unwrap();
    assert_eq!(watch.recv().await.unwrap().key.id, "kept");
    assert_eq!(Documents::get(&store, Key::new("t", "lost")).await.unwrap(), None);
    other.execute_batch("ALTER TABLE gone RENAME TO item").unwrap();
    store.commit(vec![put("lost"), work]).await.unwrap();
}

#[tokio::test]
async fn a_new_folder_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new().unwrap();
    let inner = dir.path().join("a/b");
    let store = Embedded::open(Options::new(&inner, Clock::fixed(0))).unwrap();
    assert_eq!(std::fs::metadata(&inner).unwrap().permissions().mode() & 0o777, 0o700);
    store.close().await;
}

#[tokio::test]
async fn what_was_handed_over_is_finished_before_closing() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir).unwrap();
    let commits: Vec<_> = (0..50)
        .map(|n| {
            let store = store.clone();
            let body = Bytes::from(vec![n]);
            tokio::spawn(async move { store.enqueue(Queue("q".to_owned()), body, 0).await })
        })
        .collect();
    tokio::task::yield_now().await;
    store.close().await;
    let mut acknowledged = 0;
    for commit in commits {
        acknowledged += u64::from(commit.await.unwrap().is_ok());
    }
    let store = open(&dir).unwrap();
    assert_eq!(store.len(Queue("q".to_owned())).await.unwrap(), acknowledged);
}

#[tokio::test]
async fn leftovers_of_a_crash_are_removed() {
    let dir = TempDir::new().unwrap();
    open(&dir).unwrap().close().await;
    let leftover = dir.path().join("blobs/unfinished/half");
    std::fs::write(&leftover, b"half").unwrap();
    let store = open(&dir).unwrap();
    assert!(!leftover.exists());
    assert!(store.list().await.unwrap().is_empty());
}

/// A conflict in one request must not take down its neighbours in the group.
#[tokio::test]
async fn requests_that_are_committed_together_fail_alone() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir).unwrap();
    let requests = (0..100).map(|n: u64| {
        let expect = if n.is_multiple_of(2) { Expect::Absent } else { Expect::Version(1_000_000) };
        let puts = ["a", "b"].map(|half| Write::Put {
            key: Key::new("t", format!("{n}{half}")),
            body: Bytes::new(),
            expect: if half == "a" { Expect::Anything } else { expect },
        });
        store.commit(puts.to_vec())
    });
    let results = futures_join(requests.collect()).await;
    assert!(results.iter().enumerate().all(|(n, result)| result.is_ok() == n.is_multiple_of(2)));
    assert_eq!(store.scan("t", String::new(), None, 1_000).await.unwrap().len(), 100);
}

/// Polls all of them from the start, so that they wait for the writer together.
async fn futures_join<T>(mut futures: Vec<hearth_model::BoxFuture<'_, T>>) -> Vec<T> {
    let mut results: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        for (future, result) in futures.iter_mut().zip(&mut results) {
            if result.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(cx)
            {
                *result = Some(value);
            }
        }
        if results.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    results.into_iter().flatten().collect()
}
