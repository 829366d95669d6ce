//! Random operations on the embedded backend and on the one in memory: they answer alike.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use hearth_core::Clock;
use hearth_store::embedded::Options;
use hearth_store::{
    Blobs, Change, Documents, Embedded, Expect, Key, Lease, Memory, Queue, QueueItem, Queues, StoreError, Write,
};
use proptest::prelude::*;

/// One step. Versions and leases are named by how long ago they were seen, so that both stale
/// and current ones come up.
#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Intent>),
    Get(u8),
    Scan {
        prefix: String,
        after: Option<String>,
        limit: usize,
    },
    Enqueue {
        queue: u8,
        delay_ms: u64,
    },
    EnqueueHeld {
        queue: u8,
        lease_ms: u64,
    },
    Lease {
        queue: u8,
        max: usize,
        lease_ms: u64,
    },
    Complete(usize),
    Release {
        held: usize,
        delay_ms: u64,
    },
    Replace {
        held: usize,
        delay_ms: u64,
    },
    Extend {
        held: usize,
        lease_ms: u64,
    },
    /// Length, first due time, and names by a prefix that one queue has or all.
    Look(u8),
    /// One queue's or all.
    Expire(u8),
    Advance(i64),
    BlobPut(u8),
    BlobDelete(u8),
    /// Closes the embedded backend and opens it again.
    Reopen,
}

#[derive(Clone, Debug)]
enum Intent {
    Put { id: u8, expect: Seen },
    Delete { id: u8, expect: Seen },
    Enqueue { queue: u8, delay_ms: u64 },
}

#[derive(Clone, Copy, Debug)]
enum Seen {
    Anything,
    Absent,
    /// The version of the document as it is now.
    Current,
    Stale,
}

fn seen() -> impl Strategy<Value = Seen> {
    prop_oneof![
        3 => Just(Seen::Anything),
        2 => Just(Seen::Absent),
        3 => Just(Seen::Current),
        1 => Just(Seen::Stale),
    ]
}

fn intent() -> impl Strategy<Value = Intent> {
    prop_oneof![
        4 => (0..6u8, seen()).prop_map(|(id, expect)| Intent::Put { id, expect }),
        2 => (0..6u8, seen()).prop_map(|(id, expect)| Intent::Delete { id, expect }),
        1 => (0..2u8, 0..20u64).prop_map(|(queue, delay_ms)| Intent::Enqueue { queue, delay_ms }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(intent(), 0..5).prop_map(Step::Commit),
        2 => (0..6u8).prop_map(Step::Get),
        2 => ("[ab]{0,2}", prop::option::of("[ab]{0,3}"), 0..6usize)
            .prop_map(|(prefix, after, limit)| Step::Scan { prefix, after, limit }),
        3 => (0..2u8, 0..20u64).prop_map(|(queue, delay_ms)| Step::Enqueue { queue, delay_ms }),
        1 => (0..2u8, 0..20u64).prop_map(|(queue, lease_ms)| Step::EnqueueHeld { queue, lease_ms }),
        4 => (0..2u8, 0..4usize, 0..20u64).prop_map(|(queue, max, lease_ms)| Step::Lease { queue, max, lease_ms }),
        2 => (0..8usize).prop_map(Step::Complete),
        2 => (0..8usize, 0..20u64).prop_map(|(held, delay_ms)| Step::Release { held, delay_ms }),
        1 => (0..8usize, 0..20u64).prop_map(|(held, delay_ms)| Step::Replace { held, delay_ms }),
        2 => (0..8usize, 0..20u64).prop_map(|(held, lease_ms)| Step::Extend { held, lease_ms }),
        1 => (0..3u8).prop_map(Step::Look),
        1 => (0..3u8).prop_map(Step::Expire),
        3 => (0..15i64).prop_map(Step::Advance),
        1 => any::<u8>().prop_map(Step::BlobPut),
        1 => any::<u8>().prop_map(Step::BlobDelete),
        1 => Just(Step::Reopen),
    ]
}

/// Ids that are prefixes of each other.
fn key(id: u8) -> Key {
    Key::new("t", ["a", "ab", "aba", "b", "ba", "bb"][usize::from(id)])
}

fn queue(queue: u8) -> Queue {
    Queue(format!("q{queue}"))
}

/// Of one queue, or of all.
fn prefix(queues: u8) -> String {
    if queues < 2 { queue(queues).0 } else { "q".to_owned() }
}

/// A failure by what it means: causes are worded differently.
fn outcome<T>(result: Result<T, StoreError>) -> Result<T, String> {
    result.map_err(|error| match error {
        StoreError::Conflict { id, found, .. } => format!("conflict on {id}, found {found}"),
        other => panic!("{other}"),
    })
}

struct Pair {
    clock: Clock,
    folder: tempfile::TempDir,
    embedded: Embedded,
    memory: Memory,
    embedded_watch: tokio::sync::mpsc::Receiver<Change>,
    memory_watch: tokio::sync::mpsc::Receiver<Change>,
    /// Leases as both gave them out, the latest last.
    leases: Vec<Lease>,
    stale: u64,
}

impl Pair {
    fn new() -> Self {
        let clock = Clock::fixed(1_000);
        let folder = tempfile::tempdir_in(hearth_store::conformance::folders()).unwrap();
        let embedded = Embedded::open(Options::new(folder.path(), clock.clone())).unwrap();
        let memory = Memory::new(clock.clone());
        Self {
            embedded_watch: embedded.watch("t"),
            memory_watch: memory.watch("t"),
            clock,
            folder,
            embedded,
            memory,
            leases: Vec::new(),
            stale: 1,
        }
    }

    async fn write(&self, intent: &Intent) -> Write {
        match *intent {
            Intent::Put { id, expect } => Write::Put {
                key: key(id),
                body: Bytes::from(format!("{id}-{}", self.leases.len())),
                expect: self.expect(id, expect).await,
            },
            Intent::Delete { id, expect } => Write::Delete {
                key: key(id),
                expect: self.expect(id, expect).await,
            },
            Intent::Enqueue { queue: q, delay_ms } => Write::Enqueue {
                queue: queue(q),
                body: Bytes::from_static(b"with a batch"),
                delay_ms,
            },
        }
    }

    async fn expect(&self, id: u8, seen: Seen) -> Expect {
        match seen {
            Seen::Anything => Expect::Anything,
            Seen::Absent => Expect::Absent,
            Seen::Stale => Expect::Version(self.stale),
            Seen::Current => match Documents::get(&self.memory, key(id)).await.unwrap() {
                None => Expect::Absent,
                Some(document) => Expect::Version(document.version),
            },
        }
    }

    fn held(&self, back: usize) -> Lease {
        let made_up = Lease { item: 1, token: 0 };
        self.leases.iter().rev().nth(back).cloned().unwrap_or(made_up)
    }

    async fn take(&mut self, step: &Step) {
        let (e, m) = (&self.embedded, &self.memory);
        match step {
            Step::Commit(intents) => {
                let mut batch = Vec::new();
                for intent in intents {
                    batch.push(self.write(intent).await);
                }
                let embedded = outcome(e.commit(batch.clone()).await);
                let memory = outcome(m.commit(batch).await);
                assert_eq!(embedded, memory);
            }
            Step::Get(id) => {
                assert_eq!(Documents::get(e, key(*id)).await.unwrap(), Documents::get(m, key(*id)).await.unwrap());
            }
            Step::Scan { prefix, after, limit } => {
                let embedded = e.scan("t", prefix.clone(), after.clone(), *limit).await.unwrap();
                assert_eq!(embedded, m.scan("t", prefix.clone(), after.clone(), *limit).await.unwrap());
            }
            Step::Enqueue { queue: q, delay_ms } => {
                e.enqueue(queue(*q), Bytes::from_static(b"x"), *delay_ms).await.unwrap();
                m.enqueue(queue(*q), Bytes::from_static(b"x"), *delay_ms).await.unwrap();
            }
            Step::EnqueueHeld { queue: q, lease_ms } => {
                let embedded = e.enqueue_held(queue(*q), Bytes::from_static(b"held"), *lease_ms).await.unwrap();
                let memory = m.enqueue_held(queue(*q), Bytes::from_static(b"held"), *lease_ms).await.unwrap();
                assert_eq!(embedded, memory);
                self.leases.push(embedded);
            }
            Step::Lease { queue: q, max, lease_ms } => {
                let embedded: Vec<QueueItem> = e.lease(queue(*q), *max, *lease_ms).await.unwrap();
                assert_eq!(embedded, m.lease(queue(*q), *max, *lease_ms).await.unwrap());
                self.leases.extend(embedded.into_iter().map(|item| item.lease));
            }
            Step::Complete(back) => {
                let lease = self.held(*back);
                assert_eq!(e.complete(lease.clone()).await.unwrap(), m.complete(lease).await.unwrap());
            }
            Step::Release { held, delay_ms } => {
                let lease = self.held(*held);
                let embedded = e.release(lease.clone(), *delay_ms).await.unwrap();
                assert_eq!(embedded, m.release(lease, *delay_ms).await.unwrap());
            }
            Step::Replace { held, delay_ms } => {
                let (lease, body) = (self.held(*held), Bytes::from(format!("again {delay_ms}")));
                let embedded = e.replace(lease.clone(), body.clone(), *delay_ms).await.unwrap();
                assert_eq!(embedded, m.replace(lease, body, *delay_ms).await.unwrap());
            }
            Step::Extend { held, lease_ms } => {
                let lease = self.held(*held);
                let embedded = e.extend(lease.clone(), *lease_ms).await.unwrap();
                assert_eq!(embedded, m.extend(lease, *lease_ms).await.unwrap());
            }
            Step::Look(q) => {
                assert_eq!(e.len(queue(*q)).await.unwrap(), m.len(queue(*q)).await.unwrap());
                let (embedded, memory) = (e.next_due_ms(queue(*q)).await, m.next_due_ms(queue(*q)).await);
                assert_eq!(embedded.unwrap(), memory.unwrap());
                assert_eq!(e.names(prefix(*q)).await.unwrap(), m.names(prefix(*q)).await.unwrap());
            }
            Step::Expire(q) => {
                e.expire(prefix(*q)).await.unwrap();
                m.expire(prefix(*q)).await.unwrap();
            }
            Step::Advance(by_ms) => self.clock.advance_ms(*by_ms),
            Step::BlobPut(byte) => {
                let body = Bytes::from(vec![*byte; 10]);
                assert_eq!(e.put(body.clone()).await.unwrap(), m.put(body).await.unwrap());
            }
            Step::BlobDelete(byte) => {
                let id = m.put(Bytes::from(vec![*byte; 10])).await.unwrap();
                Blobs::delete(m, id).await.unwrap();
                Blobs::delete(e, id).await.unwrap();
                assert_eq!(e.list().await.unwrap(), m.list().await.unwrap());
            }
            Step::Reopen => self.reopen().await,
        }
    }

    async fn reopen(&mut self) {
        self.compare_watches();
        self.embedded.close().await;
        self.embedded = Embedded::open(Options::new(self.folder.path(), self.clock.clone())).unwrap();
        self.embedded_watch = self.embedded.watch("t");
    }

    fn compare_watches(&mut self) {
        loop {
            let (embedded, memory) = (self.embedded_watch.try_recv().ok(), self.memory_watch.try_recv().ok());
            assert_eq!(embedded, memory);
            if embedded.is_none() {
                return;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn embedded_and_memory_answer_alike(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut pair = Pair::new();
            for step in &steps {
                pair.take(step).await;
            }
            pair.compare_watches();
            pair.embedded.close().await;
        });
    }
}
